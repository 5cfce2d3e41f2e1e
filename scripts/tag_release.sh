#!/usr/bin/env bash
# Commit what pin_release.py wrote, and push that commit as the tag of one exact version.
#
#   tag_release.sh VERSION
#
# The release commit is on no branch: main goes on building the image from its own Dockerfile. An exact tag never moves: when
# it is there already, it must hold the same files on the same commit of main, as when a failed job is run again.
set -euo pipefail

version=${1:?usage: tag_release.sh VERSION}
tag=v$version

git add action.yml Dockerfile native/wheel.txt templates/run/template.yml
git commit --quiet --message "Release $version"
if [ -n "$(git ls-remote --tags origin "refs/tags/$tag")" ]; then
  git fetch --quiet --depth 2 origin "refs/tags/$tag"
  if [ "$(git rev-parse 'FETCH_HEAD^{tree}' FETCH_HEAD^)" != "$(git rev-parse 'HEAD^{tree}' HEAD^)" ]; then
    echo "error: $tag is released already with other files; an exact tag never moves" >&2
    exit 1
  fi
  exit 0
fi
git tag --annotate "$tag" --message "Release $version"
git push --quiet origin "refs/tags/$tag"
