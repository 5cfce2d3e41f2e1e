#!/usr/bin/env bash
# Commit what pin_release.py wrote, and push that commit as the tag of one exact version.
#
#   tag_release.sh VERSION
#
# The release commit is on no branch: main goes on building the image from its own Dockerfile.
set -euo pipefail

version=${1:?usage: tag_release.sh VERSION}
tag=v$version

if [ -n "$(git ls-remote --tags origin "refs/tags/$tag")" ]; then
  echo "error: $tag is released already; an exact tag never moves" >&2
  exit 1
fi
git add action.yml Dockerfile native/wheel.txt
git commit --quiet --message "Release $version"
git tag --annotate "$tag" --message "Release $version"
git push --quiet origin "refs/tags/$tag"
