#!/usr/bin/env bash
# Print `true` where no higher version than VERSION is released, else `false`: a fix for an older line is not "Latest".
#
#   is_latest.sh VERSION
set -euo pipefail

version=${1:?usage: is_latest.sh VERSION}

git fetch --quiet --tags --force origin
# not as a pipe: git would be killed for writing on when grep has found the first, and pipefail would end this script
tags=$(git tag --list 'v*.*.*' --sort=-version:refname)
highest=$(grep --extended-regexp --max-count 1 '^v[0-9]+\.[0-9]+\.[0-9]+$' <<<"$tags")
if [ "$highest" = "v$version" ]; then echo true; else echo false; fi
