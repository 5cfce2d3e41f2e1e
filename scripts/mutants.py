"""Change the client in one place at a time, and see whether a test notices.

python -m scripts.mutants [--sample 240] [--seed 1|today] [--modules 'run/follow.py api/*.py']
[--jobs 2] [--again]

scripts/mutations.py makes the mutants: of each place in the code that is drawn, one. coverage.py
tells which tests run a line; that is recorded once for each file of tests, in
`.cache/mutants/reached/`, and again when the file changes. A mutant that mypy refuses is noticed as
well, since `make check` runs it. Nothing is changed in this folder: each job has a copy of it in
`.cache/mutants/`. scripts/mutants.toml says which tests take part, and explains the mutants that
behave as the original does.
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
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from itertools import accumulate, count, groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from coverage import CoverageData

from scripts.data_mutations import DataMutant, draw_data
from scripts.mutations import (
    CONFIG,
    PACKAGE,
    ROOT,
    Mutant,
    draw,
    explanation,
    modules,
    package_of,
    parsed,
)

AnyMutant: TypeAlias = Mutant | DataMutant
M = TypeVar("M", Mutant, DataMutant)

WORK: Final = ROOT / ".cache" / "mutants"
RECORDS: Final = WORK / "reached"
LAST: Final = WORK / "last.json"
PYTHON: Final = ROOT / ".venv" / "bin" / "python"
_MOST_SECONDS: Final = 10.0
"""CPU time of the tests that are asked about one mutant, when nothing was changed; the nearest and
cheapest first.
"""
_MOST_SECONDS_WHEN_LOADED: Final = 60.0
"""The same for a constant or a default, which is set when its module is loaded: many run what uses
it, few notice.
"""
_LEAST_SECONDS: Final = 0.005
"""CPU time of a test that was not measured."""
_CPU_SECONDS: Final = 30
"""CPU time after which one process runs in circles, which counts as noticed: so much more than
three times as much as its tests take when nothing was changed.
"""
_MOST_SECONDS_OF_PROGRAMS: Final = 240.0
"""Seconds by the clock for the tests that start the program, after which a mutant survives."""
_TIMES: Final = count(int(time.time()))
"""When each mutant's file was changed, as Python tells compiled code apart: later than the
original, and only once.
"""
_FIRST_TESTS: Final = 30
"""Tests that are asked first: most mutants are noticed by one of them, and the files of the others
are not loaded.
"""
_SIGNS: Final = {"killed": ".", "refused": "t", "survived": "S", "timeout": "T"}
"""What is printed of each mutant as soon as it is judged."""
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
            resource.setrlimit(resource.RLIMIT_CPU, (int(line), int(line) + 5))  # SIGXCPU, and SIGKILL if need be
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
"""The tests' imports take longer to load than most tests take to run. Each run is a process group
of its own: it ends with its leader, and with this process however that ends.
"""
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
    return [
        part.id
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    ]


def _around(mutant: Mutant) -> list[ast.stmt]:
    """Return the statements that the changed line belongs to, the innermost last; a decorator is
    its function's.
    """
    found = []
    for node in ast.walk(parsed(mutant.module)):
        if isinstance(node, ast.stmt):
            decorators = (
                node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            )
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            if first <= mutant.line <= (node.end_lineno or 0):
                found.append(node)
    return found


def _is_in_function(mutant: Mutant) -> bool:
    """Whether the changed line runs when a function is called, not when the module is loaded."""
    *outer, innermost = _around(mutant)
    return any(isinstance(node, ast.FunctionDef) for node in outer) and not isinstance(
        innermost, ast.FunctionDef
    )


def _places(mutant: Mutant) -> Iterator[list[tuple[str, int]]]:
    """Yield lines to look up: the changed one and those of its statement, or what uses the constant
    or default.

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


class Functions:
    """The functions of one module, by what they are called and how they read: other code may move
    around them.
    """

    def __init__(self, module: str) -> None:
        """Read the module."""
        self._source = (PACKAGE / module).read_text(encoding="utf-8").splitlines()
        self._found: list[tuple[int, int, str, str]] = []
        self._read(parsed(module), "")

    def _read(self, node: ast.AST, outer: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = outer
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{outer}.{child.name}" if outer else child.name
            if isinstance(child, ast.FunctionDef):
                last = child.end_lineno or child.lineno
                text = "\n".join(self._source[child.lineno - 1 : last])
                self._found.append(
                    (child.lineno, last, name, hashlib.sha256(text.encode()).hexdigest()[:8])
                )
            self._read(child, name)

    def at(self, line: int) -> tuple[str, str, int] | None:
        """Return name and digest of the innermost function around a line, and the line's number in
        it.
        """
        found = [each for each in self._found if each[0] <= line <= each[1]]
        if not found:
            return None
        first, _, name, digest = max(found)
        return name, digest, line - first


class Reached:
    """Which tests run which lines of the client, and how long each takes: kept by the file of the
    tests.

    A record is used again while its file of tests stays as it is. When a function of the client has
    changed since, all tests that ran it count; when it is new, all that ran a function of its
    module.
    """

    def __init__(self, runner: Runner) -> None:
        """Tests are recorded in the copy of ``runner``."""
        self._runner = runner
        self._functions = {module: Functions(module) for module in modules([])}
        self._seconds: dict[str, float] = {}
        self._lines: dict[tuple[str, str, str, int], set[str]] = {}
        """By module, function, its digest and the number of the line."""
        self._names: dict[tuple[str, str], set[str]] = {}
        self._versions: set[tuple[str, str, str]] = set()
        self._modules: dict[str, set[str]] = {}

    def add(self, patterns: Sequence[str]) -> None:
        """Record the tests of the files below ``patterns`` that have changed, and know all of them
        from now on.
        """
        places = [self._runner.tree / pattern for pattern in patterns]
        found = {
            path
            for place in places
            for path in [place, *place.rglob("test_*.py")]
            if path.is_file()
        }
        names = {str(path.relative_to(self._runner.tree)) for path in found}
        files = sorted(names - set(CONFIG["left_out"]))
        changed = [file for file in files if not self._record(file).exists()]
        if changed:
            print(
                f"{now()} running {len(changed)} files of tests, to see which lines of the client each runs",
                flush=True,
            )
        for _, some in groupby(changed, os.path.dirname):  # what is recorded stays if this is ended
            self._run(list(some))
        for file in files:
            self._load(json.loads(self._record(file).read_text()))

    def _record(self, file: str) -> Path:
        digest = hashlib.sha256((self._runner.tree / file).read_bytes()).hexdigest()[:12]
        return RECORDS / f"{file.removesuffix('.py').replace('/', '-')}-{digest}.json"

    def _run(self, files: Sequence[str]) -> None:
        data, measured = WORK / "reached.coverage", self._runner.tree / _MEASURED
        for path in (data, measured):
            path.unlink(missing_ok=True)
        client = [f"*/mogplex_ci/{module}" for module in modules([])]
        (self._runner.tree / _COVERAGE).write_text(
            f"[run]\ndata_file = {data}\ninclude = {','.join(client)}\n"
        )
        coverage = ["--cov", f"--cov-config={_COVERAGE}", "--cov-context=test", "--cov-report="]
        self._runner.run(
            ["-n", "2", "--dist", "worksteal", "-m", "not slow", *coverage, *files], 7200.0, 7200
        )
        records = _measured_tests(measured, files)
        self._add_lines(records, data)
        RECORDS.mkdir(parents=True, exist_ok=True)
        for file, record in records.items():
            if record["failed"]:
                print(
                    f"left out, because they fail without a mutant: {', '.join(sorted(set(record['failed'])))}"
                )
            self._record(file).write_text(json.dumps(record, separators=(",", ":")))

    def _add_lines(self, records: dict[str, dict[str, Any]], data: Path) -> None:
        """Add to each record which lines its tests ran, as coverage.py has noted in ``data``."""
        numbers = {
            test: number
            for record in records.values()
            for number, test in enumerate(record["tests"])
        }
        ran = CoverageData(str(data))
        ran.read()
        for file in ran.measured_files():
            module = file.rpartition("/mogplex_ci/")[2]
            for line, contexts in ran.contexts_by_lineno(file).items():
                place = self._functions[module].at(line)
                if place is None:
                    continue
                name, digest, offset = place
                tests = numbers.keys() & {context.rpartition("|")[0] for context in contexts}
                for test in tests:
                    lines = records[test.partition("::")[0]]["lines"]
                    function = lines.setdefault(f"{module} {name} {digest}", {})
                    function.setdefault(offset, []).append(numbers[test])

    def _load(self, record: dict[str, Any]) -> None:
        names, failed = list(record["tests"]), set(record["failed"])
        self._seconds |= record["tests"]
        for key, lines in record["lines"].items():
            module, name, digest = key.split(" ")
            self._versions.add((module, name, digest))
            for offset, listed in lines.items():
                tests = {names[number] for number in listed} - failed
                self._lines.setdefault((module, name, digest, int(offset)), set()).update(tests)
                self._names.setdefault((module, name), set()).update(tests)
                self._modules.setdefault(module, set()).update(tests)

    def _at(self, module: str, line: int) -> set[str]:
        place = self._functions[module].at(line)
        if place is None:
            return set()
        name, digest, number = place
        if (module, name, digest) in self._versions:
            return self._lines.get((module, name, digest, number), set())
        return self._names.get((module, name), set())

    def by(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line: those of its module and its package first,
        then the shortest.
        """
        package, _, name = mutant.module.removesuffix(".py").partition("/")
        near = f"tests/unit/{package}/"
        found: set[str] = set()
        for lines in _places(mutant):
            found = {test for module, line in lines for test in self._at(module, line)}
            if found:
                break
        tests = sorted(
            found or self._modules.get(mutant.module, set()),
            key=lambda test: (
                not test.startswith(f"{near}test_{name}"),
                not test.startswith(near),
                self.of(test),
                test,
            ),
        )
        most = _MOST_SECONDS if _is_in_function(mutant) else _MOST_SECONDS_WHEN_LOADED
        took = accumulate(map(self.of, tests))
        return [test for test, total in zip(tests, took, strict=True) if total <= most]

    def of(self, test: str) -> float:
        """Return how many seconds of CPU time a test takes; all that is known of a file is that it
        takes long.
        """
        return (
            self._seconds.get(test, _LEAST_SECONDS) if "::" in test else _MOST_SECONDS_OF_PROGRAMS
        )


def _measured_tests(measured: Path, files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return a record for each file: how long its tests take, and which of them fail."""
    records: dict[str, dict[str, Any]] = {
        file: {"tests": {}, "failed": [], "lines": {}} for file in files
    }
    for line in measured.read_text().splitlines():
        word, number, test = line.split(" ", 2)
        record = records.get(test.partition("::")[0])
        if record is None:
            continue
        if word == "used":
            record["tests"][test] = float(number)
        else:
            record["failed"].append(test)
    return records


def now() -> str:
    """Return the time of day."""
    return time.strftime("%H:%M")


def copy_to(tree: Path) -> None:
    """Make ``tree`` a copy of what git knows, and of files that are new; byte code stays there."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    is_new = not tree.exists()
    for path in tree.rglob("*.py"):
        if str(path.relative_to(tree)) not in names:
            path.unlink()
    for name in names:
        here, there = ROOT / name, tree / name
        if not there.exists() or there.stat().st_mtime != here.stat().st_mtime:
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, there)
    # Tests of pages and workflows ask git which files there are.
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=tree, check=True)
    if is_new:  # compiles everything once
        collect = [PYTHON, "-m", "pytest", "--collect-only", "-qq", *CONFIG["tests"]]
        subprocess.run(collect, cwd=tree, stdout=subprocess.DEVNULL, check=True)


class Runner:
    """Runs tests in a copy of the project, each time in a fork of a process that has loaded what
    all tests need.
    """

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

    def run(self, arguments: Sequence[str], seconds: float, cpu_seconds: int) -> int:
        """Run pytest, for ``seconds`` at most, and return its exit code; a signal's number below
        0.
        """
        (self.tree / ".mutants.arguments").write_text("\n".join(arguments))
        process = int(self._ask(str(cpu_seconds)))
        timer = threading.Timer(seconds, os.killpg, (process, signal.SIGKILL))
        timer.start()
        code = int(self._ask("wait"))
        timer.cancel()
        return code

    def ask(self, tests: Sequence[str], seconds: float, cpu_seconds: int) -> str:
        """Return ``killed`` when one of ``tests`` fails, ``survived``, or ``timeout`` after
        ``seconds``.
        """
        options = [
            "-x",
            "-q",
            "--tb=line",
            "-p",
            "no:cacheprovider",
            "--timeout=120",
            "-m",
            "not slow",
        ]
        code = self.run([*options, *tests], seconds, cpu_seconds)
        files = sorted({test.partition("::")[0] for test in tests})
        if code == _USAGE_ERROR and files != list(tests):
            # A test of another name: its parameters come from what was changed.
            return self.ask(files, seconds, cpu_seconds + 2 * _CPU_SECONDS)
        return {0: "survived", 5: "survived", -signal.SIGKILL: "timeout"}.get(code, "killed")

    def types_hold(self) -> bool:
        """Whether mypy finds no fault in the client, as `make check` asks it."""
        checked = subprocess.run(
            [PYTHON, "-m", "mypy", "mogplex_ci"], cwd=self.tree, stdout=subprocess.DEVNULL
        )
        return checked.returncode == 0

    def _ask(self, what: str) -> str:
        print(what, file=self._server.stdin, flush=True)
        return next(self._server.stdout or iter(()))


@contextmanager
def put_into(tree: Path, mutant: AnyMutant) -> Iterator[None]:
    """Change the copy ``tree`` as ``mutant`` says, and change it back."""
    path = tree / mutant.path
    before = path.stat()
    path.write_text(mutant.mutated, encoding="utf-8")
    # Code compiled for the original, or for a mutant of this run or another, does not count.
    changed = next(_TIMES)
    os.utime(path, (changed, changed))
    try:
        yield
    finally:
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, (before.st_atime, before.st_mtime))


def judge(
    mutant: AnyMutant,
    runner: Runner,
    tests: Sequence[str],
    seconds: float,
    took: Callable[[str], float],
) -> str:
    """Return what ``tests`` say to ``mutant``; ``took`` is how long each of them takes."""
    verdict = "survived"
    with put_into(runner.tree, mutant):
        for some in (tests[:_FIRST_TESTS], tests[_FIRST_TESTS:]):
            if some and verdict == "survived":
                verdict = runner.ask(some, seconds, _CPU_SECONDS + int(3 * sum(map(took, some))))
    return verdict


def judge_by_types(mutant: AnyMutant, runner: Runner) -> str:
    """Return ``refused`` when mypy finds a fault in ``mutant``, else ``survived``."""
    with put_into(runner.tree, mutant):
        return "survived" if runner.types_hold() else "refused"


def unit_tests(packages: Collection[str]) -> list[str]:
    """Return the tests of packages of the client alone; ``.`` are the modules beside the
    packages.
    """
    folders: list[str] = []
    for package in sorted(packages):
        if package == ".":
            files = (ROOT / "tests" / "unit").glob("test_*.py")
            folders += sorted(str(path.relative_to(ROOT)) for path in files)
        else:
            folders += CONFIG["units"].get(package, [f"tests/unit/{package}"])
    return folders


def started_programs(mutant: Mutant) -> list[str]:
    """Return the tests that start the program, which are asked when those that ran the line notice
    nothing.

    All tests that have the module's name come first.
    """
    processes: dict[str, list[str]] = CONFIG["processes"]
    listed = processes.get(package_of(mutant.module), processes["others"])
    named = sorted((ROOT / "tests").rglob(f"test_{Path(mutant.module).stem}*.py"))
    places = [*named, *(ROOT / name for name in listed)]
    files = [
        path
        for place in places
        for path in [place, *sorted(place.rglob("test_*.py"))]
        if path.is_file()
    ]
    return list(dict.fromkeys(str(path.relative_to(ROOT)) for path in files))


def report(verdicts: dict[AnyMutant, str]) -> bool:
    """Print the survivors and what became of the mutants of each package; return whether enough
    were noticed.
    """
    for mutant, verdict in verdicts.items():
        if verdict in ("survived", "timeout"):
            before, after = mutant.change
            print(
                f"{verdict}: {mutant.path}:{mutant.line} {mutant.operator}\n  - {before}\n  + {after}"
            )
    print(f"\n{'package':<12} mutants equivalent killed refused survived timeout  score")
    enough = True
    for row in [*sorted({package_of(mutant.module) for mutant in verdicts}), "all"]:
        count = Counter(
            verdict
            for mutant, verdict in verdicts.items()
            if row in (package_of(mutant.module), "all")
        )
        judged = count.total() - count["equivalent"]
        share = (count["killed"] + count["refused"]) / judged if judged else 1.0
        numbers = (
            count.total(),
            count["equivalent"],
            count["killed"],
            count["refused"],
            count["survived"],
            count["timeout"],
        )
        too_few = judged >= CONFIG["judged_from"] and share < CONFIG["least"]
        enough = enough and not too_few
        print(
            "{:<12} {:7} {:10} {:6} {:7} {:8} {:7}".format(row, *numbers),
            f"{share:6.1%}",
            "too few" if too_few else "",
        )
    return enough


class Session:
    """The mutants that were drawn, and what became of each so far; that is kept for `--again`."""

    def __init__(self, verdicts: dict[AnyMutant, str], runners: Sequence[Runner]) -> None:
        """Tests run in all of ``runners`` at once."""
        self.verdicts = verdicts
        self._runners = runners
        self._reached = Reached(runners[0])

    def open(self, verdict: str = "open") -> list[Mutant]:
        """Return the mutants of code with this verdict."""
        given = self.verdicts.items()
        return [each for each, one in given if one == verdict and isinstance(each, Mutant)]

    def _open_data(self) -> list[DataMutant]:
        given = self.verdicts.items()
        return [each for each, one in given if one == "open" and isinstance(each, DataMutant)]

    def run(self) -> None:
        """Ask the tests of each mutant's package, then mypy, then the other tests in this process,
        then those that start the program.

        Each asks about the mutants that survived so far.
        """
        near = unit_tests({package_of(mutant.module) for mutant in self.open()})
        self._reached.add(near)
        asked = {mutant: self._reached.by(mutant) for mutant in self.open()}
        self._ask_tests(self.open(), asked.__getitem__, 240.0)
        self._ask_types(self.open("survived"))
        if self.open("survived"):
            self._reached.add([*near, *CONFIG["tests"]])
        still = {mutant: self._reached.by(mutant) for mutant in self.open("survived")}
        self._ask_tests(
            still,
            lambda mutant: [test for test in still[mutant] if test not in asked[mutant]],
            240.0,
        )
        # Alone: a busy machine is no sign.
        self._ask_tests(self.open("timeout"), self._reached.by, 600.0, self._runners[:1])
        survived = self.open("survived")
        self._ask_tests(survived, started_programs, _MOST_SECONDS_OF_PROGRAMS)
        late = {mutant for mutant in survived if self.verdicts[mutant] == "timeout"}
        self.verdicts |= dict.fromkeys(late, "survived")
        self._ask_tests(self._open_data(), lambda mutant: mutant.tests, 600.0)

    def _ask_tests(
        self,
        mutants: Collection[M],
        choose: Callable[[M], Sequence[str]],
        seconds: float,
        runners: Sequence[Runner] = (),
    ) -> None:
        def ask(mutant: M, runner: Runner) -> str:
            return judge(mutant, runner, choose(mutant), seconds, self._reached.of)

        self._ask(mutants, ask, runners or self._runners)

    def _ask_types(self, mutants: Collection[Mutant]) -> None:
        if mutants and not all(runner.types_hold() for runner in self._runners):
            sys.exit("mypy finds faults without a mutant: see `make types`.")
        self._ask(mutants, judge_by_types, self._runners)

    def _ask(
        self, mutants: Collection[M], ask: Callable[[M, Runner], str], runners: Sequence[Runner]
    ) -> None:
        """Ask about each mutant, in all ``runners`` at once, and keep what became of it."""
        free: SimpleQueue[Runner] = SimpleQueue()
        for runner in runners:
            free.put(runner)

        def ask_one(mutant: M) -> None:
            runner = free.get()
            try:
                self.verdicts[mutant] = ask(mutant, runner)
            finally:
                free.put(runner)
            print(_SIGNS[self.verdicts[mutant]], end="", flush=True)
            listed = [
                {"mutant": asdict(one), "verdict": verdict}
                for one, verdict in self.verdicts.items()
            ]
            LAST.write_text(json.dumps(listed))

        if mutants:
            print(f"\n{now()} {len(mutants)} mutants: ", end="", flush=True)
        with ThreadPoolExecutor(len(runners)) as pool:
            list(pool.map(ask_one, mutants))


def _seed(text: str) -> int:
    """Return the seed; that of a day is its date, so that each night draws others."""
    return int(time.strftime("%Y%m%d") if text == "today" else text)


def _drawn(patterns: Sequence[str], sample: int, seed: int) -> list[AnyMutant]:
    """Draw as many mutants of each package, or one more; without patterns also of data files, as of
    one package.
    """
    if patterns == ["data"]:
        return list(draw_data(CONFIG, sample, seed))
    names = modules(patterns)
    packages = sorted({package_of(name) for name in names})
    parts = len(packages) + (0 if patterns else 1)
    drawn: list[AnyMutant] = []
    for number, package in enumerate(packages):
        some = [name for name in names if package_of(name) == package]
        drawn += draw(some, (sample + number) // parts, seed)
    if not patterns:
        drawn += draw_data(CONFIG, (sample + len(packages)) // parts, seed)
    return drawn


def _last_verdicts() -> dict[AnyMutant, str]:
    """Return the mutants of the last time, and what became of them."""
    verdicts: dict[AnyMutant, str] = {}
    for entry in json.loads(LAST.read_text()):
        fields = entry["mutant"]
        if "tests" in fields:
            fields["tests"] = tuple(fields["tests"])
            verdicts[DataMutant(**fields)] = entry["verdict"]
        else:
            verdicts[Mutant(**fields)] = entry["verdict"]
    return verdicts


def main() -> int:
    """Draw mutants, run them, and report. Returns 1 when fewer are noticed than
    scripts/mutants.toml asks for.
    """
    parser = argparse.ArgumentParser(
        description="Change the client in one place at a time; see if a test notices."
    )
    parser.add_argument("--sample", type=int, default=240, help="how many mutants")
    parser.add_argument("--seed", type=_seed, default=1, help="which ones: a number, or today")
    parser.add_argument(
        "--modules",
        default="",
        help="patterns of paths below mogplex_ci/, separated by spaces; or data",
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument(
        "--again", action="store_true", help="only those that survived or timed out the last time"
    )
    asked = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # what was judged is saved, and the tests end with this process
    trees = [WORK / f"tree-{number}" for number in range(asked.jobs)]
    for tree in trees:
        copy_to(tree)
    if asked.again:
        verdicts = _last_verdicts()
    else:
        print(f"mutants drawn by SEED={asked.seed}, SAMPLE={asked.sample}")
        verdicts = dict.fromkeys(_drawn(asked.modules.split(), asked.sample, asked.seed), "open")
    for mutant, verdict in verdicts.items():
        if verdict not in ("killed", "refused") and isinstance(mutant, Mutant):
            verdicts[mutant] = "equivalent" if explanation(mutant) else "open"
    session = Session(verdicts, [Runner(tree) for tree in trees])
    session.run()
    print()
    return 0 if report(session.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
