"""The values that this process knows never appear again, however a tool wrote them."""

from __future__ import annotations

import base64
import hashlib
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
    "escapes of bytes": lambda value: "".join(f"\\x{byte:02x}" for byte in value.encode()),
    "escapes of code points": lambda value: "".join(f"\\u{{{ord(c):x}}}" for c in value),
    "escapes of long code points": lambda value: "".join(f"\\U{ord(c):08x}" for c in value),
    "octal escapes": lambda value: "".join(f"\\{byte:03o}" for byte in value.encode("latin-1")),
    "octal escapes of echo": lambda value: "".join(
        f"\\0{byte:03o}" for byte in value.encode("latin-1")
    ),
    "HTML, names": lambda value: (
        value.replace("&", "&amp;")
        .replace("%", "&percnt;")
        .replace("/", "&sol;")
        .replace("+", "&plus;")
        .replace("=", "&equals;")
        .replace("_", "&lowbar;")
    ),
    "hex with colons": lambda value: value.encode().hex(":"),
    "HTML, numbers with zeros": lambda value: "".join(f"&#{ord(c):07};" for c in value),
    "UTF-16 with its mark in base64": lambda value: base64.b64encode(
        value.encode("utf-16")
    ).decode(),
    "UTF-16 in the other order in base64": lambda value: base64.b64encode(
        value.encode("utf-16-be")
    ).decode(),
    "a hex dump": lambda value: value.encode().hex(" "),
    "UTF-16 in base64": lambda value: base64.b64encode(f"run {value}".encode("utf-16-le")).decode(),
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


values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)
around = st.text(st.sampled_from("ab \n\\\"'%=nrt"), max_size=12)


LONG = "Zq8vXr2LmN5tB7wK9dPc4HsJ6fGy3TeR1aUo0iVn"
DIFF = f"--- a/.env\n+++ b/.env\n-TOKEN={LONG[:20]}\n+{LONG[20:]}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"starts with {LONG[:16]}, ends with {LONG[-16:]}",
        f"{LONG[3:35]}",
        f'"{LONG[:20]}" + "{LONG[20:]}"',
        f"('{LONG[:20]}'\n '{LONG[20:]}')",
        f"{LONG[:18]}\\\n    {LONG[18:]}",
        DIFF,
        f"x{LONG[4:24]}x",
        base64.b64encode(f"half: {LONG[:20]}".encode()).decode(),
        LONG[:20].encode().hex(),
        LONG[:20].encode().hex(" ").upper(),
        f"%{LONG.encode()[0]:x}{LONG[1:17]}%20",
        json.dumps({"begins": LONG[:20], "ends": LONG[20:]}),
        "".join(f"&#{ord(c)};" for c in LONG[:20]),
        LONG[:20].encode().hex(":"),
    ],
)
def test_any_16_characters_in_a_row_are_hidden(text: str) -> None:
    shown = Sanitizer([LONG]).clean(Untrusted(text))
    assert [LONG[at : at + 8] for at in range(33) if LONG[at : at + 8] in shown] == []
    assert "***" in shown


def test_halves_of_a_value_are_hidden_in_the_fields_of_an_object() -> None:
    shown = Sanitizer([LONG]).data(Untrusted({"a": LONG[:20], "b": 1, "x": [LONG[20:]]}))
    assert shown == {"a": "***", "b": 1, "x": ["***"]}


@given(st.integers(0, 40), st.integers(0, 40), around)
def test_of_a_piece_of_a_value_fewer_than_16_characters_stay(one: int, other: int, by: str) -> None:
    piece = LONG[min(one, other) : max(one, other)]
    shown = Sanitizer([LONG]).clean(Untrusted(f"{by}. {piece} .{by}"))
    assert (piece in shown) == (len(piece) < 16)


@pytest.mark.parametrize("first", range(4))
def test_base64_of_a_value_is_hidden_that_lacks_its_start(first: int) -> None:
    encoded = base64.b64encode(LONG.encode()).decode()
    piece = encoded[4 + first : 48 + first]
    shown = Sanitizer([LONG]).clean(Untrusted(f"…{piece}… and …{LONG[:12].encode().hex()}"))
    assert not [at for at in range(len(piece) - 7) if piece[at : at + 8] in shown], shown


def test_of_many_secrets_each_is_found_in_a_short_text() -> None:
    """The text is searched for the secrets' pieces, not the other way round."""
    secrets = [hashlib.sha256(bytes([number])).hexdigest() for number in range(200)]
    safe = Sanitizer(secrets)
    for secret in secrets[::20]:
        assert safe.clean(Untrusted(f"[{secret[5:25]}]")) == "[***]"


def test_a_key_of_many_lines_is_found_in_linear_time() -> None:
    body = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    safe = Sanitizer([f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"])
    assert safe.clean(Untrusted(f"see {body * 5} end"), limit=100_000) == "see *** end"


@pytest.mark.parametrize("group", [2, 4, 8])
def test_no_line_of_a_hex_dump_shows_a_value(group: int) -> None:
    """Such as xxd and hexdump print, 16 bytes a line."""
    digits = f"of a file: {LONG} and more".encode().hex()
    lines = [digits[at : at + 32] for at in range(0, len(digits), 32)]
    dump = "\n".join(
        f"{number:07x}0: {' '.join(re.findall('.' * group, line))}"
        for number, line in enumerate(lines)
    )
    shown = "".join(Sanitizer([LONG]).clean(Untrusted(dump)).split())
    secret = LONG.encode().hex()
    assert [secret[at : at + 14] for at in range(66) if secret[at : at + 14] in shown] == []


@pytest.mark.parametrize("prefix", ["", "+", "-", "> ", "# ", "    | ", '    "'])
def test_a_value_is_found_in_lines_of_base64_behind_a_prefix(prefix: str) -> None:
    before = "a line of a file " * 3
    encoded = base64.b64encode(f"{before}{LONG}{' and more' * 9}".encode()).decode()
    secret = encoded[(len(before) * 8 + 5) // 6 : (len(before) + 40) * 8 // 6]
    text = "".join(f"{prefix}{line}\n" for line in re.findall(".{1,64}", encoded))
    shown = "".join(re.findall(r"[\w*/]+", Sanitizer([LONG]).clean(Untrusted(text))))
    assert [secret[at : at + 6] for at in range(47) if secret[at : at + 6] in shown] == []


SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "acme-production-4711",
    "private_key_id": "4f1c9a0b7d2e8536a1f0c4d9e7b26358aa10bb93",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{LONG}{LONG}\nAb3{LONG}\n-----END PRIVATE KEY-----\n",
    "client_email": "deploy@acme-production-4711.iam.gserviceaccount.com",
    "client_id": "104857600123456789012",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
}
KUBECONFIG = f"""\
apiVersion: v1
kind: Config
clusters:
- name: production-cluster-4711
  cluster:
    server: https://api.production-4711.example.com:6443
users:
- name: deployer-of-production
  user:
    token: {LONG}
    client-key-data: LS0tLS{LONG}
"""
PASSPHRASE = "correct horse battery staple"
DSN = f"https://{LONG[:32]}@o4711.ingest.sentry-example.io/4507"
KEEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a service account's JSON": (
        json.dumps(SERVICE_ACCOUNT, indent=2),
        (
            *("service_account", "acme-production-4711", "client_email", "-----BEGIN PRIVATE KEY"),
            *("deploy@acme-production-4711.iam.gserviceaccount.com", "private_key_id"),
            *(
                "https://accounts.google.com/o/oauth2/auth",
                "https://www.googleapis.com/oauth2/v1/certs",
            ),
        ),
    ),
    "a kubeconfig": (
        KUBECONFIG.strip(),
        (
            *("apiVersion: v1", "kind: Config", "production-cluster-4711", "client-key-data"),
            *("https://api.production-4711.example.com:6443", "deployer-of-production"),
        ),
    ),
    "words": (PASSPHRASE, ("correct horse bat", "horse battery staple")),
    "a DSN": (DSN, ("https://", "o4711.ingest.sentry-example.io", "sentry-example.io/45")),
    "a webhook": (
        f"https://hooks4711.slack.com/services/T01/B02/{LONG[:24]}",
        ("https://hooks4711.slack.com/services",),
    ),
    "a name": ("acme-web-frontend-production", ("acme-web-frontend", "web-frontend-production")),
}


@pytest.mark.parametrize(("value", "kept"), KEEPS.values(), ids=KEEPS)
def test_of_a_known_value_addresses_headers_names_and_words_stay(
    value: str, kept: tuple[str, ...]
) -> None:
    safe = Sanitizer([value])
    for text in kept:
        assert safe.clean(Untrusted(f"see {text} here")) == f"see {text} here"
    assert safe.clean(Untrusted(f"see {value} here")) == "see *** here"
    for leaf in (LONG[:20], LONG[4:20], SERVICE_ACCOUNT["private_key_id"][3:23]):
        if leaf in value:
            assert safe.clean(Untrusted(f"see {leaf} here")) == "see *** here"


def test_a_list_of_secrets_counts_by_its_items_however_often_it_is_repeated() -> None:
    words = Sanitizer(['["hunter2-hunter", {"a": "in words only", "password": "letmein now!"}]'])
    shown = words.clean(Untrusted("hunter2-hunter, in words only, letmein now!"))
    assert shown == "***, in words only, ***"
    repeated = "a0: &a0 [swordfish1]\n" + "".join(
        f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 30)
    )
    assert Sanitizer([repeated + "token: swordfish2"]).clean(Untrusted("swordfish2")) == "***"


def test_a_leaf_that_looks_like_a_secret_is_known_whatever_its_key() -> None:
    """What is made of words stays: a name, an address of a host."""
    names = "acme-production-4711", "deploy.example.com/v2-4711", "2026-11-24T13:45:40Z"
    document = json.dumps({"blob": f"{LONG}", "a": names[0], "b": names[1], "c": names[2]})
    safe = Sanitizer([document])
    assert safe.clean(Untrusted(f"see {LONG} or {LONG[3:19]}")) == "see *** or ***"
    assert safe.clean(Untrusted(" ".join(names))) == " ".join(names)


@pytest.mark.parametrize(
    "value", ["{", '{"a": ', "[" * 5_000, "a: [\nb: }", "a:\n  - &x [*x]", "[1]"]
)
def test_a_value_that_is_no_document_is_a_value_like_any_other(value: str) -> None:
    value += "\nx7Fq!"
    assert Sanitizer([value]).clean(Untrusted(f"see {value} here")) == "see *** here"


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


def test_each_line_of_a_value_counts_by_itself() -> None:
    safe = Sanitizer(["Kj7-hunter\nQz8-badger"])
    assert safe.clean(Untrusted("It is Qz8-badger.")) == "It is ***."


def test_a_value_with_a_backslash_is_known_where_that_is_doubled() -> None:
    shown = Sanitizer(["Kj7\\hunter\\Qz8"]).clean(Untrusted(r"It is Kj7\\hunter\\Qz8."))
    assert "hunter" not in shown


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
        *("API_TOKENS", "SSH_KEYS", "APP_JWT", "AUTH_COOKIE", "SESSION", "PHP_SESSION_ID"),
        *(
            "SLACK_WEBHOOK",
            "TEAMS_WEBHOOK_URL",
            "RELEASE_SIGNATURE",
            "WEBHOOKS",
            "COOKIES",
            "JWT_2",
        ),
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
        *("SESSION_DRIVER", "COOKIE_DOMAIN", "SIGNATURE_ALGORITHM", "AWS_ROLE_SESSION_NAME"),
        # of CI systems and runners
        *("CODEBUILD_WEBHOOK_HEAD_REF", "CODEBUILD_WEBHOOK_TRIGGER", "CODEBUILD_KMS_KEY_ID"),
        *("JENKINS_SERVER_COOKIE", "HUDSON_COOKIE", "DESKTOP_SESSION", "XDG_SESSION_ID"),
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
        "JDBC_URL": '"jdbc:mysql://app:of-jdbc-0123@db:3306/app"',
        "BROKERS": "amqp://a:broker-one-1@one amqp://a:broker-two-2@two",
        "REDIS_URL": "redis://cache:6379/0",
        "PAGE_URL": "https://example.com/a?token=not-a-password-here",
        "INPUT_PROMPT": "See https://example.com, ask @maintainer, and set token=some-value-here",
    }
    passwords = {"p%40ss-0123456", "p@ss-0123456", "of-jdbc-0123", "broker-one-1", "broker-two-2"}
    assert secrets_of(env) == passwords


def test_the_word_that_a_test_database_has_as_password_is_no_secret() -> None:
    """Hidden, it would be missing in logs, branches and outputs."""
    env = {
        "TEST_URL": "postgres://postgres:postgres@localhost:5432/test",
        "REPO_URL": "https://ci:frontend@git.example.com/acme/frontend",
        "MYSQL_PASSWORD": "password",
        "PG_PASSWORD": "bookshop",
        "PG_USER": "bookshop",
        "API_USER": "Zq8vXr2LmN5tB7wK",
        "API_TOKEN": "Zq8vXr2LmN5tB7wK",
        "OTHER_PASSWORD": "swordfish",
    }
    assert secrets_of(env) == {"swordfish", "Zq8vXr2LmN5tB7wK"}


CONNECTIONS = {
    "a URL": (
        "postgres://deploy:hunter2-secret@db.example.com:5432/app_production",
        ("db.example.com:5432/app_production", "postgres://deploy"),
    ),
    "a URL of JDBC": (
        "jdbc:postgresql://db.example.com:5432/app_production?user=deploy&password=hunter2-secret",
        ("db.example.com:5432/app_production",),
    ),
    "settings": (
        "Server=tcp:db.example.com,1433;Database=app_production;User ID=deploy;"
        "Password=hunter2-secret;Encrypt=True",
        ("tcp:db.example.com,1433;Database=app_production;", "Encrypt=True"),
    ),
    "an account": (
        "DefaultEndpointsProtocol=https;AccountName=acme4711;AccountKey=hunter2-secret;"
        "EndpointSuffix=core.windows.net",
        ("DefaultEndpointsProtocol=https;AccountName=acme4711", "EndpointSuffix=core.windows.net"),
    ),
    "a leaf of JSON": (
        json.dumps({"uri": "amqps://deploy:hunter2-secret@mq.example.com:5671/vhost_4711"}),
        ("mq.example.com:5671/vhost_4711",),
    ),
}


@pytest.mark.parametrize(("value", "kept"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_connection_string_counts_by_its_password(value: str, kept: tuple[str, ...]) -> None:
    safe = Sanitizer([value])
    assert safe.clean(Untrusted("see hunter2-secret here")) == "see *** here"
    assert safe.clean(Untrusted(f"see {value} here")) == "see *** here"
    for text in kept:
        assert safe.clean(Untrusted(f"see {text} here")) == f"see {text} here"
    assert secrets_of({"APP_CONNECTION_STRING": value}) >= {value}


def test_a_secret_that_holds_another_one_counts_by_both() -> None:
    """A cookie, or an address that is a secret by itself."""
    for value in (
        f"session={LONG}; csrftoken=hunter2-secret",
        f"https://example.com/{LONG}?sig=hunter2-secret",
    ):
        shown = Sanitizer([value]).clean(Untrusted(f"see {LONG[3:25]}, hunter2-secret"))
        assert shown == "see ***, ***"


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
