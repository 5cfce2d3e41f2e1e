"""JSON Schema as ``artifact-schema`` means it: as jsonschema reads it, without other documents."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.inputs.schema import faults_in_child, schema_fault
from tests.waits import wait_until

TREE = {"properties": {"children": {"items": {"$ref": "#"}}}}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("schema", "content", "places"),
    [
        ({"additionalProperties": {"type": "string"}}, {"b/c": 2, "a~": 1}, ["/a~0", "/b~1c"]),
        ({"$schema": DRAFT_7, "items": {"$ref": "#"}, "pattern": "a$"}, ["b"], ["/0"]),
        (TREE, {"children": [{"children": 1}, {}]}, []),
        ({"pattern": r"^\w+$"}, "\u00fc", []),
        ({"format": "uuid"}, "895937ba", ["/"]),
        ({"format": "date"}, "2023-02-29", ["/"]),
        ({"items": {"required": ["x"]}}, [{}, {"x": 1}, {}], ["/0", "/2"]),
    ],
)
def test_every_fault_has_its_place(
    schema: dict[str, Any], content: object, places: list[str]
) -> None:
    assert schema_fault(schema) is None
    found = faults_in_child(content, schema, 20.0)
    assert [fault.partition(": ")[0] for fault in found] == places


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": 3}, "is not a JSON Schema"),
        ({"$schema": ["x"]}, "is not a JSON Schema"),
        ({"items": {"$ref": 5}}, "is not a JSON Schema"),
        ({"$ref": "#"}, "refers to itself without end"),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
            "refers to itself without end",
        ),
        ({"items": {"$ref": "https://example.com/schema.json"}}, "refers to another document"),
        ({"$ref": "#/$defs/none"}, "refers to another document"),
        ({"items": {"pattern": r"^\p{L}+$"}}, "has a pattern that Python"),
        ({"patternProperties": {"(": True}}, "has a pattern that Python"),
        ({"items": {"pattern": "(" * 9_999 + ")" * 9_999}}, "refers to itself without end"),
    ],
)
def test_a_schema_that_nothing_can_be_checked_against_is_refused(
    schema: dict[str, Any], fault: str
) -> None:
    found = schema_fault(schema)
    assert found is not None
    assert found.startswith(fault)


def test_no_pattern_is_tried_while_a_schema_is_read() -> None:
    """This one takes years, on any text."""
    assert schema_fault({"pattern": "(?:^|^){99}(?!)"}) is None


@pytest.mark.skipif(sys.platform != "linux", reason="limits are read from /proc")
def test_a_child_whose_step_was_killed_ends_by_itself() -> None:
    """A pattern may take years, and nobody is left who would end it."""
    command = [sys.executable, "-m", "mogplex_ci.inputs.schema"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        limits = Path(f"/proc/{child.pid}/limits")
        wait_until(lambda: re.search(r"Max cpu time +60 +60 ", limits.read_text()), child)
        child.communicate(json.dumps({"content": 1, "schema": {}}))
