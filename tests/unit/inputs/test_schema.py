"""The program's own check of an input agrees with the published schema, as the jsonschema library reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import check, inputs, load_schema

SCHEMA = load_schema("inputs")
VALIDATOR = Draft202012Validator(SCHEMA)
BEYOND_PATTERNS = {"token", "base-url", "prompt", "duration", "matrix", "strategy"}
"""Kinds with rules that no pattern can express; their values may be valid by the schema and still be refused."""
OF_EACH_KIND = {(spec.kind.name, spec.kind.choices): name for name, spec in inputs().items()}.values()
"""One input of each kind."""


def values(name: str) -> st.SearchStrategy[str]:
    """Text like the input's: matches of its pattern, choices, both with a character changed, and any text."""
    spec = inputs()[name]
    rules = SCHEMA["$defs"].get(spec.kind.name, {})
    near = st.sampled_from(spec.kind.choices) if spec.kind.choices else st.from_regex(rules.get("pattern", ".*"))
    changed = st.builds(
        lambda text, at, new: text[: at % (len(text) + 1)] + new + text[at % (len(text) + 1) :],
        near,
        st.integers(0, 300),
        st.text(max_size=2) | st.sampled_from(["..", "/", "\0", " ", "x" * 300]),
    )
    return (near | changed | st.text()).map(str.strip).filter(bool)


@pytest.mark.parametrize("name", OF_EACH_KIND)
@given(data=st.data())
def test_the_check_agrees_with_jsonschema(name: str, data: st.DataObject) -> None:
    value = data.draw(values(name))
    ours = check({name: value})
    schema = list(VALIDATOR.iter_errors({name: value.lower() if inputs()[name].kind.ignores_case else value}))
    if schema:
        assert [problem.input for problem in ours] == [name]
    elif inputs()[name].kind.name not in BEYOND_PATTERNS:
        assert ours == []


def test_the_schema_is_valid_and_uses_only_what_the_check_reads() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for name, field in SCHEMA["properties"].items():
        kind: dict[str, Any] = SCHEMA["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else {}
        rules = {keyword for keyword in {*field, *kind} if not keyword.startswith("x-")}
        assert rules <= {"description", "default", "type", "$ref", "enum", "pattern", "maxLength"}, name
        assert ("enum" in field) != ("$ref" in field), f"{name} needs either choices or a kind"


def test_the_defaults_are_valid() -> None:
    assert all(spec.kind.fault(spec.default) is None for spec in inputs().values() if spec.default)
