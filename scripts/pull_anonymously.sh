#!/usr/bin/env bash
# Pull an image the way a user does who is logged in nowhere.
#
#   pull_anonymously.sh IMAGE@DIGEST
set -euo pipefail

image=${1:?usage: pull_anonymously.sh IMAGE@DIGEST}

DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT

if ! docker pull --quiet "$image"; then
  echo "error: $image cannot be pulled without a login; make the package public, then run the failed jobs again" >&2
  exit 1
fi
