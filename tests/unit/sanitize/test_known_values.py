"""The values that this process knows never appear again, however a tool wrote them."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mogplex_ci.sanitize import Sanitizer, secrets_of
from mogplex_ci.untrusted import Untrusted

SECRET = "Zq8%vX/r2&L m'N5\"tB+7w=K_é"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": lambda value: quote(value, safe=""),
    "URL path": quote,
    "URL form": quote_plus,
    "URL, lower case": lambda value: re.sub(
        "%..", lambda match: match[0].lower(), quote(value, safe="")
    ),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 behind a user": lambda value: base64.b64encode(
        f"x-access-token:{value}".encode()
    ).decode(),
    "base64 behind one more": lambda value: base64.b64encode(
        f"x-access-token1:{value}\n".encode()
    ).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(f"ab{value}".encode()).decode(),
    "JSON": lambda value: json.dumps({"a": value}),
    "JSON, Unicode kept": lambda value: json.dumps({"a": value}, ensure_ascii=False),
    "HTML": html.escape,
    "HTML, numbers": lambda value: (
        value.replace("&", "&#38;")
        .replace("<", "&#60;")
        .replace("'", "&#39;")
        .replace('"', "&#34;")
    ),
    "JSON twice": lambda value: json.dumps(json.dumps({"a": value})),
    "JSON, in a sentence": lambda value: json.dumps({"a": f"see {value} -"}),
    "JSON twice, in a sentence": lambda value: json.dumps(json.dumps({"a": f"see {value} -"})),
    "JSON of Go": lambda value: (
        json.dumps(value, ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c")
    ),
    "JSON of PHP": lambda value: json.dumps(value).replace("/", "\\/"),
    "JSON of Go twice": lambda value: json.dumps(
        json.dumps(value, ensure_ascii=False).replace("&", "\\u0026"), ensure_ascii=False
    ),
    "URL twice": lambda value: quote(quote(value, safe=""), safe=""),
    "shell": shlex.quote,
    "shell, single quotes": lambda value: "'" + value.replace("'", r"'\''") + "'",
    "shell, double quotes": lambda value: '"' + re.sub(r'(["$`\\])', r"\\\1", value) + '"',
    "shell, backslashes": lambda value: re.sub(r"([^\w@%+=:,./-])", r"\\\1", value),
    "hex": lambda value: value.encode().hex(),
    "hex, upper case": lambda value: value.encode().hex().upper(),
    "over lines": "\n".join,
    "wrapped": lambda value: f"{value[:9]}\n    {value[9:]}",
    "wrapped, escaped": lambda value: f"{value[:9]}\\n{value[9:]}",
    "with zero width": "\u200b".join,
    "coloured": lambda value: f"\x1b[32m{value[:5]}\x1b[31m{value[5:]}\x1b[0m",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_value_is_redacted_in_every_form(form: str) -> None:
    written = FORMS[form](SECRET)
    shown = Sanitizer([SECRET]).clean(Untrusted(f"before {written} after"))
    assert re.fullmatch(r"before .*\*\*\*.* after", shown)
    secret_part = "".join(re.sub("[\u200b\\s]|\x1b\\[\\d+m", "", written))[-len(SECRET) :]
    assert not [at for at in range(len(secret_part) - 7) if secret_part[at : at + 8] in shown]


@pytest.mark.parametrize("lead", ["", "x", "xx"])
def test_all_of_base64_is_masked_that_holds_a_known_value(lead: str) -> None:
    value = "Zq8vXr2LmN5tB7wK-_9d"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{lead}{value}".encode()).decode()
        assert Sanitizer([value]).clean(Untrusted(f"a {encoded} b")).replace("=", "") == "a *** b"


@pytest.mark.parametrize(("lead", "left", "right"), [("\0", 2, 0), ("é", 3, 3), ("xé", 4, 2)])
def test_of_base64_that_is_no_text_what_a_known_value_becomes_is_masked(
    lead: str, left: int, right: int
) -> None:
    """Characters that also hold a neighbour of the value, or are padding, differ from text to
    text.
    """
    value = "Zq8vXr2LmN5tB7wK-_9d"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{lead}{value}".encode()).decode()
        shown = f"{encoded[:left]}***{encoded[len(encoded) - right :]}"
        assert Sanitizer([value]).clean(Untrusted(f"a {encoded} b")) == f"a {shown} b"


values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)
around = st.text(st.sampled_from("ab \n\\\"'%=nrt"), max_size=12)


@given(values, around, around)
def test_any_value_is_redacted_anywhere(value: str, before: str, after: str) -> None:
    assume(value not in f"{before}***{after}")
    safe = Sanitizer([value])
    text = f"{before}{value}{after}"
    assert value not in safe.clean(Untrusted(text))
    assert value not in json.loads(safe.json(Untrusted({"a": [text]})))["a"][0]


@given(values, values)
def test_values_that_overlap_leave_no_rest(one: str, other: str) -> None:
    overlapping = one + other[:3], one[-3:] + other
    shown = Sanitizer(overlapping).clean(Untrusted(f" {one}{other} "))
    assert shown == " *** "


def test_a_value_over_several_texts_is_masked_in_each_of_them_and_nothing_else_is() -> None:
    value = "0123456789abcdefghij"
    for first in range(len(value)):
        for second in range(first + 1, len(value) + 1):
            begin, middle, end = value[:first], value[first:second], value[second:]
            shown = Sanitizer([value]).data(
                Untrusted([f"a {begin}", middle, f"{end} b", f"c {value} {value}d", "e"])
            )
            masked = [f"a {begin and '***'}", "***", f"{end and '***'} b", "c *** ***d", "e"]
            assert shown == masked, (first, second)


def test_a_short_value_is_not_looked_for_in_prose() -> None:
    assert Sanitizer(["testtest"]).clean(Untrusted("test test and testtest")) == "test test and ***"
    assert Sanitizer(["", " ", "a", "abc"]).clean(Untrusted("a abc")) == "a abc"


@pytest.mark.parametrize(
    ("value", "is_known"),
    [("xyz", False), ("wxyz", True), ("\u200bxyz\u200b", False), (" xyz ", False)],
)
def test_a_value_is_known_from_four_visible_characters_on(value: str, is_known: bool) -> None:
    """A shorter one is known in no encoding either."""
    word = value.strip(" \u200b")
    for written in (
        word,
        f"a\\{word}",
        word.encode().hex(),
        base64.b64encode(word.encode()).decode(),
    ):
        shown = Sanitizer([value]).clean(Untrusted(f"{written} end"))
        assert ("***" in shown) is is_known, written


@pytest.mark.parametrize(
    ("value", "is_found"),
    [("0123456789abcde", False), ("0123456789abcdef", True), ("01234567@9", True)],
)
def test_a_value_is_looked_for_across_breaks_if_it_is_long_or_holds_a_sign(
    value: str, is_found: bool
) -> None:
    for line_break in (" ", "\n", "\\n", "\\t  "):
        broken = f"see {value[:7]}{line_break}{value[7:]} here"
        assert Sanitizer([value]).clean(Untrusted(broken)) == (
            "see *** here" if is_found else broken
        )


def test_a_value_that_holds_what_looks_like_an_escape_is_known_in_every_encoding() -> None:
    value = "ab\\ncd%41ef12"
    for encode in (str, json.dumps, quote, lambda text: json.dumps(json.dumps(text))):
        assert "12" not in Sanitizer([value]).clean(Untrusted(f"see {encode(value)} here"))


def test_a_short_value_with_a_space_is_known_with_any_break() -> None:
    for written in ("open sesame", "open\nsesame", "open\\nsesame", "opensesame"):
        assert Sanitizer(["open sesame"]).clean(Untrusted(f"a {written} b")) == "a *** b"


def test_the_environment_names_its_secrets() -> None:
    long = "0123456789"
    names = (
        *(
            "MOGPLEX_API_KEY",
            "INPUT_API-KEY",
            "GITHUB_TOKEN",
            "DB_PASSWORD",
            "client_secret",
            "GCP_CREDENTIALS",
        ),
        *(
            "SSH_KEY",
            "KEY_PASSPHRASE",
            "DB_PASS",
            "SA_PWD",
            "GH_PAT",
            "REGISTRY_AUTH",
            "SENTRY_DSN",
            "AWS_CREDS",
        ),
        *("apiKey", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "TOKEN_2", "NPM_AUTH_TOKEN"),
    )
    others = (
        *(
            "PATH",
            "MOGPLEX_IDEMPOTENCY_KEY",
            "INPUT_IDEMPOTENCY-KEY",
            "INPUT_KEY-SUFFIX",
            "MONKEY_ENV",
            "KEYCLOAK_URL",
        ),
        *(
            "CACHE_KEY",
            "SONAR_PROJECT_KEY",
            "TOKENIZERS_PARALLELISM",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "SECRET_NAME",
        ),
    )
    env = {name: f"{long}-{name}" for name in names} | {"EIGHT_TOKEN": "12345678"}
    harmless = {name: f"{long}-{name}" for name in others}
    harmless |= {
        "PWD": "/home/runner/work",
        "OLDPWD": "/home/runner/work/web",
        "SSL_KEY": "/home/runner/gha.json",
    }
    harmless |= {"SHORT_TOKEN": "1234567", "SHORT_AND_BLANKS_TOKEN": " 1234567 "}
    assert secrets_of(env | harmless) == set(env.values())


def test_a_password_in_a_url_is_a_secret_of_the_environment() -> None:
    env = {
        "DATABASE_URL": "postgres://app:p%40ss-0123456@db:5432/app",
        "REDIS_URL": "redis://cache:6379/0",
    }
    assert secrets_of(env) == {"p%40ss-0123456", "p@ss-0123456"}


@pytest.mark.parametrize(
    "public", ["GITHUB_REPOSITORY", "CI_PROJECT_PATH", "INPUT_REPO", "MOGPLEX_REPO"]
)
def test_the_repository_and_the_branch_of_the_job_are_no_secrets(public: str) -> None:
    """Not even when a variable that is named like a secret holds them: outputs would be empty."""
    env = {
        public: "acme-corp/web-frontend",
        "GITHUB_REF_NAME": "release/2026-01",
        "GITHUB_SERVER_URL": "https://github.example.com",
        "SONAR_TOKEN_KEY": "acme-corp/web-frontend",
        "ACME_SECRET": "web-frontend",
        "BRANCH_KEY": "release/2026-01",
        "HOST_TOKEN": "github.example.com",
    }
    safe = Sanitizer(secrets_of(env))
    assert safe.repo("acme-corp/web-frontend") == "acme-corp/web-frontend"
    assert safe.branch("release/2026-01") == "release/2026-01"
    assert safe.url("https://github.example.com/acme-corp/web-frontend/pull/1") is not None
