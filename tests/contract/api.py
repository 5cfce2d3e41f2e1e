"""A clock that tests move by hand, and a client that says what came back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import requests

from tests.emulator import Emulator
from tests.waits import LONG


@dataclass
class FakeClock:
    """Seconds that pass only when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


class Api:
    """Calls of the API, as plain as can be: what the emulator answers, and nothing else."""

    def __init__(self, emulator: Emulator) -> None:
        self.base = f"{emulator.url}/api/v1/mogplex"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {emulator.token}"
        self.repo_id = next(
            repo.id
            for repo in emulator.world.tokens[emulator.token].user.repos
            if repo.full_name == "acme/web"
        )

    def start(self, prompt: str = "Fix it", key: str = "key", **fields: Any) -> requests.Response:
        body = {"repoId": self.repo_id, "prompt": prompt, **fields}
        return self._send("POST", "/runs", json=body, headers={"Idempotency-Key": key})

    def run(self, run_id: str) -> requests.Response:
        return self._send("GET", f"/runs/{run_id}")

    def events(self, run_id: str) -> requests.Response:
        return self._send("GET", f"/runs/{run_id}/events?limit=200")

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(
            method, self.base + path, timeout=options.pop("timeout", LONG), **options
        )


def check(actual: Any, expected: Any, where: str) -> None:
    """Compare: a mapping names the fields that matter, a text with ``~`` is a pattern, a list is
    complete.
    """
    if isinstance(expected, dict):
        assert isinstance(actual, dict), where
        for key, value in expected.items():
            assert key in actual, f"{where}.{key} is missing"
            check(actual[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(actual, list), where
        assert len(actual) == len(expected), f"{where}: {actual}"
        for index, (item, wanted) in enumerate(zip(actual, expected, strict=True)):
            check(item, wanted, f"{where}[{index}]")
    elif isinstance(expected, str) and expected.startswith("~") and len(expected) > 1:
        assert re.fullmatch(expected[1:], str(actual)) is not None, (
            f"{where}: {str(actual)[:200]!r}"
        )
    else:
        assert actual == expected, f"{where}: {actual!r}"
