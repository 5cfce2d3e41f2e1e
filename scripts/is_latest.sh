#!/usr/bin/env bash
# Print `true` where no higher version than VERSION is released, else `false`: a fix for an older line is not "Latest".
#
#   is_latest.sh VERSION
set -euo pipefail

version=${1:?usage: is_latest.sh VERSION}

git fetch --quiet --tags --force origin
highest=$(git tag --list 'v*.*.*' --sort=-version:refname | grep --extended-regexp --max-count 1 '^v[0-9]+\.[0-9]+\.[0-9]+$')
if [ "$highest" = "v$version" ]; then echo true; else echo false; fi
