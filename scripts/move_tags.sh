#!/usr/bin/env bash
# Move the plain tags (v1, v1.2) to VERSION where it is the highest one that they stand for, and print those that moved.
#
#   move_tags.sh VERSION
#
# A fix for an older minor version moves its own tag (v1.1) and leaves v1 where it is.
set -euo pipefail

version=${1:?usage: move_tags.sh VERSION}
major=${version%%.*}
minor=${version%.*}

git fetch --quiet --tags --force origin
for series in "$minor" "$major"; do
  # not as a pipe: git would be killed for writing on when grep has found the first, and pipefail would end this script
  tags=$(git tag --list "v$series.*" --sort=-version:refname)
  highest=$(grep --extended-regexp --max-count 1 '^v[0-9]+\.[0-9]+\.[0-9]+$' <<<"$tags")
  if [ "$highest" = "v$version" ]; then
    git tag --force "v$series" "v$version^{commit}" >/dev/null
    git push --quiet --force origin "refs/tags/v$series"
    echo "v$series"
  fi
done
