#!/usr/bin/env bash
# Commit what pin_release.py wrote, push that commit as the tag of one exact version, and move its release branch there.
#
#   tag_release.sh VERSION
#
# The commit has two parents: the commit that it was made from, and the release before it on the same line. GitHub's workflow
# lockfile (actions.lock) calls a locked commit an "unreachable-pin" unless it is in the history of its tag.
# The line is releases/v1 for the newest version, and releases/v1.1 for a fix of an older minor version. An exact tag never
# moves: if it exists, it must hold the same files, made from the same commit, as when a failed job is run again.
set -euo pipefail

version=${1:?usage: tag_release.sh VERSION}
tag=v$version
source=$(git rev-parse HEAD)

# Print the highest released version below v$1, other than this one.
released() {
  local tags
  tags=$(git tag --list "v$1.*" --sort=-version:refname | grep --extended-regexp '^v[0-9]+\.[0-9]+\.[0-9]+$' || true)
  tags=$(grep --fixed-strings --line-regexp --invert-match "$tag" <<<"$tags" || true)
  echo "${tags%%$'\n'*}"
}

git add action.yml Dockerfile native/wheel.txt templates/run/template.yml
tree=$(git write-tree)
git fetch --quiet --tags --force origin
if git rev-parse --quiet --verify "refs/tags/$tag" >/dev/null; then
  if [ "$(git rev-parse "$tag^{tree}" "$tag^")" != "$tree"$'\n'"$source" ]; then
    echo "error: $tag is released already with other files; an exact tag never moves" >&2
    exit 1
  fi
  exit 0
fi

line=${version%%.*}
before=$(released "$line")
if [ -n "$before" ] && [ "$(printf '%s\n' "$before" "$tag" | sort --version-sort | tail -n 1)" != "$tag" ]; then
  line=${version%.*} # a newer version is out
  before=$(released "$line")
fi
commit=$(git commit-tree "$tree" -p "$source" ${before:+-p "$before^{commit}"} -m "Release $version")
git tag --annotate "$tag" "$commit" --message "Release $version"
# Not forced: the branch is only ever fast-forwarded.
git push --quiet --atomic origin "refs/tags/$tag" "$commit:refs/heads/releases/v$line"
