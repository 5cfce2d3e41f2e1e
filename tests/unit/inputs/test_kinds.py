"""What text each kind of input takes, at its bounds, and what is suggested in place of another one."""

from __future__ import annotations

import pytest

from mogplex_ci.inputs.declared import check, enumeration, instead_of, nearest
from mogplex_ci.models import is_uuid


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("timeout", "720h", None),
        ("timeout", "720h1s", "is longer than 720h"),
        ("timeout", "1ms", None),
        ("branch", "b" * 255, None),
        ("branch", "b" * 256, "has 256 characters, 255 are allowed"),
        ("branch", "a\ud800b", "is not UTF-8 text"),
        ("branch", chr(0xDFFF), "is not UTF-8 text"),
        ("branch", "a\ue000b", None),
        ("mode", "SAFE", None),
        ("harness", "CODE", "is not one of the choices"),
        ("prompt", "😀" * 50_000, None),
        ("prompt", "😀" * 50_001, "has 100,002 characters, counted in UTF-16, 100,000 are allowed"),
        ("prompt", "x" * 100_000, None),
        ("prompt", "x" * 100_001, "has 100,001 characters, 100,000 are allowed"),
        ("base-url", "http://localhost", None),
        ("base-url", "http://127.0.0.1:1", None),
        ("base-url", "http://127.1.2.3", None),
        ("base-url", "http://[::1]", None),
        ("base-url", "https://mogplex.example:65535", None),
        ("base-url", "https://mogplex.example:65536", "is not a URL"),
        ("base-url", "http://127.0.0.1.example.com", "would send the token unencrypted"),
        ("base-url", "http://127.0.0.1234", "would send the token unencrypted"),
        ("base-url", "https://@mogplex.com", "contains credentials, a query or a fragment"),
        ("matrix", "{}", None),
        ("base-url", "https://mogplex.com/#a", "contains credentials, a query or a fragment"),
        ("matrix", "[" * 100_000, "is not JSON"),
        ("matrix", "9" * 5_000, "is not JSON"),
    ],
)
def test_what_a_text_must_be(name: str, text: str, fault: str | None) -> None:
    assert [problem.fault for problem in check({name: text})] == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("name", "text", "near"),
    [
        *(("wait", text, "true") for text in ("Y", "on")),
        *(("wait", text, "false") for text in ("N", "off")),
        *(("wait", text, None) for text in ("2", "yess", "oof")),
        ("timeout", "2 hrs and 5 mins", "2h5m"),
        ("timeout", "1 Minute, 1 Sec", "1m1s"),
        ("repo", "ssh://git@github.com/acme/web.js.git", "acme/web.js"),
        ("repo", "git@github.com:acme/web/", "acme/web"),
        ("repo", "@acme/" + "w" * 394, "acme/" + "w" * 394),
        ("repo", "@acme/" + "w" * 395, None),  # longer texts would take time
        ("repo", ", acme/web, acme/api;", "acme/web acme/api"),
        ("branch", "a " * 128 + "b", None),
        ("branch", "fix it..", None),
        ("on-timeout", "detaach", "detach"),
    ],
)
def test_what_is_suggested(name: str, text: str, near: str | None) -> None:
    (problem,) = check({name: text})
    assert [each.text for each in problem.near] == ([near] if near is not None else [])


def test_words_are_enumerated_and_the_nearest_ones_found() -> None:
    assert [enumeration("abc"[:count]) for count in range(4)] == ["", "a", "a or b", "a, b or c"]
    assert nearest("agnt", ["agents", "agent", "harness"], count=2) == ["agent", "agents"]
    assert instead_of("agnt", {"agent": "agent", "agents": "x"}, otherwise="") == "Did you mean agent?"
    assert instead_of("zzz", {"agent": "agent"}, otherwise="See --help.") == "See --help."


def test_a_uuid() -> None:
    known = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    assert [is_uuid(known), is_uuid(known.upper())] == [True, True]
    assert not any(map(is_uuid, (known[:-1], known + "1", known.replace("f", "g"), "acme/web")))
