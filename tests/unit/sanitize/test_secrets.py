"""Secrets of every kind are redacted wherever they stand, and harmless text stays whole."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.formats import Format, formats
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize.rule_sets import of_format
from tests.unit.sanitize.secret_samples import ALNUM, NAMED, STANDALONE, of, seeded

SANITIZER = Sanitizer()
HARMLESS = Path(__file__).with_name("harmless.txt").read_text(encoding="utf-8").splitlines()
PEM = STANDALONE["RSA"]
TOKENS = [STANDALONE["GitHub personal"](seeded(seed)) for seed in range(3)]
KEYS = [PEM(seeded(seed)) for seed in (4, 5)]


def test_harmless_text_stays_whole() -> None:
    assert [SANITIZER.clean(Untrusted(line)) for line in HARMLESS] == HARMLESS
    assert SANITIZER.block(Untrusted("\n".join(HARMLESS))) == [f"│\xa0{line}" for line in HARMLESS]


def test_harmless_text_stays_whole_in_json() -> None:
    value = {
        "lines": HARMLESS,
        "max_tokens": 4096,
        "nested": {"token_count": 12, "ok": True, "none": None, "f": 0.5},
    }
    assert SANITIZER.data(Untrusted(value)) == value
    assert json.loads(SANITIZER.json(Untrusted(value))) == value


HORSE = "correct horse 7 battery"
TELLING = "password client_secret clientSecret API_KEY x-api-key authToken token2"
PAIR = {"name": "DB_PASSWORD", "kind": 1}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *(({key: HORSE, "user": "ada"}, {key: "***", "user": "ada"}) for key in TELLING.split()),
        *(
            ({key: HORSE}, None)
            for key in ("password.hint", "token of", "token-id", "compass", "sort_key", "key")
        ),
        *(
            ({"password": word}, None)
            for word in ("string", "required", "${SECRET}", "${{ secrets.X }}", "<token>")
        ),
        *(({"password": word}, None) for word in ("***", "", "[redacted]")),
        ({"db_password": 2024, "token": 1234567890}, {"db_password": "***", "token": "***"}),
        *(
            ({key: number}, None)
            for key, number in (("password", 120), ("token", 4096), ("max_tokens", 1234567890))
        ),
        (
            {"credentials": {"user": "ada-lovelace-1", "list": ["s3cr3t-a"]}},
            {"credentials": {"user": "***", "list": ["***"]}},
        ),
        ([PAIR | {"value": "hunter2x"}], [PAIR | {"value": "***"}]),
        ({"key": "api_key", "value": ["hunter2x"]}, {"key": "api_key", "value": ["***"]}),
        ({"name": "DB_HOST", "value": "hunter2x"}, None),
        (["tool", "--token", "hunterx", "job"], ["tool", "--token", "***", "job"]),
        (["tool", "--token", "--yes", "-x"], None),
        (["- the token", "hunter2x", "token", "hunter2x"], None),
    ],
)
def test_a_value_is_judged_by_its_key_the_name_of_its_pair_or_the_flag_before_it(
    value: object, shown: object
) -> None:
    assert SANITIZER.data(Untrusted(value)) == (shown or value)


@pytest.mark.parametrize(
    "line_break",
    [*("\n", "\r\n", "\\n", "\\\\n", '",\n  "', " ", "\n    "), *("\n+", "\n- ", "\n> ", "\n# ")],
)
def test_a_key_is_redacted_to_where_it_was_cut_between_marks_of_a_diff_or_a_quote_too(
    line_break: str,
) -> None:
    whole = PEM(seeded(2))
    for end in (*range(80, len(whole) - 40, 97), len(whole)):
        lines = whole[:end].splitlines()
        shown = SANITIZER.clean(Untrusted(f"cat key.pem: {line_break.join(lines)}"))
        assert shown.startswith("cat key.pem: ***")
        assert not [line for line in lines[1:] if len(line) > 16 and line in shown]


@pytest.mark.parametrize("limit", [100, 300, 2_000])
def test_a_secret_that_a_limit_would_cut_is_redacted_first(limit: int) -> None:
    secret = STANDALONE["GitHub fine-grained"](seeded(7))
    known = of((ALNUM, 60))(seeded(8))
    safe = Sanitizer([known])
    for value in (secret, known):
        for start in range(limit - 80, limit + 2, 3):
            shown = safe.clean(Untrusted("." * start + value + " and " + "." * 9_000), limit=limit)
            assert value[:12] not in shown
            assert "more characters" in shown


def test_the_text_around_a_named_secret_stays_and_is_not_redacted_again() -> None:
    for name, (template, make) in NAMED.items():
        once = SANITIZER.clean(Untrusted(template.format(make(seeded(9)))))
        before, _, after = template.partition("{}")
        assert once.startswith(before.replace("{{", "{")[:8]), name
        assert once.endswith(after.replace("}}", "}")[-1:]), name
        assert SANITIZER.clean(once) == once, name


def test_what_is_checked_holds_no_secret() -> None:
    token = STANDALONE["Mogplex"](seeded(10))
    safe = Sanitizer(["known-value-1234"])
    assert safe.identifier(Untrusted(token)) is None
    assert safe.branch(Untrusted(f"agent/{token}")) is None
    assert safe.branch(Untrusted("agent/known-value-1234")) is None
    assert safe.url(Untrusted(f"https://github.com/acme/web/pull/42?token={token}")) is None
    assert safe.path(Untrusted(f"src/{token}.ts")) is None


@pytest.mark.parametrize("padding", ["=", ""])
def test_a_secret_at_the_very_end_of_base64_is_redacted_to_its_last_character(padding: str) -> None:
    """Wherever base64 divides it: many formats have an exact length, and are none without their
    last character.
    """
    for name, make in STANDALONE.items():
        for lead in (
            "",
            ":",
            "::",
            "ab>",
            "ab?",
            "ab~",
        ):  # both alphabets: they differ in two characters
            secret = f"{lead}{make(seeded(20))}".encode()
            encoded = (
                base64.b64encode(secret, altchars=b"-_" if "ab" in lead else None)
                .decode()
                .rstrip("=")
            )
            text = f"key: {encoded}{-len(encoded) % 4 * padding}"
            assert SANITIZER.clean(Untrusted(text)).rstrip("=") == "key: ***", (name, lead)


@pytest.mark.parametrize(
    ("before", "begins"),
    [
        *[
            (lead, True)
            for lead in (
                "",
                "-",
                "_",
                "=",
                "é",
                "\\n",
                "\\r",
                "\\t",
                "\\b",
                "\\f",
                "%20",
                "%3A",
                "%3a",
            )
        ],
        *[(lead, True) for lead in ("\\u0026", "[m", "[31m", "[38;5;123m")],
        *[
            (lead, False)
            for lead in ("x", "X", "7", "m", "n", "\\x", "%2", "\\u026", "[38;5;1234m", "31m")
        ],
    ],
)
def test_a_format_begins_a_word_or_follows_an_escape(before: str, begins: bool) -> None:
    token = STANDALONE["npm"](seeded(23))
    for lead in ("", " ", "word"):
        if before or not lead.isalnum():
            shown = SANITIZER.clean(Untrusted(f"{lead}{before}{token} end"))
            assert shown == f"{lead}{before}{'***' if begins else token} end"


@pytest.mark.parametrize(
    "known", [known for known in formats() if known.before], ids=lambda known: known.secret
)
def test_of_what_stands_before_a_prefix_no_more_is_masked_than_belongs_to_the_secret(
    known: Format,
) -> None:
    for prefix in known.prefixes:
        secret = of_format(known, prefix).text
        for before in ("", "x", "xyz", "key: "):
            assert SANITIZER.clean(Untrusted(f"{before}{secret} end")) == f"{before}*** end", prefix


def test_of_many_texts_in_base64_only_the_one_with_a_secret_is_masked() -> None:
    harmless = [
        base64.b64encode(f"harmless text {number:04}".encode()).decode() for number in range(60)
    ]
    secret = base64.b64encode(f"the token {STANDALONE['Mogplex'](seeded(22))}".encode()).decode()
    for at in (0, 1, 59, 60):
        texts = [*harmless[:at], secret, *harmless[at:]]
        assert SANITIZER.clean(" ".join(texts)).replace("=", "") == " ".join(
            [*harmless[:at], "***", *harmless[at:]]
        )


def test_base64_that_was_cut_inside_a_byte_is_redacted() -> None:
    encoded = base64.b64encode(
        f"user:{STANDALONE['GitHub personal'](seeded(21))}".encode()
    ).decode()
    for end in range(len(encoded) - 12, len(encoded)):
        assert SANITIZER.clean(Untrusted(f"key: {encoded[:end]}")) == "key: ***", end


def test_what_follows_a_key_that_was_cut_stays() -> None:
    lines = PEM(seeded(17)).splitlines()[:4]
    shown = SANITIZER.data(Untrusted([*lines, "(the end)", "another text"]))
    assert shown == ["***"] * 4 + ["(the end)", "another text"]


@pytest.mark.parametrize(
    "marked",
    [
        # a value without quotes may be code or prose
        *("password = decode64(data)", "password = values2[0]", "password = {{ vault2 }}"),
        *("password = part1 + part2", "password = part1 or part2", "password = «part1» and so on"),
        *("password: «letmein»", "password: «letmei»", "password: letme", "password: letmein now"),
        *("password: Letmein", "password: mypassword", "password: 12"),
        # the next word of a list of flags, constants, members of objects
        *("login --password «ab1» --verbose", "login --password ab", "login --password --verbose"),
        *("login --password -p5x", "login --password PASSWORD", "login --password MY_PASS1"),
        *(
            "login --password «MYPASS1»",
            "login --password config.password1",
            "login --password «hunter2.abc»",
        ),
        # a token may also be the name of one, or a number
        *(
            "token = token2",
            "token = mytoken1",
            "token = «my-token1»",
            "api_key=0x0123456789abcdef",
        ),
        *(
            "api_key=0X0123456789ABCDEF",
            "api_key=«0x0123456789abcdef0»",
            "api_key=1_234.5",
            'token: "parser"',
        ),
        *('token: "12345"', 'token: "abc1; def"', 'token: "«abc123def»"', 'password: "«hunter»"'),
        *(
            'password: "The password was changed 2 days ago."',
            'f("api_key", "«abc123»")',
            'f("api_key", "name")',
        ),
        # which names are those of secrets
        *("db_pass: «hunter2x»", "db-pass: «hunter2x»", "compass: hunter2x", "pass: hunter2x"),
        *("key: abc1234", "sort_key: abc1234", "api_key: «abc1234»", "token2: «abc1234»"),
        *(
            "token23: «abc1234»",
            "token234: abc1234",
            '{"auth": "«YWRhOmh1bnRlcjI=»"}',
            "auth: YWRhOmh1bnRlcjI",
        ),
        "www/token: abc1234",
        # commands
        *("curl -u ada:«hunter2» https://api.example", "curl -u ada:«hunter» https://api.example"),
        *(
            "docker run -u 1000:1000 image",
            "docker run -u ada:staff image",
            "docker run -u ada:«abc12345» image",
        ),
        *("docker run -u ada:12345678 image", "Cookie: theme=dark; session=«abc12345»; x=y"),
        *(
            "Cookie: session=«abc12345»; other=«def67890»",
            "Cookie: session=abcdefgh; short=abc1234",
        ),
        *("app config set db_password «hunter2x»", "app config set db_password hunter"),
        # how long, and what kind of number, a value without quotes is
        *("password: 123", "password: «1234»", "password=«12345678901»", "token: 123456789"),
        *("token: «1234567890»", "api_key=0x7fff5694dc58", "password: «abc1»", "password: ab1"),
        *("api_key: «abc123»", "api_key: abc12"),
        # a value with the word of another name, with a bracket or a hyphen, and the next option
        *(
            "secret = «mytoken1»",
            "api_key: «token_2024x»",
            "DB_PASSWORD=«hun(ter2»",
            "ENV API_TOKEN «-x1y2z3»",
        ),
        *("tool --password --level=2 job", 'setenv("DB_PASSWORD", "«p4ss»", 1);'),
        *(
            '["deploy", "--auth", "«a1b2c3d4»"]',
            "app config set db_password «ab12»",
            "see a:secret : «hunter2x»",
        ),
        # types, and parts of paths and of queries
        *(
            "crate::auth::Token=v1beta2x",
            "AWS::SecretsManager::Secret: v1beta2x",
            "arn:aws:token::v1beta2x",
        ),
        "GET https://api.example/list?access_token=«QwErTyUiOpAsDf»&page=2 answered",
        "GET https://api.example/list&access_token=«QwErTyUiOpAsDf»&page=2 answered",
        "GET https://api.example/list;access_token=«QwErTyUiOpAsDf»&page=2 answered",
        # how a header names its scheme
        *("Authorization: Basic «dXNlcjpwYXNz»", "ENV AUTHORIZATION Basic «dXNlcjpwYXNzd29yZA==»"),
        *(
            "- name: AUTHORIZATION\n  value: Basic «dXNlcjpwYXNzMQ==»",
            "the authorization token must be set",
        ),
        *(
            "**Authorization:** Basic «dXNlcjpwYXNz»",
            'headers["Authorization"] = "Basic " + encoded',
        ),
        *("Authorization: Acme «abc123»", "Authorization: Acme header"),
        # two that two rules know
        f"first «{TOKENS[0]}» between api_key=«{TOKENS[1]}» and last",
        # private keys, and mentions of one
        *(
            f"«{KEYS[0]}»\nbetween\n«{KEYS[1]}»\nafter",
            f"-----BEGIN PRIVATE KEY----- is missing.\n«{KEYS[0]}» end",
        ),
        f"-----BEGIN X PRIVATE KEY-----, it says. «{KEYS[0]}» end",
        # what ends a quote, and is none of a value
        *(
            'the "password", "next2" and so on',
            'say "password: ", name2',
            "x['password'] = [\"a\", b2]",
        ),
        # blocks of YAML
        *("password: |\ns3cr3t\nother: x", "password: |\n «s3cr3t\n more»\nother: x"),
        *(
            "a:\n  password: >-\n    «s3cr3t\n\n    more»\n  other: x",
            "- password: |\n    «s3cr3t»\n  other: x",
        ),
        "password: |\nother: x",
        # all of a long one
        *(
            f"password={'«' + 'a1' * 200 + '»'} and more",
            f'password: "{"«" + "a1 " * 200 + "»"}" and more',
        ),
    ],
)
def test_what_is_a_secret_and_what_only_looks_like_one(marked: str) -> None:
    """A secret stands between « and »."""
    assert SANITIZER.clean(Untrusted(re.sub("[«»]", "", marked))) == re.sub(
        "«[^»]*»", "***", marked
    )
