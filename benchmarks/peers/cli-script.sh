#!/usr/bin/env bash
# The script of Mogplex's documentation of its CLI, as it stands there.
set -euo pipefail

REPO_ID="${MOGPLEX_REPO:?set MOGPLEX_REPO to a UUID from \`mogplex repos list\`}"

RUN_ID=$(
  mogplex run --repo "$REPO_ID" --create-branch --json \
    "Apply the linter autofixes and commit them" \
  | jq -r '.runId'
)
echo "started run $RUN_ID"

mogplex runs events "$RUN_ID" --follow --timeout 900

STATUS=$(mogplex runs get "$RUN_ID" --json | jq -r '.status')
case "$STATUS" in
  success)   echo "✓ run succeeded" ; exit 0 ;;
  cancelled) echo "✗ cancelled" ; exit 1 ;;
  failed)    echo "✗ failed" ; exit 1 ;;
  *)         echo "? unexpected status: $STATUS" ; exit 2 ;;
esac
