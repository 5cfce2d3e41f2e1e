"""The script of a careful user of ``requests``: start a run, print its events, cancel it on a
signal, exit as it ended.

The key names the job, so that a retry or a re-run finds the run; the session retries what may pass.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

API = os.environ.get("MOGPLEX_URL", "https://mogplex.com") + "/api/v1/mogplex"
KEY = "-".join(os.environ[name] for name in ("GITHUB_REPOSITORY_ID", "GITHUB_RUN_ID", "GITHUB_JOB"))

session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['MOGPLEX_API_KEY']}"
retries = Retry(
    total=8, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None
)
for scheme in ("http://", "https://"):
    session.mount(scheme, HTTPAdapter(max_retries=retries))


def call(method: str, path: str, **options: Any) -> Any:
    """Return the ``data`` of an answer."""
    answer = session.request(method, API + path, timeout=30, **options)
    answer.raise_for_status()
    return answer.json()["data"]


def follow(run_id: str) -> int:
    """Print each event once, and return the exit code when the run has ended."""
    shown = set()
    while True:
        page = call("GET", f"/runs/{run_id}/events", params={"limit": 200})
        for event in page["events"]:
            if event["id"] not in shown:
                shown.add(event["id"])
                print(event["createdAt"], event["type"], event["message"] or "", flush=True)
        status = page["run"]["status"]
        if status in ("success", "failed", "cancelled"):
            return 0 if status == "success" else 1
        time.sleep(1.5)


def main() -> int:
    """Start or find the run, and follow it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    body = {
        "repoId": os.environ["MOGPLEX_REPO"],
        "prompt": os.environ["PROMPT"],
        "createBranch": True,
    }
    run_id = call("POST", "/runs", headers={"Idempotency-Key": KEY}, json=body)["runId"]
    print(f"Started run {run_id}", flush=True)
    try:
        return follow(run_id)
    except KeyboardInterrupt:
        call("POST", f"/runs/{run_id}/cancel")
        return 130


if __name__ == "__main__":
    sys.exit(main())
