#!/usr/bin/env bash
# Push an image that was built as one OCI archive for each architecture, join them under the tag of one exact version, and
# print the digest of the result.
#
#   publish_image.sh IMAGE VERSION ARCHIVE...
#
# An exact tag never moves: when VERSION is in the registry already, it must consist of these archives, and stays as it is.
set -euo pipefail

image=${1:?usage: publish_image.sh IMAGE VERSION ARCHIVE...}
version=${2:?usage: publish_image.sh IMAGE VERSION ARCHIVE...}
shift 2
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "error: $version is not a version such as 1.2.3" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

manifests_of() { jq --raw-output '.manifests[] | .digest' "$@" | sort; }

# By digest first, under no tag: a registry may refuse to say whether a tag is in a repository that does not exist yet.
sources=()
for archive in "$@"; do
  index=$work/$(basename "$archive").json
  skopeo inspect --raw "oci-archive:$archive" >"$index"
  source=$image@sha256:$(sha256sum "$index" | cut -d' ' -f1)
  skopeo copy --all --preserve-digests --quiet "oci-archive:$archive" "docker://$source" >&2
  sources+=("$source")
done
manifests_of "$work"/*.json >"$work/built"

if skopeo inspect --raw "docker://$image:$version" >"$work/published" 2>"$work/error"; then
  if ! manifests_of "$work/published" | cmp --silent - "$work/built"; then
    echo "error: $image:$version is published already with another content; an exact tag never moves" >&2
    exit 1
  fi
elif grep --quiet 'manifest unknown' "$work/error"; then
  docker buildx imagetools create --tag "$image:$version" "${sources[@]}" >&2
  skopeo inspect --raw "docker://$image:$version" >"$work/published"
else
  cat "$work/error" >&2
  exit 1
fi
echo "sha256:$(sha256sum "$work/published" | cut -d' ' -f1)"
