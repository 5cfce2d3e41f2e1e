#!/bin/bash
# Any other CI system whose jobs can run a container. The job's secret variable MOGPLEX_API_KEY holds the token.
# Let a job that somebody starts by hand, or a schedule, call this: a job of every push would start a run, which costs money, each time.
set -euo pipefail

# In the container nothing tells which job this is, so it needs a key from outside. BUILD_ID stands for what your system calls the
# build: the same when this step is tried again, so that the second try finds the run of the first. No other step has this key.
export MOGPLEX_IDEMPOTENCY_KEY="ci-$BUILD_ID-agent"
export MOGPLEX_REPO=acme/web # on GitHub

# By name only, so that no value stands in a command line.
mapfile -t variables < <(compgen -e MOGPLEX_)
# The signal of a stopped job reaches this shell alone: it passes it on, and waits until the container has cancelled its run.
trap 'kill -TERM $!' INT TERM
docker run --rm "${variables[@]/#/--env=}" --volume "$PWD:/work" --workdir /work \
  ghcr.io/mogplex/run-action:1 --prompt "Fix the failing test." &
wait $! || wait $!

# The workspace keeps the outputs for later steps.
# shellcheck source=/dev/null
. ./mogplex.env
echo "Please review $MOGPLEX_OUT_PULL_REQUEST_URL"
