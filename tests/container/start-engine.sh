#!/usr/bin/env bash
# Make sure that a Docker engine answers: start dockerd when none runs. Exits non-zero with one line of reason when none can be had.
set -euo pipefail

log=${RUN_ACTION_DOCKERD_LOG:-/tmp/run-action-dockerd.log}

fail() {
  echo "$1" >&2
  exit 1
}

engine_answers() { docker info >/dev/null 2>&1; }
reason() { { grep --ignore-case --extended-regexp 'failed|error' "$log" || cat "$log"; } | tail -n 1; }

command -v docker >/dev/null || fail "no docker client is installed (Debian: apt-get install docker.io docker-cli)"
engine_answers && exit 0
command -v dockerd >/dev/null || fail "no Docker engine answers, and dockerd is not installed (Debian: apt-get install docker.io)"
[ "$(id -u)" -eq 0 ] || fail "no Docker engine answers, and only root can start dockerd"

# Test workers ask at the same time; the first one starts it.
exec 9>/tmp/run-action-dockerd.lock
flock 9
if ! engine_answers; then
  # Its own session, no inherited streams and no lock: it outlives this script, and nobody waits for it to close a pipe.
  setsid dockerd >"$log" 2>&1 </dev/null 9>&- &
  for _ in $(seq 120); do
    engine_answers && exit 0
    kill -0 "$!" 2>/dev/null || fail "dockerd ended: $(reason)"
    sleep 0.5
  done
  fail "dockerd did not answer within 60 s: $(reason)"
fi
