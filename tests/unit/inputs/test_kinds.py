"""The texts that each kind of input takes, the suggestions in place of others, and that the schema
says the same.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import check, inputs, load_schema
from tests.slow import mostly_slow

SCHEMA = load_schema("inputs")
VALIDATOR = Draft202012Validator(SCHEMA)
BEYOND_PATTERNS = {
    "token",
    "github-token",
    "base-url",
    "prompt",
    "duration",
    "job-context",
    "idempotency-key",
    "key-suffix",
}
"""Kinds with rules that no pattern can express; their values may be valid by the schema and still
be refused.
"""
UNREPLACED = "contains an unexpanded variable: all {} would share one run"
OF_EACH_KIND = {
    (spec.kind.name, spec.kind.choices): name for name, spec in inputs().items()
}.values()
"""One input of each kind."""


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("timeout", "720h", None),
        ("timeout", "720h1s", "is longer than 720h"),
        ("branch", "b" * 255, None),
        ("branch", "b" * 256, "has 256 characters; the limit is 255"),
        ("branch", "a\ud800b", "is not UTF-8 text"),
        ("branch", "a\ue000b", None),
        ("harness", "CODE", "is not one of the choices"),
        ("prompt", "😀" * 50_000, None),
        (
            "prompt",
            "😀" * 50_001,
            "has 100,002 characters, counted in UTF-16; the limit is 100,000",
        ),
        ("prompt", "x" * 100_000, None),
        ("prompt", "x" * 100_001, "has 100,001 characters; the limit is 100,000"),
        *(
            ("artifact", text, None)
            for text in ("a" * 216, f".mogplex/artifacts/{'a' * 216}.json", "0_-A")
        ),
        *(
            ("artifact", text, "is not the name of an artifact")
            for text in ("a" * 217, "_a", "-a", "a.b", "../a", "ä")
        ),
        ("base-url", "http://localhost", None),
        ("base-url", "http://127.1.2.3", None),
        ("base-url", "http://[::1]", None),
        ("base-url", "https://mogplex.example:65535", None),
        ("base-url", "http://127.0.0.1.example.com", "would send the token unencrypted"),
        ("base-url", "http://127.0.0.1234", "would send the token unencrypted"),
        ("base-url", "https://@mogplex.com", "contains credentials, a query or a fragment"),
        ("base-url", "https://mogplex.com/#a", "contains credentials, a query or a fragment"),
        *(
            ("key-suffix", text, UNREPLACED.format("jobs"))
            for text in ("${{ strategy.job-index }}", "a-$(INDEX)", "{{matrix}}", "${INDEX}")
        ),
        ("key-suffix", "$5 {a}", None),
        *(
            ("idempotency-key", text, UNREPLACED.format("pipelines"))
            for text in ("$(context.run)-agent", "argo-{{workflow.uid}}", "ci-${BUILD_ID}-agent")
        ),
        ("idempotency-key", "ci-7-agent, nightly@main", None),
        ("job-context", "[" * 100_000, "is not JSON"),
        ("job-context", "9" * 5_000, "is not JSON"),
    ],
)
def test_what_a_text_must_be(name: str, text: str, fault: str | None) -> None:
    assert [problem.fault for problem in check({name: text})] == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("text", "near"), [("detaach", ["detach"]), ("CANCELED", ["cancel"]), ("x" * 100_000, [])]
)
def test_the_choice_that_looks_like_a_text_is_suggested(text: str, near: list[str]) -> None:
    (problem,) = check({"on-timeout": text})
    assert [each.text for each in problem.near] == near


@pytest.mark.parametrize("text", ["\ufeff/deploy now", "\ufeff \ufeff/deploy", "\ufeff"])
def test_a_byte_order_mark_hides_no_skill_and_is_no_prompt(text: str) -> None:
    """The service trims it."""
    assert len(check({"prompt": text})) == 1
    assert check({"prompt": "\ufeffdeploy now"}) == []


def test_a_wrong_choice_is_told_the_right_ones() -> None:
    (problem,) = check({"on-timeout": "wait"})
    assert problem.remedy == "Use detach or cancel."


def values(name: str) -> st.SearchStrategy[str]:
    """Text like the input's: matches of its pattern, choices, both with a character changed, and
    any text.
    """
    spec = inputs()[name]
    rules = SCHEMA["$defs"].get(spec.kind.name, {})
    near = (
        st.sampled_from(spec.kind.choices)
        if spec.kind.choices
        else st.from_regex(rules.get("pattern", ".*"))
    )
    changed = st.builds(
        lambda text, at, new: text[: at % (len(text) + 1)] + new + text[at % (len(text) + 1) :],
        near,
        st.integers(0, 300),
        st.text(max_size=2) | st.sampled_from(["..", "/", "\0", " ", "x" * 300]),
    )
    return (near | changed | st.text()).map(str.strip).filter(bool)


@pytest.mark.parametrize("name", mostly_slow(OF_EACH_KIND, every=3))
@given(data=st.data())
def test_the_check_agrees_with_jsonschema(name: str, data: st.DataObject) -> None:
    value = data.draw(values(name))
    ours = check({name: value})
    schema = list(
        VALIDATOR.iter_errors({name: value.lower() if inputs()[name].kind.ignores_case else value})
    )
    if schema:
        assert [problem.input for problem in ours] == [name]
    elif inputs()[name].kind.name not in BEYOND_PATTERNS:
        assert ours == []


def test_the_schema_is_valid_and_uses_only_what_the_check_reads() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for name, field in SCHEMA["properties"].items():
        kind: dict[str, Any] = (
            SCHEMA["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else {}
        )
        rules = {keyword for keyword in {*field, *kind} if not keyword.startswith("x-")}
        assert rules <= {
            "description",
            "default",
            "type",
            "$ref",
            "enum",
            "pattern",
            "maxLength",
        }, name
        assert ("enum" in field) != ("$ref" in field), f"{name} needs either choices or a kind"


def test_the_defaults_are_valid() -> None:
    assert all(spec.kind.fault(spec.default) is None for spec in inputs().values() if spec.default)
