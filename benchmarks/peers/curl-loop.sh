#!/usr/bin/env bash
# What many write: start a run, print its events, exit as it ended. curl tries again what may pass.
set -euo pipefail

api="${MOGPLEX_URL:-https://mogplex.com}/api/v1/mogplex"

call() {
  curl --silent --show-error --fail --retry 5 --retry-all-errors --max-time 30 \
    --header "Authorization: Bearer $MOGPLEX_API_KEY" --header "Content-Type: application/json" "$@"
}

key=$(cat /proc/sys/kernel/random/uuid)
body=$(jq --null-input --arg repo "$MOGPLEX_REPO" --arg prompt "$PROMPT" \
  '{repoId: $repo, prompt: $prompt, createBranch: true}')
run=$(call --header "Idempotency-Key: $key" --data "$body" "$api/runs" | jq --raw-output .data.runId)
echo "Started run $run"

shown=0
while :; do
  page=$(call "$api/runs/$run/events?limit=200")
  jq --raw-output --argjson shown "$shown" \
    '.data.events[$shown:][] | "\(.createdAt) \(.type) \(.message // "")"' <<<"$page"
  shown=$(jq '.data.events | length' <<<"$page")
  case $(jq --raw-output .data.run.status <<<"$page") in
    success) exit 0 ;;
    failed | cancelled) exit 1 ;;
  esac
  sleep 2
done
