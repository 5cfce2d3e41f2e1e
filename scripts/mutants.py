"""Change the client in one place at a time, and see whether a test notices.

python -m scripts.mutants [--sample 300] [--seed 1] [--modules 'run/follow.py api/*.py'] [--jobs 2] [--again]

Cosmic Ray makes the mutants, coverage.py tells which tests run a line. Of each place in the code that is drawn, one
mutant is drawn. Nothing is changed in this folder: each job has a copy of it in `.cache/mutants/`. scripts/mutants.toml
says which modules and tests take part, and explains the mutants that behave as the original does.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cache
from itertools import accumulate, zip_longest
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

# Only `make mutants` installs these: what they depend on is not among what the tests read and run with.
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from coverage import CoverageData

ROOT: Final = Path(__file__).resolve().parent.parent
WORK: Final = ROOT / ".cache" / "mutants"
PYTHON: Final = ROOT / ".venv" / "bin" / "python"
CONFIG: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_NO_CHANGE: Final = re.compile(r"_(Eq_Is|Is_Eq|NotEq_IsNot|IsNot_NotEq)$|_Is(Not)?_[LG]t")
"""Identity for equality and back: they differ only by which values the interpreter happens to keep once. Nor an order
for identity: it raises, or compares how the members of an enumeration are spelled."""
_MOST_SECONDS: Final = 20.0
"""How long the tests that are asked about one mutant took when nothing was changed; the nearest and shortest first."""
_MOST_SECONDS_WHEN_LOADED: Final = 60.0
"""The same for a constant or a default, which is set when its module is loaded: many run what uses it, few notice."""

_FIRST_TESTS: Final = 30
"""Tests that are asked first: most mutants are noticed by one of them, and the files of the others are not loaded."""
_USAGE_ERROR: Final = 4
"""Exit code of pytest when a test that it shall run does not exist, among others."""
_SERVER: Final = """
import os, sys
import hypothesis.strategies, jinja2, jsonschema, pytest, pytest_cov, pytest_timeout, requests, structlog
import werkzeug.serving, xdist, yaml
sys.dont_write_bytecode = True
for line in sys.stdin:
    if line == "run\\n":
        if (child := os.fork()) == 0:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
            os._exit(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--timeout=120", "@.tests"]))
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""What the tests import takes longer to load than most of them take to run."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: an operator of Cosmic Ray at one of the places in a module that it fits."""

    module: str
    """Path below ``mogplex_ci``."""
    line: int
    column: int
    operator: str
    occurrence: int

    @property
    def path(self) -> str:
        """Path of the module from the project's folder on."""
        return f"mogplex_ci/{self.module}"

    @property
    def source(self) -> str:
        """The module without the change."""
        return _source(self.module)

    @property
    def mutated(self) -> str:
        """The module with the change; empty when it is no Python."""
        return _mutated(self)

    @property
    def change(self) -> tuple[str, str]:
        """The first line that differs, before and after."""
        both = (filter(str.strip, text.splitlines()) for text in (self.source, self.mutated))
        lines = zip_longest(*both, fillvalue="")
        before, after = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
        return before.strip(), after.strip()


@cache
def _mutated(mutant: Mutant) -> str:
    try:
        code = mutate_code(mutant.source, plugins.get_operator(mutant.operator)(), mutant.occurrence) or ""
        compile(code, mutant.module, "exec")
    except (SyntaxError, AttributeError):  # an operator may not know what it was given, such as a dotted name
        return ""
    return str(code)


@cache
def _source(module: str) -> str:
    return (ROOT / "mogplex_ci" / module).read_text(encoding="utf-8")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module))


@cache
def _uses() -> dict[str, list[tuple[str, int]]]:
    """Return the modules and lines that read each name or attribute, in all of the client."""
    found: dict[str, list[tuple[str, int]]] = {}
    package = ROOT / "mogplex_ci"
    for module in (str(path.relative_to(package)) for path in package.rglob("*.py")):
        for node in ast.walk(_tree(module)):
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
    for node in ast.walk(_tree(mutant.module)):
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


def modules(patterns: Sequence[str]) -> list[str]:
    """Return the modules that take part and match one of ``patterns``, if there are any."""
    package = ROOT / "mogplex_ci"
    found = {str(path.relative_to(package)) for pattern in CONFIG["modules"] for path in package.glob(pattern)}
    return sorted(name for name in found if not patterns or any(fnmatch(name, pattern) for pattern in patterns))


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of ``module``, but those of what is there for the type checker."""
    unused = list(_for_types(_tree(module)))
    lines = _source(module).splitlines()
    nodes = list(ast_nodes(get_ast(_source(module))))
    for operator in sorted(plugins.operator_names()):
        kind = plugins.get_operator(operator)
        if kind.arguments() or _NO_CHANGE.search(operator):
            continue
        places = (place for node in nodes for place in kind().mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            is_star = lines[start[0] - 1][start[1] :].startswith("*,")  # of parameters, which is no operator
            if not is_star and not any(first <= start < end for first, end in unused):
                yield Mutant(module, start[0], start[1], operator, occurrence)


def _for_types(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where annotations, imports for types, and ``frozen`` and ``slots`` of data classes stand."""
    for node in ast.walk(tree):
        parts: list[ast.expr | ast.stmt | None] = []
        if isinstance(node, ast.ClassDef):
            calls = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
            parts += [word.value for call in calls for word in call.keywords if word.arg in ("frozen", "slots")]
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts += [node.test, *node.body]
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)


def draw(names: Sequence[str], size: int, seed: int) -> list[Mutant]:
    """Return ``size`` mutants, no two of them of the same place."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for mutant in (mutant for name in names for mutant in mutants_of(name)):
        places.setdefault((mutant.module, mutant.line, mutant.column), []).append(mutant)
    chance = random.Random(seed)  # noqa: S311 - not a secret
    drawn = [chance.choice(places[place]) for place in chance.sample(sorted(places), len(places))]
    valid = (mutant for mutant in drawn if mutant.mutated)
    return sorted((mutant for mutant, _ in zip(valid, range(size), strict=False)), key=lambda m: (m.module, m.line))


class Tests:
    """What the tests run and how long each takes."""

    def __init__(self) -> None:
        """Read what was measured."""
        self._data = CoverageData(str(WORK / "coverage"))
        self._data.read()
        known = json.loads((WORK / "tests.json").read_text())
        self._seconds: dict[str, float] = known["seconds"]
        self._failed: set[str] = set(known["failed"])

    @classmethod
    def measure(cls, tree: Path) -> Tests:
        """Run the tests in ``tree`` that are new or changed since the last time; all of them if anything else is."""
        files = [path for folder in ("mogplex_ci", "tests") for path in sorted((tree / folder).rglob("*.py"))]
        state = {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        saved = WORK / "tests.json"
        known: dict[str, Any] = {"state": {}, "seconds": {}, "failed": []}
        if saved.exists():
            known = json.loads(saved.read_text())
        changed = [name for name, digest in state.items() if known["state"].get(name) != digest]
        if not all(fnmatch(name, "tests/*/test_*.py") for name in changed):
            changed = list(CONFIG["tests"])
            (WORK / "coverage").unlink(missing_ok=True)
        asked = [name for name in changed if name.startswith(tuple(CONFIG["tests"])) and name not in CONFIG["left_out"]]
        if asked:
            print("running tests without a mutant, to see which of them run which line", flush=True)
            ignored = [f"--ignore={path}" for path in CONFIG["left_out"]]
            options = ["--cov=mogplex_ci", "--cov-context=test", "--cov-append", "--cov-report=", "-n", "2"]
            command = [
                str(PYTHON),
                "-m",
                "pytest",
                *options,
                "--durations=0",
                "--durations-min=0.01",
                "-vv",
                *ignored,
                *asked,
            ]
            env = os.environ | {"COVERAGE_FILE": str(WORK / "coverage")}
            done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
            for took, test in re.findall(r"^([\d.]+)s call +(\S.*)$", done.stdout, re.MULTILINE):
                known["seconds"][test] = float(took)
            known["failed"] += re.findall(r"^FAILED (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
        if known["failed"]:
            print(f"left out, because they fail without a mutant: {', '.join(known['failed'])}")
        saved.write_text(json.dumps(known | {"state": state}))
        return cls()

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line: those of its module and its package first, then the shortest."""
        package, _, name = mutant.module.removesuffix(".py").partition("/")
        near = f"tests/unit/{package}/"
        found: set[str] = set()
        for lines in self._lines(mutant):
            found = {test for module, line in lines for test in self._by_line(module).get(line, ())} - self._failed
            if found:
                break
        tests = sorted(
            found,
            key=lambda test: (
                not test.startswith(f"{near}test_{name}"),
                not test.startswith(near),
                self._seconds.get(test, 0.005),
                test,
            ),
        )
        most = _MOST_SECONDS if _is_in_function(mutant) else _MOST_SECONDS_WHEN_LOADED
        took = accumulate(self._seconds.get(test, 0.005) for test in tests)
        return [test for test, total in zip(tests, took, strict=True) if total <= most]

    @cache  # noqa: B019 - one object
    def _by_line(self, module: str) -> dict[int, set[str]]:
        files = [path for path in self._data.measured_files() if path.endswith(f"/mogplex_ci/{module}")]
        by_line: dict[int, set[str]] = {}
        for path in files:
            for line, contexts in self._data.contexts_by_lineno(path).items():
                by_line.setdefault(line, set()).update(name.rpartition("|")[0] for name in contexts if name)
        return by_line

    def _lines(self, mutant: Mutant) -> Iterator[list[tuple[str, int]]]:
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
        self._server = subprocess.Popen(
            [PYTHON, "-c", _SERVER], cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, tests: Sequence[str], seconds: float) -> str:
        """Return ``killed``, ``survived``, or ``timeout`` after ``seconds``."""
        (self.tree / ".tests").write_text("\n".join(tests))
        process = int(self._ask("run"))
        timer = threading.Timer(seconds, os.killpg, (process, signal.SIGKILL))
        timer.start()
        code = int(self._ask("wait"))
        timer.cancel()
        files = sorted({test.partition("::")[0] for test in tests})
        if code == _USAGE_ERROR and files != list(tests):
            return self.run(files, seconds)  # a test of another name: its parameters come from what was changed
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
                verdict = runner.run(some, seconds)
        return verdict
    finally:
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, (before.st_atime, before.st_mtime))


def explanation(mutant: Mutant) -> str | None:
    """Return why nobody can tell ``mutant`` from the original, if scripts/mutants.toml says so."""
    before, after = mutant.change
    for entry in CONFIG.get("equivalent", ()):
        line, changed = entry.get("line", before), entry.get("mutant", after)
        if "part" in entry:
            changed = before.replace(entry["part"], entry["mutant"])
        if fnmatch(mutant.module, entry["module"]) and (line, changed) == (before, after):
            return str(entry["why"])
    return None


def report(verdicts: dict[Mutant, str]) -> float:
    """Print the survivors, and a table of what became of the mutants by module. Returns the share that was noticed."""
    for mutant, verdict in verdicts.items():
        if verdict in ("survived", "timeout"):
            before, after = mutant.change
            print(f"{verdict}: {mutant.path}:{mutant.line} {mutant.operator}\n  - {before}\n  + {after}")
    print(f"\n{'module':<28} mutants equivalent killed survived timeout  score")
    share = 1.0
    for row in [*sorted({mutant.module for mutant in verdicts}), "all"]:
        count = Counter(verdict for mutant, verdict in verdicts.items() if row in (mutant.module, "all"))
        judged = count.total() - count["equivalent"]
        share = count["killed"] / judged if judged else 1.0
        numbers = (count.total(), count["equivalent"], count["killed"], count["survived"], count["timeout"])
        print("{:<28} {:7} {:10} {:6} {:8} {:7}".format(row, *numbers), f"{share:6.1%}" if judged else "     –")
    return share


def main() -> int:
    """Draw mutants, run them, and report. Returns 1 when fewer are noticed than scripts/mutants.toml asks for."""
    parser = argparse.ArgumentParser(description="Change the client in one place at a time; see if a test notices.")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--modules", default="", help="patterns of paths below mogplex_ci/, separated by spaces")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--again", action="store_true", help="only those that survived or timed out the last time")
    asked = parser.parse_args()
    names = modules(asked.modules.split())
    trees = [WORK / f"tree-{number}" for number in range(asked.jobs)]
    for tree in trees:
        copy_to(tree)
    tests = Tests.measure(trees[0])
    last = WORK / "last.json"
    verdicts: dict[Mutant, str] = {}
    if asked.again:
        verdicts = {Mutant(**entry["mutant"]): entry["verdict"] for entry in json.loads(last.read_text())}
    drawn = list(verdicts) if asked.again else draw(names, asked.sample, asked.seed)
    for mutant in drawn:
        if verdicts.get(mutant) != "killed":
            verdicts[mutant] = "equivalent" if explanation(mutant) else "open"
    free: SimpleQueue[Runner] = SimpleQueue()
    for tree in trees:
        free.put(Runner(tree))

    def ask_about(verdict: str, choose: Callable[[Mutant], Sequence[str]], jobs: int, seconds: float) -> None:
        """Run the tests that ``choose`` returns for each mutant with this verdict, and note what they say."""
        todo = [mutant for mutant in drawn if verdicts[mutant] == verdict]

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

    ask_about("open", tests.of, asked.jobs, 240.0)
    ask_about("survived", lambda mutant: CONFIG["processes"][mutant.module.partition("/")[0]], asked.jobs, 900.0)
    ask_about("timeout", tests.of, 1, 600.0)  # alone: a busy machine is no sign
    print()
    return 0 if report(verdicts) >= CONFIG["least"] else 1


if __name__ == "__main__":
    sys.exit(main())
