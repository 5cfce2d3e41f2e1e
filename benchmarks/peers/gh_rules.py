"""The rules by which ``gh agent-task create --follow`` follows a session, against this API.

From github.com/cli/cli, ``pkg/cmd/agent-task/create/create.go`` and ``shared/log.go`` at 48d6cbb:
one try for each call, the whole log again every five seconds, the first error ends it, Ctrl-C ends
the display alone, and the exit code is 0 once the log has ended. Connections are kept, and as Go's
HTTP client does, a GET is sent once more if a kept one breaks before the answer begins.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

API = os.environ.get("MOGPLEX_URL", "https://mogplex.com") + "/api/v1/mogplex"
POLL_SECONDS = 5
SESSION = requests.Session()
RETRY = Retry(1, connect=0, read=1, allowed_methods=["GET"], respect_retry_after_header=False)
SESSION.mount(API, HTTPAdapter(max_retries=RETRY))


def call(method: str, path: str, **options: Any) -> Any:
    """Return the ``data`` of an answer."""
    headers = {
        "Authorization": f"Bearer {os.environ['MOGPLEX_API_KEY']}",
        "Idempotency-Key": str(uuid4()),
    }
    answer = SESSION.request(method, API + path, headers=headers, timeout=30, **options)
    answer.raise_for_status()
    return answer.json()["data"]


def main() -> int:
    """Start a run and show its log."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    body = {
        "repoId": os.environ["MOGPLEX_REPO"],
        "prompt": os.environ["PROMPT"],
        "createBranch": True,
    }
    run_id = call("POST", "/runs", json=body)["runId"]
    print(f"Displaying run {run_id}. Press Ctrl+C to stop.", flush=True)
    shown = 0
    while True:
        page = call("GET", f"/runs/{run_id}/events", params={"limit": 200})
        for event in page["events"][shown:]:
            print(event["createdAt"], event["type"], event["message"] or "", flush=True)
        shown = len(page["events"])
        if page["run"]["status"] in ("success", "failed", "cancelled"):
            return 0
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
