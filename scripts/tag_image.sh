#!/usr/bin/env bash
# Point the plain tags of an image (1, 1.2) to a digest.
#
#   tag_image.sh IMAGE DIGEST TAG...
#
# TAG may begin with v, as move_tags.sh prints it. Tags of exact versions are refused.
set -euo pipefail

image=${1:?usage: tag_image.sh IMAGE DIGEST TAG...}
digest=${2:?usage: tag_image.sh IMAGE DIGEST TAG...}
shift 2
for tag in "$@"; do
  [[ $tag =~ ^v?[0-9]+(\.[0-9]+)?$ ]] || { echo "error: $tag is no plain tag such as 1 or 1.2" >&2; exit 1; }
done
for tag in "$@"; do
  docker buildx imagetools create --tag "$image:${tag#v}" "$image@$digest"
done
