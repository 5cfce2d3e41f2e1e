#!/usr/bin/env bash
# Make a stand-in for the image's base from Debian packages, for machines that reach no image registry.
#
#   base-image.sh [TAG]
#
# Does nothing when TAG is there already, so a machine that can pull the real one pulls it first. The stand-in has what the
# official image has and the Dockerfile relies on: Debian trixie, Python 3.13 as `python` with pip, CA certificates, no byte code.
set -euo pipefail

tag=${1:-python:3.13-slim-trixie}

exec 9>/tmp/run-action-base-image.lock
flock 9
docker image inspect "$tag" >/dev/null 2>&1 && exit 0

command -v debootstrap >/dev/null || { echo "no debootstrap is installed (Debian: apt-get install debootstrap)" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "only root can run debootstrap" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
log=$work/debootstrap.log

debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip trixie "$root" >"$log" 2>&1 \
  || { tail -n 20 "$log" >&2; exit 1; }

# The names and the freedom to install that the official image gives.
ln -s python3 "$root/usr/bin/python"
rm "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED

# This machine's own certificate authorities and package index, so that pip works inside `docker build`.
cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
chroot "$root" update-ca-certificates >/dev/null 2>&1
[ -e /etc/pip.conf ] && cp /etc/pip.conf "$root/etc/pip.conf"
pip_set() { chroot "$root" python3 -m pip config --global --quiet set "global.$1" "$2"; }
pip_set cert /etc/ssl/certs/ca-certificates.crt
pip_set disable-pip-version-check true
pip_set root-user-action ignore
[ -n "${PIP_INDEX_URL:-}" ] && pip_set index-url "$PIP_INDEX_URL"
[ -n "${PIP_EXTRA_INDEX_URL:-}" ] && pip_set extra-index-url "$PIP_EXTRA_INDEX_URL"
[ -n "${PIP_PROXY:-}" ] && pip_set proxy "$PIP_PROXY"

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
find "$root" -xdev -name __pycache__ -prune -exec rm -rf {} +

tar -C "$root" --create . | docker import --change 'CMD ["python3"]' - "$tag" >/dev/null
