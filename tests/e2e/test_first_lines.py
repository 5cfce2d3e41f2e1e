"""What a person reads first of each wrong input and each fault, and where that is explained: on
GitHub, on GitLab and at a terminal.

``golden/first_lines`` has a line for each, for people to read: `make golden` writes it anew.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

import pytest

from mogplex_ci import __version__
from mogplex_ci.cli import main
from mogplex_ci.emulator import Emulator
from mogplex_ci.errors import ERROR_CODES
from mogplex_ci.inputs.declared import inputs
from mogplex_ci.step import action
from mogplex_ci.waiting import Clock
from tests.ci_environments import ENVIRONMENTS
from tests.e2e.golden import GOLDEN, check_golden, normalized
from tests.e2e.test_mistakes import MISTAKES, step_with
from tests.faults.kinds import FINAL, PASSING, PROXIES, UNAUTHORIZED, Kind, error
from tests.github import TOKEN, GitHub
from tests.github_log import read_log
from tests.program import ROOT, GitHubStep

SYSTEMS: Final = ("github", "gitlab", "terminal")
PAGE: Final = f"https://github.com/mogplex/run-action/blob/v{__version__}/docs/troubleshooting.md"
LAST_LINE: Final = re.compile(rf"([A-Z_]+), exit (\d+): {re.escape(PAGE)}#([a-z_-]+)")
ANCHORS: Final = re.findall(
    r'<a id="([a-z_]+)"></a>', (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
)
KEBAB: Final = "|".join(name for name in inputs() if "-" in name)
ELSEWHERE: Final = {
    "ARTIFACT_INVALID",
    "ARTIFACT_MISSING",
    "BRANCH_MOVED",
    "CANARY_FAILED",
    "CHECKS_FAILED",
    "CHECKS_MISSING",
    "CONFLICT",
    "CONTEXT_CHANGED",
    "FOREIGN_RUN",
    "GITHUB",
    "INTERNAL",
    "INTERRUPTED",
    "MAX_FAILURES",
    "NOT_JUDGED",
    "PATH_NOT_ALLOWED",
    "RESOURCES",
    "ROUND_UNKNOWN",
    "RUNS_FAILED",
    "UNKNOWN_STATUS",
    "UNTRUSTED_PROMPT",
}
"""Codes that no case below ends with; the tests of their subjects show them."""


FAILING: Final = (
    *("cancelled", "dead-worker", "delivery-failure", "failed", "install-failure"),
    *("launch-failure", "model-denied", "paused", "queue-failure", "rate-limited"),
    *("setup-failure", "stream-failure"),
)
"""The scenarios that end badly."""
REFUSED: Final = tuple(
    Kind(f"{status} {code}", {"status": status, "body": error(code)}, 0)
    for status, code in {400: "BAD_REQUEST", 402: "A_NEW_CODE", 403: "AUTOMATION_REQUIRED"}.items()
)
"""Answers of the service that end a start."""


class HurriedClock(Clock):
    """A clock on which sleeping takes no time, and waiting for a thread what that may need to pass
    something on.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def monotonic(self) -> float:
        """See ``Clock``."""
        return super().monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        self._ahead += max(seconds, 0.0)

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """See ``Clock``."""
        real = min(max(seconds, 0.0), 0.3)
        try:
            return queue.get(timeout=real)
        except Empty:
            self._ahead += max(seconds - real, 0.0)
            return None


class Case(NamedTuple):
    """Something that goes wrong in a step."""

    name: str
    prepare: Callable[[Emulator, Path], GitHubStep]
    """Returns the step, as GitHub has it, against an emulator and in a folder."""
    scenario: str = "success"
    flags: Sequence[str] = ()
    only: Sequence[str] = SYSTEMS
    speed: float = 1000
    """How much faster the scenario is played."""
    lacks: str = ""
    """A right that ``github-token`` lacks, if GitHub is asked."""


class Shown(NamedTuple):
    """What is shown of it."""

    first: str
    """The first error."""
    code: str
    exit_code: int
    anchor: str
    log: str


def a_step(
    emulator: Emulator,
    folder: Path,
    env: Mapping[str, str] | None = None,
    fault: Mapping[str, Any] | None = None,
    **given: str,
) -> GitHubStep:
    """Return a step that starts a run, with other inputs besides."""
    if fault is not None:
        emulator.inject(**fault)
    named = {name.replace("_", "-"): value for name, value in given.items()}
    right = {"prompt": "Fix the tests", "base-url": emulator.url, "api-key": emulator.token}
    return GitHubStep(folder, right | named, dict(env or {}))


def with_mistake(mistake: dict[str, Any], emulator: Emulator, folder: Path) -> GitHubStep:
    """Return the step of one of ``mistakes.yaml``."""
    return step_with(mistake, emulator, folder)


def with_fault(kind: Kind, route: str, emulator: Emulator, folder: Path) -> GitHubStep:
    """Return a step whose requests to ``route`` are all answered with a fault."""
    fault = {"route": route, "times": "always", **kind.fields}
    return a_step(emulator, folder, fault=fault, timeout="30s")


def with_used_key(emulator: Emulator, folder: Path) -> GitHubStep:
    """Return a step whose key has started another task."""
    key = "a-key-of-several"
    a_step(emulator, folder / "first", idempotency_key=key, prompt="Another").run()
    return a_step(emulator, folder, idempotency_key=key)


def mistakes() -> Iterator[Case]:
    """Yield those of ``mistakes.yaml`` that end a step."""
    for mistake in MISTAKES:
        if mistake.get("exit", 2) == 0:
            continue
        told = {
            name: mistake[name] for name in ("with", "without", "env", "flags") if name in mistake
        }
        words = [f"{key} {value}" for key, value in told.items()] or ["the service"]
        files = [*mistake.get("files", ()), *mistake.get("links", ()), *mistake.get("pipes", ())]
        name = re.sub(r"[{}\[\]'\"\\\t\n]", "", "; ".join(words + files))[:90]
        name = re.sub(r"://\S*@", "://…@", name)
        yield Case(name, partial(with_mistake, mistake), flags=mistake.get("flags", ()))


def faults() -> Iterator[Case]:
    """Yield what goes wrong with the service, its runs and what they deliver."""
    for kind in (*PASSING, *PROXIES[::2], *UNAUTHORIZED, *FINAL, *REFUSED):
        yield Case(f"start answered: {kind.name}", partial(with_fault, kind, "start"))
    for kind in (PASSING[0], PASSING[11], *UNAUTHORIZED, *FINAL):
        asked = partial(with_fault, kind, "run")
        yield Case(f"run answered: {kind.name}", asked, "slow", speed=1)  # it does not end before
    for scenario in FAILING:
        yield Case(f"a run: {scenario}", a_step, scenario)
    yield Case("paused, cancel", partial(a_step, on_pause="cancel"), "paused")
    yield Case("timeout", partial(a_step, timeout="1s"), "slow", speed=1)
    cancels = partial(a_step, timeout="1s", on_timeout="cancel")
    yield Case("timeout, cancel", cancels, "slow", speed=1)
    yield Case("used key", with_used_key)
    yield Case("several fail", partial(a_step, repo="acme/*", max_parallel="1"), "failed")
    yield Case(
        "max-failures", partial(a_step, repo="acme/*", max_failures="0", max_parallel="1"), "failed"
    )
    yield Case("canary", partial(a_step, repo="acme/*", canary="1"), "failed")
    yield Case("require change", partial(a_step, require="change"), "no-change")
    yield Case("require pull-request", partial(a_step, require="pull-request"), "no-change")
    for right in ("contents: read", "pull-requests: read"):
        gates = partial(a_step, require="change, pull-request", github_token=TOKEN)
        yield Case(f"github-token lacks {right}", gates, lacks=right)
    outsider = {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "9", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
    yield Case("fork", partial(a_step, env=outsider), only=["gitlab"])


CASES: Final = [*mistakes(), *faults()]


@pytest.fixture(scope="module", autouse=True)
def signals() -> Iterator[None]:
    """A step handles SIGINT and SIGTERM; the tests want theirs back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def called(step: GitHubStep, flags: Sequence[str], system: str) -> tuple[list[str], dict[str, str]]:
    """Return arguments and environment with which ``system`` runs the step: inputs are below
    ``with:``, variables or flags.
    """
    if system == "github":
        return list(flags), step.environment
    env = {name: value for name, value in step.env.items() if name != "GITHUB_REPOSITORY"}
    given = dict(step.inputs)
    if "GITHUB_REPOSITORY" not in step.env:
        given.setdefault("repo", "acme/web")
    secrets = {name for name, spec in inputs().items() if spec.is_secret}
    as_variables = given.keys() if system == "gitlab" else secrets
    for name in as_variables & given.keys():
        env["MOGPLEX_" + name.upper().replace("-", "_")] = given.pop(name)
    if system == "gitlab":
        job = {
            name: value.format(folder=step.folder)
            for name, value in ENVIRONMENTS["gitlab"].items()
            if name != "MOGPLEX_REPO"
        }
        env = job | env
    return [*(f"--{name}={value}" for name, value in given.items()), *flags], env


def first_error(log: str, system: str) -> str:
    """Return the text of the first error in the log."""
    if system == "github":
        errors = [found.text for found in read_log(log).annotations if found.level == "error"]
    elif system == "gitlab":
        errors = re.findall(r"\x1b\[\d+mERROR: [^:]+: (.*)\x1b", log)
    else:
        errors = re.findall(r"^ERROR: [^:]+: (.*)$", log, re.MULTILINE)
    return errors[0] if errors else ""


def show(case: Case, system: str, folder: Path) -> Shown | None:
    """Let a step meet the case; return what is shown, None if it does not fail there."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(case.scenario, speed=case.speed))
        stream = stack.enter_context((folder / "log").open("w"))
        step = case.prepare(emulator, folder)
        if case.lacks:
            api = stack.enter_context(GitHub())
            api.lacks(case.lacks)
            step.env["GITHUB_API_URL"] = api.url
        argv, env = called(step, case.flags, system)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.chdir(step.workspace)
        patch.setattr("sys.stdout", stream)
        exit_code = main(argv, env)
        log = (folder / "log").read_text(encoding="utf-8")
        known = [(str(folder), "<folder>"), (emulator.url, "<emulator>")]
    is_dry_run = any(word.startswith("--dry-run") for word in argv)
    assert not (is_dry_run and (step.workspace / "mogplex.env").exists()), case.name
    if exit_code == 0:
        return None
    match = LAST_LINE.fullmatch(log.splitlines()[-1])
    assert match is not None, (case.name, system, log)
    return Shown(normalized(first_error(log, system), known), match[1], exit_code, match[3], log)


@pytest.mark.usefixtures("unknown_names")
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_shown_first_of_each_fault(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "Clock", HurriedClock)
    rows = ["exit\tcode\tcase\tfirst line"]
    found: list[Shown] = []
    for number, case in enumerate(CASES):
        if system not in case.only:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        shown = show(case, system, folder)
        if shown is None:
            continue
        rows.append(f"{shown.exit_code}\t{shown.code}\t{case.name}\t{shown.first}")
        found.append(shown)
    check_golden(f"first_lines/{system}.tsv", "\n".join([*rows, ""]))
    for shown in found:
        check_words(shown, system)


def check_words(shown: Shown, system: str) -> None:
    """Check that a line says something, in words of the system."""
    assert shown.first.endswith((".", "?", ")")), shown
    assert shown.anchor in ANCHORS or (shown.anchor, shown.code) == ("error-codes", shown.code)
    assert (shown.anchor == shown.code.lower()) == (shown.code in ERROR_CODES)
    assert "[[" not in shown.log, shown
    if system == "github":
        return
    assert "${{" not in shown.log, shown
    assert (
        re.search("workflow|with:|permissions:", shown.first) is None
        or "# workflows" in shown.first
    ), shown
    if not re.match(r"[\w.]+, line \d+: ", shown.first):  # a run file has these names
        assert re.findall(rf"(?<![\w/-])(?:{KEBAB})(?![\w-])", shown.first) == [], shown


def test_most_codes_are_in_the_tables() -> None:
    """The others need a repository on GitHub, a signal or a service that is not there yet."""
    codes: set[str] = set()
    for system in SYSTEMS:
        table = (GOLDEN / "first_lines" / f"{system}.tsv").read_text(encoding="utf-8")
        codes |= {line.split("\t")[1] for line in table.splitlines()[1:]}
    assert ERROR_CODES - codes == ELSEWHERE
