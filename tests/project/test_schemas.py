"""What each field of a document takes: result.json, an input.

`make golden` writes the lists anew. A rule of a schema that is lost shows as a value more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import inputs, kinds, load_schema
from mogplex_ci.problems import Problem
from tests.e2e.golden import check_golden
from tests.slow import mostly_slow

Place: TypeAlias = tuple[str | int, ...]

EXAMPLES = yaml.safe_load(Path(__file__).with_name("documents.yaml").read_text(encoding="utf-8"))
UUID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
TRIED: Final[tuple[Any, ...]] = (
    *(None, True, False, -1, 0, 1, 1.5, 101, 150, 199, 200, 256, 600, 10_001, 1_000_001),
    *("", "a", "A", "a b", "a/b", "a\nb", "1m", "always", "a" * 40, "a" * 64, "sha256:" + "a" * 64),
    *(UUID, "mog_" + "a" * 32, "https://a", "http://a", "2030-01-31T12:00:00Z"),
    *([], [1], ["a"], ["read"], [101], [{}], ["a"] * 301, {}, {"a": 1}, {"a": "a"}, {"a": ["a"]}),
)
"""Values that are put in the place of each one of an example."""
TEXTS: Final = (
    *(
        "true",
        "Yes",
        "a",
        "A b",
        "a@b",
        "a/b",
        "acme/web",
        "https://github.com/acme/web.git",
        "acme/*",
    ),
    *(
        "/a",
        "../a",
        "..",
        "a..b",
        "a.json",
        "1",
        "0",
        "-1",
        "7",
        "1000",
        "1 hour",
        "90 mins",
        "9h9h",
    ),
    *(
        "https://a",
        "http://a",
        "a\nb",
        "\x07",
        "é",
        "checks",
        "Change, checks",
        "!a",
        "*",
        "{a: 1}",
    ),
    *(
        "[]",
        "null",
        '"mog_a"',
        "$A",
        "ghp_a",
        "mog_a",
        UUID,
        "safe",
        "a" * 201,
        "a" * 256,
        "a" * 2001,
    ),
    *("a" * 20_001, "a" * 100_001, "a" * 240, "detach", "codex", "owner", "@acme/team"),
)
"""Texts that each kind of input is asked about."""


@pytest.mark.parametrize("name", mostly_slow(EXAMPLES, every=4))
def test_a_document_takes_what_it_took(name: str) -> None:
    schema = dict(load_schema(name))
    lines = [line for example in EXAMPLES[name] for line in described(schema, example)]
    check_golden(f"schemas/{name}.txt", "".join(f"{line}\n" for line in dict.fromkeys(lines)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_have_every_field(name: str) -> None:
    used = {key for example in EXAMPLES[name] for key in keys_of(example)}
    assert declared(load_schema(name)) - used == set(), (
        f"give each a value in an example of {name} in tests/project/documents.yaml"
    )


def test_an_input_of_each_kind_takes_what_it_took() -> None:
    lines = []
    choices = {name: spec.kind for name, spec in inputs().items() if spec.kind.choices}
    for name, kind in {**kinds(), **choices}.items():
        found: dict[str, list[str]] = {}
        for text in TEXTS:
            found.setdefault(answer(kind.problem(name, text)), []).append(shown(text))
        lines += [f"{name}: {said}: {', '.join(texts)}" for said, texts in found.items()]
    check_golden("schemas/inputs.txt", "".join(f"{line}\n" for line in lines))


def answer(problem: Problem | None) -> str:
    """Return what a user is told."""
    if problem is None:
        return "taken"
    near = "".join(f" or {each.text}" for each in problem.near)
    return f"{problem.fault}. {problem.remedy}{near}{' (shown)' * (problem.got is not None)}"


def test_no_input_is_anything_but_text() -> None:
    schema = load_schema("inputs")
    for rules in (schema["properties"], schema["$defs"]):
        for name in rules:
            validator = Draft202012Validator({**schema, "properties": rules})
            taken = [value for value in TRIED if validator.is_valid({name: value})]
            assert [value for value in taken if not isinstance(value, str)] == [], name


@pytest.mark.parametrize("name", ["inputs", "result"])
def test_the_schema_says_where_it_is(name: str) -> None:
    path = f"mogplex_ci/schemas/{name}.schema.json"
    assert load_schema(name)["$id"] == f"https://github.com/mogplex/run-action/blob/main/{path}"


def described(schema: dict[str, Any], example: Any) -> Iterator[str]:
    """Yield for each place of an example which other values it takes, and whether fields may be
    left out of it or added to it.
    """
    assert Draft202012Validator(schema).is_valid(example)
    for place, value in places(example):
        where = "/".join("*" if isinstance(part, int) else part for part in place) or "(document)"
        taken = [other for other in TRIED if fits(schema, example, place, other)]
        if any_text := all(other in taken for other in TRIED if isinstance(other, str)):
            taken = [other for other in taken if not isinstance(other, str)]
        words = ["any text"] * any_text + [shown(other) for other in taken]
        yield f"{where} takes {', '.join(words)}"
        if isinstance(value, dict):
            fewer = [key for key in value if fits(schema, example, place, without(value, key))]
            yield f"{where} may lack {', '.join(fewer)}"
            more = [
                {key: other}
                for key in ("a b", "other")
                for other in ("a", ["a"], {"text": "a"}, *value.values())
            ]
            added = [shown(each) for each in more if fits(schema, example, place, value | each)]
            yield f"{where} may have {', '.join(dict.fromkeys(added))}"


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield every value in ``value``, itself first, and where it is."""
    yield place, value
    below: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    for key, item in below:
        yield from places(item, (*place, key))


def fits(schema: dict[str, Any], example: Any, place: Place, other: Any) -> bool:
    """Whether the example is still right with another value at this place."""
    if not place:
        return Draft202012Validator(schema).is_valid(other)
    changed = deepcopy(example)
    owner = changed
    for part in place[:-1]:
        owner = owner[part]
    owner[place[-1]] = other
    return Draft202012Validator(schema).is_valid(changed)


def without(value: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != key}


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 60 else f"{text[:20]}… ({len(text)})"


def keys_of(value: Any) -> set[str]:
    return {str(part) for place, _ in places(value) for part in place[-1:]}


def declared(schema: Any) -> set[str]:
    """Return the names of all fields that a schema has."""
    if isinstance(schema, list):
        return {name for item in schema for name in declared(item)}
    if not isinstance(schema, dict):
        return set()
    fields = schema.get("properties", {})
    return {*fields, *(name for item in schema.values() for name in declared(item))} - {
        "properties"
    }
