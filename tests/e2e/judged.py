"""A step beside GitHub and the service, whose runs do something that gates judge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import GitHubStep, step_against

PASSED: Final = check("test", "success")
HONEST: Final = Work(checks=Look([PASSED]))


class Beside:
    """GitHub and the service; ``step`` lays a step out beside them."""

    def __init__(self, folder: Path, github: GitHub, emulator: Emulator) -> None:
        self.folder, self.github, self.emulator = folder, github, emulator
        self._count = 0

    def step(self, env: Mapping[str, str] | None = None, /, **inputs: str) -> GitHubStep:
        """Return a step that has a token of GitHub, and writes its files into the workspace."""
        self._count += 1
        folder = self.folder / str(self._count)
        env = {"GITHUB_API_URL": self.github.url, **(env or {})}
        known = {"github_token": TOKEN, "output_dir": "."}
        return step_against(self.emulator, folder, env, **(known | inputs))


@contextmanager
def beside(
    folder: Path, *works: Work, scenario: str | Path = "success", speed: float = 50
) -> Iterator[Beside]:
    """Start GitHub and the service, whose runs do their ``works``, one after the other."""
    with GitHub() as github, Emulator(scenario, speed=speed) as emulator:
        github.works_for(emulator, *(works or [HONEST]))
        yield Beside(folder, github, emulator)


def result_of(step: GitHubStep) -> dict[str, Any]:
    """Return the result file, which must be as its schema says."""
    result: dict[str, Any] = json.loads((step.workspace / "result.json").read_text())
    Draft202012Validator(load_schema("result")).validate(result)
    return result


def written_by(step: GitHubStep) -> str:
    """Return all that a step has written into files."""
    return "".join(path.read_text() for path in step.folder.rglob("*") if path.is_file())
