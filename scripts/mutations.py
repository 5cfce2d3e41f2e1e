"""The changes of `make mutants`: one place at a time, by the operators of Cosmic Ray and two
more.
"""

from __future__ import annotations

import ast
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

# Only `make mutants` installs these: what they depend on is not among what the tests read and run
# with.
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator

from scripts.layout import logical_lines

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "mogplex_ci"
CONFIG: Final[dict[str, Any]] = tomllib.loads(
    (ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8")
)
_NO_CHANGE: Final = re.compile(r"_(Eq_Is|Is_Eq|NotEq_IsNot|IsNot_NotEq)$|_Is(Not)?_[LG]t")
"""Identity for equality and back: they differ only by which values the interpreter happens to keep
once. Nor an order for identity: it raises, or compares how the members of an enumeration are
spelled.
"""
_NEVER_REACHED: Final = re.compile(r"assert_never\(")
_ANY_ORDER: Final = ("min", "max", "random", "_flags")
"""Calls whose arguments may come in any order."""


class LeaveOutStatement(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Leaves out a statement whose absence does not simply leave a name without a value."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the position of a statement in a body."""
        if (
            node.type == "simple_stmt"
            and node.parent.type == "suite"
            and self._does_something(node.children[0])
        ):
            yield node.start_pos, node.end_pos

    @staticmethod
    def _does_something(statement: Any) -> bool:
        if statement.type == "expr_stmt":
            target, operator, value = (
                statement.children[0],
                statement.children[1],
                statement.children[-1],
            )
            is_new_name = target.type == "name" and operator.get_code().strip() == "="
            is_annotation = operator.type == "annassign" and target.type == "name"
            used = re.findall(r"\w+", value.get_code())
            return not is_annotation and (not is_new_name or target.value in used)
        kinds = ("atom_expr", "power", "yield_expr", "raise_stmt", "return_stmt", "del_stmt")
        return statement.type in kinds and not _NEVER_REACHED.match(statement.get_code().strip())

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
        return (
            Example("def f(x):\n    x.close()\n    return x", "def f(x):\n    pass\n    return x"),
        )


class SwapArguments(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Swaps two neighbouring arguments of a call, or the values of two neighbouring keywords."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the positions of the pairs."""
        for first, second in self._pairs(node):
            yield first.start_pos, second.end_pos

    @staticmethod
    def _pairs(node: Any) -> list[tuple[Any, Any]]:
        if node.type != "arglist" or node.parent.type != "trailer":
            return []
        if node.parent.get_previous_leaf().get_code().strip() in _ANY_ORDER:
            return []
        given = [child for child in node.children if child.type != "operator"]
        is_keyword = [_is_keyword(child) for child in given]
        values = [_value(child) for child in given]
        pairs = zip(pairwise(values), pairwise(is_keyword), strict=True)
        return [
            (first, second)
            for (first, second), (one, other) in pairs
            if first is not None
            and second is not None
            and one == other
            and _code(first) != _code(second)
        ]

    def mutate(self, node: Any, index: int) -> Any:
        """Swap a pair."""
        first, second = self._pairs(node)[index]
        places = [(each.parent, each.parent.children.index(each)) for each in (first, second)]
        one, other = first.get_first_leaf(), second.get_first_leaf()
        one.prefix, other.prefix = other.prefix, one.prefix
        for (parent, at), each in zip(places, (second, first), strict=True):
            parent.children[at], each.parent = each, parent
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """Return what it does to a piece of code."""
        return (Example("f(x, y=1, z=2)", "f(x, y=2, z=1)"), Example("f(x, y)", "f(y, x)"))


def _is_keyword(argument: Any) -> bool:
    """Return whether an argument is ``name=value``, not a value, ``*args`` or ``**options``."""
    return bool(argument.type == "argument" and argument.children[1].type == "operator")


def _value(argument: Any) -> Any:
    """Return the value of an argument; None for those that hold several."""
    if _is_keyword(argument):
        return argument.children[2]
    if argument.type == "argument":
        return None
    return argument


def _code(node: Any) -> str:
    return str(node.get_code(include_prefix=False))


_OWN: Final = {"LeaveOutStatement": LeaveOutStatement, "SwapArguments": SwapArguments}


def _operator(name: str) -> Any:
    return _OWN.get(name) or plugins.get_operator(name)


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
        """What differs, before and after: whole lines, without their layout."""
        before, after = logical_lines(self.source), logical_lines(self.mutated)
        while before and after and before[0] == after[0]:
            del before[0], after[0]
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        return "\n".join(before), "\n".join(after)


@cache
def _mutated(mutant: Mutant) -> str:
    try:
        code = mutate_code(mutant.source, _operator(mutant.operator)(), mutant.occurrence) or ""
        compile(code, mutant.module, "exec")
    except (
        SyntaxError,
        AttributeError,
    ):  # an operator may not know what it was given, such as a dotted name
        return ""
    return str(code)


@cache
def _source(module: str) -> str:
    return (PACKAGE / module).read_text(encoding="utf-8")


@cache
def parsed(module: str) -> ast.Module:
    """Return the module as Python reads it."""
    return ast.parse(_source(module))


def package_of(module: str) -> str:
    """Return the part of the client that ``module`` belongs to: its folder, or ``.``."""
    return module.rpartition("/")[0].partition("/")[0] or "."


def modules(patterns: Sequence[str]) -> list[str]:
    """Return the modules that match one of ``patterns``, if there are any."""
    found = (str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))
    return sorted(
        name
        for name in found
        if not patterns or any(fnmatch(name, pattern) for pattern in patterns)
    )


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of ``module``, but those of what is there for the type checker."""
    unused = list(_for_types(parsed(module)))
    lines = _source(module).splitlines()
    nodes = list(ast_nodes(get_ast(_source(module))))
    for operator in sorted([*plugins.operator_names(), *_OWN]):
        kind = _operator(operator)
        if kind.arguments() or _NO_CHANGE.search(operator):
            continue
        places = (place for node in nodes for place in kind().mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            is_star = lines[start[0] - 1][start[1] :].startswith(
                "*,"
            )  # of parameters, which is no operator
            if not is_star and not any(first <= start < end for first, end in unused):
                yield Mutant(module, start[0], start[1], operator, occurrence)


def _for_types(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where annotations, imports for types, and ``frozen`` and ``slots`` of data classes
    stand.
    """
    for node in ast.walk(tree):
        parts: list[ast.expr | ast.stmt | None] = []
        if isinstance(node, ast.ClassDef):
            calls = [
                decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)
            ]
            parts += [
                word.value
                for call in calls
                for word in call.keywords
                if word.arg in ("frozen", "slots")
            ]
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts += [node.test, *node.body]
        for part in parts:
            if part is not None:
                yield (
                    (part.lineno, part.col_offset),
                    (part.end_lineno or 0, part.end_col_offset or 0),
                )


def draw(names: Sequence[str], size: int, seed: int) -> list[Mutant]:
    """Return ``size`` mutants, no two of them of the same place."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for mutant in (mutant for name in names for mutant in mutants_of(name)):
        places.setdefault((mutant.module, mutant.line, mutant.column), []).append(mutant)
    chance = random.Random(seed)  # noqa: S311 - not a secret
    drawn = [chance.choice(places[place]) for place in chance.sample(sorted(places), len(places))]
    valid = (mutant for mutant in drawn if mutant.mutated)
    return sorted(
        (mutant for mutant, _ in zip(valid, range(size), strict=False)),
        key=lambda m: (m.module, m.line),
    )


def explanation(mutant: Mutant) -> str | None:
    """Return why nobody can tell ``mutant`` from the original, if scripts/mutants.toml says so."""
    before, after = mutant.change
    for entry in CONFIG["equivalent"]:
        (code,) = logical_lines(entry["code"])
        for changed in entry["mutants"]:
            replaced = before.replace(code, "\n".join(logical_lines(changed)))
            if code in before and replaced == after:
                return str(entry["why"])
    return None
