"""Change one package of the program in one place at a time, and see whether its tests notice.

docs/maintaining/testing.md says how to run it. Cosmic Ray knows the changes, such as ``<`` for
``<=``; here a statement may also be left out. Nothing is changed in this folder: each job has a
copy of the project in `.cache/mutants/`.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

# Only `make mutants` installs it: its libraries stay apart from those that the tests run with.
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "mogplex_ci"
WORK: Final = ROOT / ".cache" / "mutants"
PYTHON: Final = ROOT / ".venv" / "bin" / "python"
_SAME: Final = re.compile(r"_(Eq_Is|Is_Eq|NotEq_IsNot|IsNot_NotEq)$")
"""Identity for equality: they differ only by which values the interpreter keeps once."""


class LeaveOutStatement(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Leaves out a call, an assignment to something that exists, a return or a raise."""

    _KINDS = ("atom_expr", "power", "yield_expr", "raise_stmt", "return_stmt", "del_stmt")

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the position of each such statement in a body."""
        if node.type == "simple_stmt" and node.parent.type == "suite":
            statement = node.children[0]
            is_assignment = statement.type == "expr_stmt"
            makes_a_name = is_assignment and statement.children[0].type == "name"
            if (is_assignment and not makes_a_name) or statement.type in self._KINDS:
                yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Put ``pass`` in its place."""
        statement = node.children[0]
        nothing = get_ast("pass\n").children[0].children[0]
        nothing.prefix, nothing.parent = statement.get_first_leaf().prefix, node
        node.children[0] = nothing
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """Return what it does to a piece of code."""
        return (Example("def f(x):\n    x.close()\n", "def f(x):\n    pass\n"),)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    path: Path
    """From the project's folder on."""
    source: str
    mutated: str

    def diff(self) -> str:
        """Return the changed lines."""
        lines = difflib.unified_diff(
            self.source.splitlines(), self.mutated.splitlines(), str(self.path), n=0, lineterm=""
        )
        return "\n".join(line for line in lines if not line.startswith("+++"))


def draw(package: str, size: int, seed: int) -> list[Mutant]:
    """Return up to ``size`` mutants of ``package``, no two of them of the same place.

    Args:
        package: a package or module below ``mogplex_ci``: ``gates``, ``run/follow.py``.
        size: how many.
        seed: decides which ones.
    """
    place = PACKAGE / package
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    changes = [(path, *change) for path in paths for change in _changes(path.read_text("utf-8"))]
    random.Random(seed).shuffle(changes)  # noqa: S311 - not a secret
    mutants: dict[tuple[Path, tuple[int, int]], Mutant] = {}
    for path, position, operator, occurrence in changes:
        source = path.read_text("utf-8")
        mutated = _mutated(source, operator, occurrence)
        if mutated:
            mutant = Mutant(path.relative_to(ROOT), source, mutated)
            mutants.setdefault((path, position), mutant)
        if len(mutants) == size:
            break
    return list(mutants.values())


def _changes(source: str) -> Iterator[tuple[tuple[int, int], Any, int]]:
    """Yield line and column, operator, and its occurrence, of each change of ``source``."""
    for_types = list(_for_types(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    named = [plugins.get_operator(n) for n in plugins.operator_names() if not _SAME.search(n)]
    for operator in [*(kind for kind in named if not kind.arguments()), LeaveOutStatement]:
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            if not any(first <= start < last for first, last in for_types):
                yield start, operator, occurrence


def _for_types(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where annotations start and end: nothing runs them."""
    for node in ast.walk(tree):
        found: ast.expr | None = None
        if isinstance(node, ast.arg | ast.AnnAssign):
            found = node.annotation
        elif isinstance(node, ast.FunctionDef):
            found = node.returns
        if found is not None:
            yield (
                (found.lineno, found.col_offset),
                (found.end_lineno or 0, found.end_col_offset or 0),
            )


def _mutated(source: str, operator: Any, occurrence: int) -> str:
    """Return the changed source, or nothing if it is not Python."""
    try:
        code = str(mutate_code(source, operator(), occurrence) or "")
        compile(code, "mutant", "exec")
    except (SyntaxError, AttributeError):  # an operator may not know a dotted name
        return ""
    return code


def copy_to(tree: Path) -> None:
    """Make ``tree`` a copy of the files that git knows or would add."""
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def passes(tree: Path, tests: Sequence[str], seconds: float | None = None) -> bool:
    """Whether the tests pass in the copy ``tree`` within ``seconds``; without a limit, which is
    before any mutant, the byte code is kept for later.
    """
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow"]
    try:
        done = _run(tree, ["-m", "pytest", *options, *tests], seconds)
    except subprocess.TimeoutExpired:
        return False
    return done == 0


def _run(tree: Path, arguments: Sequence[str], seconds: float | None = None) -> int:
    """Run Python in ``tree``, so that it imports the program from there; return the exit code."""
    no_byte_code = "" if seconds is None else "1"
    byte_code = f"PYTHONDONTWRITEBYTECODE={no_byte_code}"
    command = ["env", f"PYTHONPATH={tree}", byte_code, str(PYTHON), *arguments]
    output = subprocess.DEVNULL
    return subprocess.run(
        command, cwd=tree, stdout=output, stderr=output, timeout=seconds, check=False
    ).returncode


def verdict(mutant: Mutant, tree: Path, tests: Sequence[str], seconds: float) -> str:
    """Return who notices ``mutant`` in the copy ``tree``: the tests, mypy or nobody."""
    path = tree / mutant.path
    path.write_text(mutant.mutated, encoding="utf-8")
    try:
        if not passes(tree, tests, seconds):
            return "killed"
        return "refused" if _run(tree, ["-m", "mypy", "mogplex_ci"]) else "survived"
    finally:
        path.write_text(mutant.source, encoding="utf-8")


def usual_tests(package: str) -> list[str]:
    """Return the folder that has the tests of a package."""
    folder = ROOT / "tests" / "unit" / package
    return [str((folder if folder.exists() else ROOT / "tests" / package).relative_to(ROOT))]


def main() -> int:
    """Draw mutants, ask the tests about each, and print those that survive."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--package", required=True, help="below mogplex_ci/: gates, run/follow.py")
    parser.add_argument("--tests", default="", help="default: tests/unit/PACKAGE, or tests/PACKAGE")
    parser.add_argument("--sample", type=int, default=60, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="decides which ones")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    options = parser.parse_args()
    tests = options.tests.split() or usual_tests(options.package.partition("/")[0])
    first = WORK / "tree-0"
    copy_to(first)
    began = time.monotonic()
    if not passes(first, tests):
        print(f"{' '.join(tests)} must pass without a mutant first", file=sys.stderr)
        return 1
    patience = 30 + 5 * (time.monotonic() - began)
    trees: SimpleQueue[Path] = SimpleQueue()
    trees.put(first)
    for number in range(1, options.jobs):
        tree = WORK / f"tree-{number}"
        shutil.rmtree(tree, ignore_errors=True)
        trees.put(shutil.copytree(first, tree))

    def judge(mutant: Mutant) -> str:
        free = trees.get()
        try:
            said = verdict(mutant, free, tests, patience)
        finally:
            trees.put(free)
        print({"killed": ".", "refused": "t", "survived": "S"}[said], end="", flush=True)
        if said == "survived":
            print(f"\n{mutant.diff()}", flush=True)
        return said

    mutants = draw(options.package, options.sample, options.seed)
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = list(pool.map(judge, mutants))
    print()
    counts = (f"{verdicts.count(word)} {word}" for word in ("killed", "refused", "survived"))
    print(f"{len(mutants)} mutants of {options.package}: {', '.join(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
