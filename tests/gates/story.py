"""A whole step in virtual time: a service, a GitHub, and what happens between the two.

A test tells what the agent does (``Work``), what others do meanwhile, and how the step must end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mogplex_ci.gates import Case
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.repair import Rounds
from mogplex_ci.waiting import Stop
from tests.faults.world import World
from tests.github import TOKEN, GitHub, Work
from tests.typed_inputs import inputs_of

LAUNCHES: dict[str, object] = {"after": "1s", "launch": True}
DELIVERS: dict[str, object] = {"after": "3s", "deliver": True}


def says(**payload: object) -> list[dict[str, object]]:
    """A run's last steps whose delivery event says this."""
    told = {"stage": "git_delivery", "changed": True, **payload}
    end = {"exit_code": 0, "failure_code": None}
    return [
        {"after": "3s", "event": "log", "message": "Pull request ready", "payload": told},
        {"after": "4ms", "event": "finished", "message": "Harness run finished", "payload": end},
        {"after": "20ms", "status": "success"},
        {"after": "800ms", "commit": "{{ commit_sha }}"},
    ]


class Story:
    """One step, which may be tried several times, and its surroundings."""

    def __init__(
        self,
        folder: Path,
        ending: Sequence[dict[str, object]] = (DELIVERS,),
        *,
        api: str = "2026-11",
        falls_back: bool = False,
        artifacts: Mapping[str, object] = MappingProxyType({}),
        base_path: str = "",
    ) -> None:
        """``ending``: how each run ends, in the words of a scenario. ``falls_back``: the runs do
        not work on the branch that they are asked to. ``artifacts``: those that the service has.
        ``base_path``: that of GitHub's API.
        """
        scenario = folder / "story.yaml"
        told = {"falls_back": falls_back, "artifacts": dict(artifacts)}
        scenario.write_text(json.dumps({**told, "steps": [LAUNCHES, *ending]}))
        self.world = World.serve(scenario, api=api)
        self.github = GitHub(base_path, clock=self._now)
        self.said: list[Update] = []
        """What the newest try reported."""
        self._case = self.world.new_case("story")
        self._wall = datetime.now(UTC)

    def __enter__(self) -> Story:
        """Begin to serve."""
        self.world.emulator.__enter__()
        self.github.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        """End."""
        self.github.__exit__(*args)
        self.world.emulator.__exit__(*args)

    def play(
        self,
        *works: Work,
        watch: Callable[[Update], object] = lambda _: None,
        attempt: int = 1,
        own_run: str = "",
        schema: Mapping[str, Any] | None = None,
        stop: Stop | None = None,
        **inputs: Any,
    ) -> RunResult:
        """Try the step, whose runs do ``works``, with these inputs; ``schema`` is that of its
        artifact.
        """
        if works:
            self.github.works_for(self._case, *works)
        typed = self._typed(inputs)._replace(artifact_schema=schema)
        self._case.attempt = attempt
        clock, client = self.world.time.clock(), self.world.client()
        self.said = []

        def say(update: Update) -> None:
            self.said.append(update)
            watch(update)

        def connect(repo: Repo) -> GitHubApi | None:
            if typed.github_token is None:
                return None
            return GitHubApi(self.github.url, TOKEN, repo.full_name.text)

        began = clock.monotonic()
        service = Service(client, clock, stop or Stop(), began, typed.timeout, say=say)
        case = Case(typed, service, connect, Sanitizer(), own_run=own_run)
        plan = self._case.plan(inputs=typed)
        rounds = Rounds(plan, case)
        try:
            return rounds.perform()
        finally:
            clock.leave()
            client.close()
            case.close()

    def _typed(self, inputs: Mapping[str, Any]) -> ActionInputs:
        given = {"timeout": "2h", "prompt": "scenario: story", "github_token": TOKEN, **inputs}
        env = {f"MOGPLEX_{name.upper()}": value for name, value in given.items()}
        return inputs_of(env | {"MOGPLEX_API_KEY": self.world.emulator.token})

    @property
    def runs(self) -> list[Any]:
        """The service's runs of the step."""
        return self._case.runs

    def _now(self) -> datetime:
        began = getattr(self, "_wall", datetime.now(UTC))
        return began + timedelta(seconds=self.world.time.monotonic())


def outcome(result: RunResult) -> tuple[str, str]:
    """Return how a step ended, with the error code."""
    return result.ending.result.value, result.ending.error_code


PASSED = ("success", "")


def branch_of(github: GitHub) -> str:
    """The branch that the newest run has pushed."""
    return next(name for name in reversed(github.branches) if name.startswith("mogplex/"))


def items(result: RunResult) -> list[str]:
    """What the gates that reject a run name."""
    gates = result.details.gates
    return [item.text for gate in gates if not gate.passed for item in gate.items]
