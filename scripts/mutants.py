"""Change the client in one place at a time, and see whether a test notices.

python -m scripts.mutants [--sample 300] [--seed 1] [--modules 'run/follow.py api/*.py'] [--jobs 2] [--again]

scripts/mutations.py makes the mutants: of each place in the code that is drawn, one. coverage.py tells which tests run
a line. Nothing is changed in this folder: each job has a copy of it in `.cache/mutants/`. scripts/mutants.toml says
which tests take part, and explains the mutants that behave as the original does.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from coverage import CoverageData

from scripts.mutations import CONFIG, PACKAGE, ROOT, Mutant, draw, explanation, modules, package_of, parsed

WORK: Final = ROOT / ".cache" / "mutants"
PYTHON: Final = ROOT / ".venv" / "bin" / "python"
_MOST_SECONDS: Final = 20.0
"""CPU time of the tests that are asked about one mutant, when nothing was changed; the nearest and cheapest first."""
_MOST_SECONDS_WHEN_LOADED: Final = 60.0
"""The same for a constant or a default, which is set when its module is loaded: many run what uses it, few notice."""
_LEAST_SECONDS: Final = 0.005
"""CPU time of a test that was not measured."""
_CPU_SECONDS: Final = 300
"""CPU time after which one process runs in circles, which counts as noticed."""
_FIRST_TESTS: Final = 30
"""Tests that are asked first: most mutants are noticed by one of them, and the files of the others are not loaded."""
_USAGE_ERROR: Final = 4
"""Exit code of pytest when a test that it shall run does not exist, among others."""
_SERVER: Final = """
import contextlib, os, resource, signal, sys, threading
import hypothesis.strategies, jinja2, jsonschema, pytest, pytest_cov, pytest_timeout, requests, structlog
import werkzeug.serving, xdist, yaml
sys.dont_write_bytecode = True
parent = int(sys.argv[1])
def end_with_parent():
    os.read(parent, 1)  # its only writer is the parent, which writes nothing
    os.killpg(0, signal.SIGKILL)
for line in sys.stdin:
    if line != "wait\\n":
        if (child := os.fork()) == 0:
            os.setsid()
            threading.Thread(target=end_with_parent, daemon=True).start()
            resource.setrlimit(resource.RLIMIT_CPU, (int(line), int(line)))
            log = os.open(".mutants.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
                os.dup2(file, number)
            os._exit(pytest.main(["@.mutants.arguments"]))
        print(child, flush=True)
    else:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # processes that a test left behind
        with contextlib.suppress(BrokenPipeError):
            print(code, flush=True)
"""
"""What the tests import takes longer to load than most of them take to run. Each run is a process group of its own: it
ends with its leader, and with this process however that ends."""
_MEASURED: Final = ".mutants.measured"
_COVERAGE: Final = ".mutants.coveragerc"
_PLUGIN: Final = """
import os, pytest

MEASURED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "NAME")

def note(*words):
    with open(MEASURED, "a") as file:
        print(*words, file=file)

def used():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    began = used()
    try:
        return (yield)
    finally:
        note("used", round(used() - began, 3), item.nodeid)

def pytest_runtest_logreport(report):
    if report.failed:
        note("failed", 0, report.nodeid)
""".replace("NAME", _MEASURED)
"""A plugin that notes the CPU time of each test, its processes included, and which tests fail."""


@cache
def _uses() -> dict[str, list[tuple[str, int]]]:
    """Return the modules and lines that read each name or attribute, in all of the client."""
    found: dict[str, list[tuple[str, int]]] = {}
    for module in (str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")):
        for node in ast.walk(parsed(module)):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                name = node.id if isinstance(node, ast.Name) else node.attr
                found.setdefault(name, []).append((module, node.lineno))
    return found


def _assigned(statement: ast.stmt) -> list[str]:
    """Return the names that ``statement`` assigns."""
    return [part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def _around(mutant: Mutant) -> list[ast.stmt]:
    """Return the statements that the changed line belongs to, the innermost last; a decorator is its function's."""
    found = []
    for node in ast.walk(parsed(mutant.module)):
        if isinstance(node, ast.stmt):
            decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            if first <= mutant.line <= (node.end_lineno or 0):
                found.append(node)
    return found


def _is_in_function(mutant: Mutant) -> bool:
    """Whether the changed line runs when a function is called, not when the module is loaded."""
    *outer, innermost = _around(mutant)
    return any(isinstance(node, ast.FunctionDef) for node in outer) and not isinstance(innermost, ast.FunctionDef)


def _places(mutant: Mutant) -> Iterator[list[tuple[str, int]]]:
    """Yield lines to look up: the changed one and those of its statement, or what uses the constant or default.

    Which tests load a module says nothing: in each process it is the first one that needs it.
    """
    around = _around(mutant)
    innermost = around[-1]
    if _is_in_function(mutant):
        yield [(mutant.module, mutant.line)]
        for node in reversed(around):
            yield [(mutant.module, line) for line in range(node.lineno, (node.end_lineno or 0) + 1)]
    elif isinstance(innermost, ast.FunctionDef):
        yield [(mutant.module, node.lineno) for node in innermost.body]
    else:
        yield [place for name in _assigned(innermost) for place in _uses().get(name, ())]
    yield [(mutant.module, line + 1) for line in range(len(mutant.source.splitlines()))]


class Tests:
    """What some tests run of some modules, and how long each takes."""

    def __init__(self, name: str) -> None:
        """Read what was measured under ``name``."""
        self._data = CoverageData(str(WORK / f"{name}.coverage"))
        self._data.read()
        known = json.loads((WORK / f"{name}.json").read_text())
        self._seconds: dict[str, float] = known["seconds"]
        self._failed: set[str] = set(known["failed"])

    @classmethod
    def measure(
        cls, runner: Runner, mutants: Sequence[Mutant], tests: Sequence[str], *, without: Sequence[str] = ()
    ) -> Tests:
        """Run ``tests`` but those ``without``, and see which lines each runs, of modules that ``mutants`` may change.

        What was measured before is used again while no file of the client or of the tests has changed.
        """
        sources = sorted({module for mutant in mutants for lines in _places(mutant) for module, _ in lines})
        files = [path for folder in ("mogplex_ci", "tests") for path in sorted((runner.tree / folder).rglob("*.py"))]
        parts = [*tests, "without", *without, "sources", *sources]
        state = hashlib.sha256("\n".join(parts).encode() + b"".join(path.read_bytes() for path in files))
        name = f"measured-{state.hexdigest()[:12]}"
        saved = WORK / f"{name}.json"
        if not saved.exists():
            print(f"running {', '.join(tests)} without a mutant, to see which tests run which line", flush=True)
            data, measured = WORK / f"{name}.coverage", runner.tree / _MEASURED
            for path in (data, measured):
                path.unlink(missing_ok=True)
            included = ",".join(f"*/mogplex_ci/{source}" for source in sources)
            config = f"[run]\ndata_file = {data}\ninclude = {included}\n"
            (runner.tree / _COVERAGE).write_text(config)
            ignored = [f"--ignore={path}" for path in (*CONFIG["left_out"], *without)]
            coverage = ["--cov", f"--cov-config={_COVERAGE}", "--cov-context=test", "--cov-report="]
            runner.run(["-n", "2", "-m", "not slow", *coverage, *ignored, *tests], 7200.0, 7200)
            lines = [line.split(" ", 2) for line in measured.read_text().splitlines()]
            seconds = {test: float(number) for word, number, test in lines if word == "used"}
            failed = sorted({test for word, _, test in lines if word == "failed"})
            if failed:
                print(f"left out, because they fail without a mutant: {', '.join(failed)}")
            saved.write_text(json.dumps({"seconds": seconds, "failed": failed}))
        return cls(name)

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line: those of its module and its package first, then the shortest."""
        package, _, name = mutant.module.removesuffix(".py").partition("/")
        near = f"tests/unit/{package}/"
        found: set[str] = set()
        for lines in _places(mutant):
            found = {test for module, line in lines for test in self._by_line(module).get(line, ())} - self._failed
            if found:
                break
        tests = sorted(
            found,
            key=lambda test: (
                not test.startswith(f"{near}test_{name}"),
                not test.startswith(near),
                self._seconds.get(test, _LEAST_SECONDS),
                test,
            ),
        )
        most = _MOST_SECONDS if _is_in_function(mutant) else _MOST_SECONDS_WHEN_LOADED
        took = accumulate(self._seconds.get(test, _LEAST_SECONDS) for test in tests)
        return [test for test, total in zip(tests, took, strict=True) if total <= most]

    @cache  # noqa: B019 - one object
    def _by_line(self, module: str) -> dict[int, set[str]]:
        files = [path for path in self._data.measured_files() if path.endswith(f"/mogplex_ci/{module}")]
        by_line: dict[int, set[str]] = {}
        for path in files:
            for line, contexts in self._data.contexts_by_lineno(path).items():
                by_line.setdefault(line, set()).update(name.rpartition("|")[0] for name in contexts if name)
        return by_line


def copy_to(tree: Path) -> None:
    """Make ``tree`` a copy of what git knows, and of files that are new."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shutil.rmtree(tree, ignore_errors=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    collect = [PYTHON, "-m", "pytest", "--collect-only", "-qq", *CONFIG["tests"]]  # compiles everything once
    subprocess.run(collect, cwd=tree, stdout=subprocess.DEVNULL, check=True)


class Runner:
    """Runs tests in a copy of the project, each time in a fork of a process that has loaded what all tests need."""

    def __init__(self, tree: Path) -> None:
        """``tree`` is the copy."""
        self.tree = tree
        watched, _only_here = os.pipe()
        (tree / "mutants_plugin.py").write_text(_PLUGIN)
        self._server = subprocess.Popen(
            [PYTHON, "-c", _SERVER, str(watched)],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "PYTEST_PLUGINS": "mutants_plugin"},
            pass_fds=[watched],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        os.close(watched)

    def run(self, arguments: Sequence[str], seconds: float, cpu_seconds: int = _CPU_SECONDS) -> int:
        """Run pytest, for ``seconds`` at most, and return its exit code; a signal's number below 0."""
        (self.tree / ".mutants.arguments").write_text("\n".join(arguments))
        process = int(self._ask(str(cpu_seconds)))
        timer = threading.Timer(seconds, os.killpg, (process, signal.SIGKILL))
        timer.start()
        code = int(self._ask("wait"))
        timer.cancel()
        return code

    def ask(self, tests: Sequence[str], seconds: float) -> str:
        """Return ``killed`` when one of ``tests`` fails, ``survived``, or ``timeout`` after ``seconds``."""
        code = self.run(["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "--timeout=120", *tests], seconds)
        files = sorted({test.partition("::")[0] for test in tests})
        if code == _USAGE_ERROR and files != list(tests):
            return self.ask(files, seconds)  # a test of another name: its parameters come from what was changed
        return {0: "survived", 5: "survived", -signal.SIGKILL: "timeout"}.get(code, "killed")

    def _ask(self, what: str) -> str:
        print(what, file=self._server.stdin, flush=True)
        return next(self._server.stdout or iter(()))


def judge(mutant: Mutant, runner: Runner, tests: Sequence[str], seconds: float) -> str:
    """Return what ``tests`` say to ``mutant``."""
    if not tests:
        return "survived"
    path = runner.tree / mutant.path
    before = path.stat()
    path.write_text(mutant.mutated, encoding="utf-8")
    os.utime(path, (before.st_mtime + 10, before.st_mtime + 10))  # compiled code of the original does not count
    try:
        verdict = "survived"
        for some in (tests[:_FIRST_TESTS], tests[_FIRST_TESTS:]):
            if some and verdict == "survived":
                verdict = runner.ask(some, seconds)
        return verdict
    finally:
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, (before.st_atime, before.st_mtime))


def unit_tests(packages: Collection[str]) -> list[str]:
    """Return the tests of packages of the client alone; ``.`` are the modules beside the packages."""
    patterns = ["tests/unit/test_*.py" if package == "." else f"tests/unit/{package}/" for package in packages]
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))


def started_programs(mutant: Mutant) -> list[str]:
    """Return the tests that start the program, which are asked when those in this process notice nothing."""
    processes: dict[str, list[str]] = CONFIG["processes"]
    return processes.get(package_of(mutant.module), processes["others"])


def report(verdicts: dict[Mutant, str]) -> bool:
    """Print the survivors and what became of the mutants of each package; return whether enough were noticed."""
    for mutant, verdict in verdicts.items():
        if verdict in ("survived", "timeout"):
            before, after = mutant.change
            print(f"{verdict}: {mutant.path}:{mutant.line} {mutant.operator}\n  - {before}\n  + {after}")
    print(f"\n{'package':<12} mutants equivalent killed survived timeout  score")
    enough = True
    for row in [*sorted({package_of(mutant.module) for mutant in verdicts}), "all"]:
        count = Counter(verdict for mutant, verdict in verdicts.items() if row in (package_of(mutant.module), "all"))
        judged = count.total() - count["equivalent"]
        share = count["killed"] / judged if judged else 1.0
        numbers = (count.total(), count["equivalent"], count["killed"], count["survived"], count["timeout"])
        too_few = judged >= CONFIG["judged_from"] and share < CONFIG["least"]
        enough = enough and not too_few
        print("{:<12} {:7} {:10} {:6} {:8} {:7}".format(row, *numbers), f"{share:6.1%}", "too few" if too_few else "")
    return enough


def main() -> int:
    """Draw mutants, run them, and report. Returns 1 when fewer are noticed than scripts/mutants.toml asks for."""
    parser = argparse.ArgumentParser(description="Change the client in one place at a time; see if a test notices.")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--modules", default="", help="patterns of paths below mogplex_ci/, separated by spaces")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--again", action="store_true", help="only those that survived or timed out the last time")
    asked = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what was judged is saved, and the tests end with this process
    names = modules(asked.modules.split())
    trees = [WORK / f"tree-{number}" for number in range(asked.jobs)]
    for tree in trees:
        copy_to(tree)
    runners = [Runner(tree) for tree in trees]
    last = WORK / "last.json"
    verdicts: dict[Mutant, str] = {}
    if asked.again:
        verdicts = {Mutant(**entry["mutant"]): entry["verdict"] for entry in json.loads(last.read_text())}
    drawn = list(verdicts) if asked.again else draw(names, asked.sample, asked.seed)
    for mutant in drawn:
        if verdicts.get(mutant) != "killed":
            verdicts[mutant] = "equivalent" if explanation(mutant) else "open"
    free: SimpleQueue[Runner] = SimpleQueue()
    for runner in runners:
        free.put(runner)

    def ask_about(verdict: str, choose: Callable[[Mutant], Sequence[str]], jobs: int, seconds: float) -> None:
        """Run the tests that ``choose`` returns for each mutant with this verdict, and note what they say."""
        todo = [mutant for mutant in drawn if verdicts[mutant] == verdict]
        if not todo:
            return

        def ask(mutant: Mutant) -> None:
            runner = free.get()
            try:
                verdicts[mutant] = judge(mutant, runner, choose(mutant), seconds)
            finally:
                free.put(runner)
            print({"killed": ".", "survived": "S", "timeout": "T"}[verdicts[mutant]], end="", flush=True)
            listed = [{"mutant": asdict(one), "verdict": verdict} for one, verdict in verdicts.items()]
            last.write_text(json.dumps(listed))

        print(f"\n{len(todo)} mutants: ", end="", flush=True)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(ask, todo))

    def with_verdict(verdict: str) -> list[Mutant]:
        return [mutant for mutant in drawn if verdicts[mutant] == verdict]

    def ask_all(verdict: str, choose: Callable[[Mutant], Sequence[str]], seconds: float) -> None:
        ask_about(verdict, choose, asked.jobs, seconds)
        ask_about("timeout", choose, 1, 600.0)  # alone: a busy machine is no sign

    near = unit_tests({package_of(mutant.module) for mutant in with_verdict("open")})
    if near:
        ask_all("open", Tests.measure(runners[0], with_verdict("open"), near).of, 240.0)
    left = with_verdict("open") + with_verdict("survived")
    if left:
        verdicts |= dict.fromkeys(left, "survived")
        ask_all("survived", Tests.measure(runners[0], left, CONFIG["tests"], without=near).of, 240.0)
        ask_all("survived", started_programs, 900.0)
    print()
    return 0 if report(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
