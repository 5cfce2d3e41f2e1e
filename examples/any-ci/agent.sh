#!/bin/bash
# For any other CI system whose jobs can run a container. The job's secret variable MOGPLEX_API_KEY holds the token.
# Call it from a job that is started by hand or on a schedule: otherwise every push starts a run, which costs money.
set -euo pipefail

# Nothing in the container identifies the job, so it needs a key of its own. Replace BUILD_ID with your system's name for the build's id,
# which must stay the same if this step is retried: the retry then finds the run of the first attempt. No other step has this key.
export MOGPLEX_IDEMPOTENCY_KEY="ci-$BUILD_ID-agent"
export MOGPLEX_REPO=acme/web # on GitHub

# By name only, so that no value appears in a command line.
mapfile -t variables < <(compgen -e MOGPLEX_)
# Only this shell gets the signal of a stopped job: forward it, and wait until the container has cancelled its run.
trap 'kill -TERM $!' INT TERM
docker run --rm "${variables[@]/#/--env=}" --volume "$PWD:/work" --workdir /work \
  ghcr.io/mogplex/run-action:1 --prompt "Fix the failing test." &
wait $! || wait $!

# The workspace keeps the outputs for later steps.
# shellcheck source=/dev/null
. ./mogplex.env
echo "Please review $MOGPLEX_OUT_PULL_REQUEST_URL"
