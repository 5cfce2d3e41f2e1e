"""JSON Schema as ``artifact-schema`` means it: patterns of ECMA 262, formats that count, and no
other documents.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.inputs.schema import FORMATS, faults, schema_fault
from tests.waits import wait_until

TREE = {"properties": {"children": {"items": {"$ref": "#"}}}}


@pytest.mark.parametrize(
    ("schema", "content", "places"),
    [
        ({"pattern": "^[a-z]+$"}, "abc\n", ["/"]),
        ({"pattern": r"^\d+$"}, "\u0663", ["/"]),
        ({"pattern": r"^\w+$"}, "\u00fc", ["/"]),
        ({"patternProperties": {r"^\d$": {"type": "string"}, "^[0-9]$": True}}, {"1": 1}, ["/1"]),
        (
            {"patternProperties": {"^[a-z]+$": True}, "additionalProperties": False},
            {"a\n": 1, "b": 2},
            ["/"],
        ),
        (
            {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
            {"a": 1, "b/c": 2},
            ["/b~1c"],
        ),
        ({"additionalProperties": {"type": "string"}}, {"b~c": 2}, ["/b~0c"]),
        ({"pattern": r"^\p{L}+$"}, "\u00fc", []),
        ({"pattern": r"^[\w-.]+$"}, "a-.", []),
        ({"pattern": r"^(?<year>\d{4})(?<=2\d*)$"}, "2026", []),
        ({"pattern": r"^\\ud800$"}, "\ud800", []),
        ({"additionalProperties": False, "patternProperties": {"": False}, "pattern": "a"}, [], []),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "items": {"$ref": "#"},
                "pattern": "a$",
            },
            ["a\n"],
            ["/0"],
        ),
        ({"propertyNames": {"pattern": "^a$"}}, {"a\n": 1}, ["/"]),
        (
            {"pattern": "(?:^|^){99}(?!)"},
            1,
            [],
        ),  # one that takes years is not tried when the schema is read
        ({"properties": {"pattern": {"pattern": "^x$"}}}, {"pattern": "y"}, ["/pattern"]),
        ({"const": {"pattern": "^a$"}}, {"pattern": "^a$"}, []),
        ({"format": "date-time"}, "2026-02-30T00:00:00Z", ["/"]),
        (TREE, {"children": [{"children": 1}, {}]}, []),
        (
            {"$defs": {"a/b": {"type": "string"}}, "items": {"$ref": "#/$defs/a~1b"}},
            [1, "x"],
            ["/0"],
        ),
    ],
)
def test_every_fault_has_its_place(
    schema: dict[str, Any], content: object, places: list[str]
) -> None:
    assert schema_fault(schema) is None
    assert [fault.partition(": ")[0] for fault in faults(content, schema)] == places


def test_a_fault_shows_the_pattern_as_it_was_given() -> None:
    assert faults("abc", {"pattern": r"^\d$"}) == [r'/: "abc" does not match ^\d$']


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": 3}, "is not a JSON Schema"),
        ({"$schema": 5}, "is not a JSON Schema"),
        ({"$schema": ["x"]}, "is not a JSON Schema"),
        ({"$schema": "http://[x"}, "is not a JSON Schema"),
        ({"$ref": "#"}, "refers to itself without end"),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
            "refers to itself without end",
        ),
        ({"$ref": "https://example.com/schema.json"}, "refers to another document"),
        ({"$ref": "#/$defs/none"}, "refers to another document"),
        ({"format": "int32"}, "uses the format int32, and only date, "),
        ({"items": {"pattern": "a++"}}, "has an invalid pattern"),
        ({"patternProperties": {"(": True}}, "has an invalid pattern"),
        ({"items": {"pattern": "(" * 9_999 + ")" * 9_999}}, "has an invalid pattern"),
        (
            {"items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}},
            "names a dialect of JSON Schema in a",
        ),
        (
            {"items": {"unevaluatedProperties": False}, "patternProperties": {}},
            "uses patternProperties and unevaluated",
        ),
    ],
)
def test_a_schema_that_nothing_can_be_checked_against_is_refused(
    schema: dict[str, Any], fault: str
) -> None:
    found = schema_fault(schema)
    assert found is not None
    assert found.startswith(fault)


CASES = [
    ("date", "2024-02-29", "2023-02-29 20240229 2024-2-29"),
    (
        "date-time",
        "2026-11-26T13:45:00Z 2026-11-26t13:45:60.5+01:00",
        "2026-11-26T24:00:00Z 2026-11-26T13:45:00",
    ),
    ("duration", "P1D PT5M P1Y2M3DT4H", "P PT 1D P1S"),
    ("email", "a.b+c@example.com", "a@ @b a..b@c.d a@-b.c"),
    ("hostname", "example.com a-b", "-a a_b a..b"),
    ("ipv4", "192.0.2.1", "192.0.2 256.1.1.1 01.2.3.4"),
    ("ipv6", "::1 2001:db8::1", "::g fe80::1%eth0"),
    ("json-pointer", "/a~0b/0", "a /~2"),
    ("regex", "^a+$", "a++ ["),
    ("time", "23:59:59Z", "23:59 24:00:00Z"),
    ("uri", "https://example.com/a?b#c urn:x:y", "/a https://[ a:b%zz"),
    ("uri-reference", "/a?b #c", "a\\b"),
    ("uuid", "895937ba-4403-486b-9411-d8de17aeeea1", "895937ba4403486b9411d8de17aeeea1"),
]


@pytest.mark.parametrize(("name", "good", "bad"), CASES)
def test_formats_are_asserted(name: str, good: str, bad: str) -> None:
    schema = {"format": name}
    assert [text for text in good.split() if faults(text, schema)] == []
    assert [text for text in bad.split() if not faults(text, schema)] == []
    assert faults(1, schema) == [], "a format is about texts"


def test_every_format_is_tried() -> None:
    assert {name for name, _, _ in CASES} == FORMATS.keys()


@pytest.mark.skipif(sys.platform != "linux", reason="limits are read from /proc")
def test_a_child_whose_step_was_killed_ends_by_itself() -> None:
    """A pattern may take years, and nobody is left who would end it."""
    command = [sys.executable, "-m", "mogplex_ci.inputs.schema"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        limits = Path(f"/proc/{child.pid}/limits")
        wait_until(lambda: re.search(r"Max cpu time +60 +60 ", limits.read_text()), child)
        child.communicate(json.dumps({"content": 1, "schema": {}}))
