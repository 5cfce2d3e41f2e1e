"""The values that this process knows never appear again, however a tool quoted them."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mogplex_ci.sanitize import Sanitizer, is_maskable, looks_random, secrets_of
from mogplex_ci.untrusted import Untrusted

SECRET = "Zq8%vX/r2&L m'N5\"tB+7w=K_é"


def printed(*command: str, stdin: str = "", locale: str = "C.UTF-8") -> str:
    """Return what a tool of the machine prints; skip the test where it is missing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is missing")
    env = {"PATH": os.environ["PATH"], "LC_ALL": locale}
    done = subprocess.run(
        command, input=stdin, env=env, capture_output=True, encoding="utf-8", check=False
    )
    return done.stdout


def by_curl(value: str) -> str:
    """Return an address with ``value``, as curl writes it although nothing answers there."""
    said = ("-w", "%{url_effective}", "http://127.0.0.1:9/")
    return printed("curl", "-sG", "--data-urlencode", f"a={value}", *said)


def by_bash(value: str, locale: str = "C.UTF-8") -> str:
    """Return ``value`` as bash quotes it; with bytes where ``locale`` knows no other letters."""
    return printed("bash", "-c", 'printf "%q" "$1"', "-", value, locale=locale)


TOOLS: dict[str, Callable[[str], str]] = {
    "base64 of coreutils": lambda value: printed("base64", stdin=f"{value}\n"),
    "base64 of coreutils, in a file": lambda value: printed(
        "base64", stdin=f"a line of a file\nTOKEN={value}\n{'another line' * 9}"
    ),
    "base64 of coreutils, narrow": lambda value: printed("base64", "-w", "20", stdin=value),
    "jq -R": lambda value: printed("jq", "-R", ".", stdin=value),
    "jq -R @uri": lambda value: printed("jq", "-R", "@uri", stdin=value),
    "jq -R @sh": lambda value: printed("jq", "-rR", "@sh", stdin=value),
    "printf %q of bash": by_bash,
    "printf %q of bash, in bytes": lambda value: by_bash(value, "C"),
    "curl --data-urlencode": by_curl,
    "as it is": str,
    "URL": lambda value: quote(value, safe=""),
    "URL path": quote,
    "URL form": quote_plus,
    "URL, lower case": lambda value: re.sub(
        "%..", lambda match: match[0].lower(), quote(value, safe="")
    ),
    "base64 behind a user": lambda value: base64.b64encode(
        f"x-access-token:{value}".encode()
    ).decode(),
    "base64 behind one more": lambda value: base64.b64encode(
        f"x-access-token1:{value}\n".encode()
    ).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(f"ab{value}".encode()).decode(),
    "JSON": lambda value: json.dumps({"a": value}),
    "JSON of Go": lambda value: (
        json.dumps(value, ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c")
    ),
    "JSON of PHP": lambda value: json.dumps(value).replace("/", "\\/"),
    "HTML": html.escape,
    "shell": shlex.quote,
    "shell, single quotes": lambda value: "'" + value.replace("'", r"'\''") + "'",
    "shell, double quotes": lambda value: '"' + re.sub(r'(["$`\\])', r"\\\1", value) + '"',
    "shell, a line that goes on": lambda value: f"{value[:9]}\\\n{value[9:]}",
    "Markdown": lambda value: re.sub(r"([\\`*_+.!<>-])", r"\\\1", value),
    "over lines": "\n".join,
    "with zero width": "\u200b".join,
    "coloured": lambda value: f"\x1b[32m{value[:5]}\x1b[31m{value[5:]}\x1b[0m",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_known_value_is_redacted_as_each_tool_writes_it(tool: str) -> None:
    written = TOOLS[tool](SECRET)
    shown = Sanitizer([SECRET]).clean(Untrusted(f"before {written} after"))
    assert re.fullmatch(r"(?s)before .*\*\*\*.* after", shown)
    plain = re.sub("[\u200b\\s]|\x1b\\[\\d+m", "", written)
    marks = [at for at in range(len(plain) - 7) if plain[at : at + 8] in "".join(shown.split())]
    hidden = len(re.sub(r"\s", "", SECRET))
    assert len(plain) - len(marks) >= hidden  # what stands around it may be shown


values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)
around = st.text(st.sampled_from("ab \n\\\"'%=nrt"), max_size=12)


LONG = "Zq8vXr2LmN5tB7wK9dPc4HsJ6fGy3TeR1aUo0iVn"
SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "acme-prod-12",
    "private_key_id": "4f1c9a0b7d2e8536a1f0c4d9e7b26358aa10bb93",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{LONG}{LONG}\nAb3{LONG}\n-----END PRIVATE KEY-----\n",
    "client_email": "deploy@acme-prod-12.iam.gserviceaccount.com",
    "client_id": "104857600123456789012",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_x509_cert_url": (
        "https://www.googleapis.com/robot/v1/metadata/x509/deploy%40acme-prod-12.iam.gserviceaccount.com"
    ),
    "universe_domain": "googleapis.com",
}
KUBECONFIG = f"""\
apiVersion: v1
kind: Config
current-context: production
preferences: {{}}
clusters:
- name: production-cluster-4711
  cluster:
    server: https://api.production-4711.example.com:6443
contexts:
- name: production
  context:
    cluster: production
    namespace: web-frontend
    user: deployer-of-production
users:
- name: deployer-of-production
  user:
    token: {LONG}
    client-key-data: LS0tLS{LONG}
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: aws
      args: [eks, get-token, --cluster-name, production, --region, eu-west-1]
"""
DOTENV = f"""\
# Settings of the staging environment, 2026-11-24
NODE_ENV=production
APP_URL="http://localhost:8080"
LOG_LEVEL=debug
TZ=Europe/Berlin
AWS_REGION=eu-west-1
MAIL_FROM="Acme <noreply@acme.example>"
NODE_OPTIONS=--max-old-space-size=4096
DB_PASSWORD='Kj7-Hunter!'
STRIPE_KEY={LONG[:24]}
"""
DOCUMENTS = {
    "a service account's JSON": json.dumps(SERVICE_ACCOUNT, indent=2),
    "a kubeconfig": KUBECONFIG,
    "a file of variables": DOTENV,
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_ordinary_lines_of_a_document_that_is_a_secret_stay(document: str) -> None:
    """Masked, they would be missing in every log, and inside an artifact."""
    safe = Sanitizer([document])
    secret_lines = re.compile(r"private_key|token: |key-data|PASSWORD|STRIPE|cluster-4711$")
    for line in document.splitlines():
        if not secret_lines.search(line):
            assert safe.clean(Untrusted(line)) == line
    shown = safe.clean(Untrusted(f"see {document} here"))
    assert shown == "see *** here" or not any(piece in shown for piece in (LONG[:20], "Hunter"))


PIECES = {
    DOCUMENTS["a service account's JSON"]: (f"{LONG}{LONG}", SERVICE_ACCOUNT["private_key_id"]),
    KUBECONFIG: (LONG, f"LS0tLS{LONG}"),
    DOTENV: ("Kj7-Hunter!", LONG[:24]),
    f'["{LONG}", {{"a": "Kj7-Hunter!"}}]': (LONG, "Kj7-Hunter!"),
    f"-----BEGIN EC PRIVATE KEY-----\n{LONG}\n{LONG[5:]}\n-----END EC PRIVATE KEY-----": (LONG,),
    f"Server=tcp:db.example.com,1433;Database=app;Password={LONG[:16]}": (LONG[:16],),
    f"https://{LONG[:32]}@o4711.ingest.sentry-example.io/4507": (LONG[:32],),
    f"https://hooks.example.com/services/T01/B02/{LONG[:24]}": (LONG[:24],),
}


@pytest.mark.parametrize(("value", "pieces"), PIECES.items())
def test_a_piece_that_looks_random_is_hidden_by_itself_and_quoted(
    value: str, pieces: tuple[str, ...]
) -> None:
    safe = Sanitizer([value])
    for piece in pieces:
        for write in (str, json.dumps, quote, TOOLS["base64 behind a user"], TOOLS["over lines"]):
            assert piece[4:12] not in safe.clean(Untrusted(f"see {write(piece)} here")), write
        assert safe.clean(Untrusted(f"see {piece} here")) == "see *** here"


@pytest.mark.parametrize(
    "text",
    ["Kj7hunter", "Zq8vXr2L", "hunter2A!", "4f1c9a0b7d2e8536", "build-4711-of-web", "aB3$aB3$"],
)
def test_what_looks_random(text: str) -> None:
    """Eight characters of three kinds, or sixteen with four digits."""
    assert looks_random(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Kj7hunt", "hunter2-secret", "Europe/Berlin", "2026-11-24T13", "https://example.com"),
        *(
            "production-database",
            "104857600123456789012",
            "v1.2.3-rc.4",
            "mogplex",
            "a_b.c@d-e/f:1",
        ),
    ],
)
def test_what_does_not(text: str) -> None:
    assert not looks_random(text)


@pytest.mark.parametrize(
    ("token", "is_masked"),
    [
        *((prefix + "a", True) for prefix in ("mog_", "ghp_", "ghs_", "gho_", "github_pat_")),
        *(
            ("Zq8vXr2L", True),
            (LONG, True),
            ("mogplex", False),
            ("api-key", False),
            ("mog_", False),
        ),
    ],
)
def test_which_tokens_a_ci_system_is_asked_to_mask(token: str, *, is_masked: bool) -> None:
    """A plain word would be masked in the whole job."""
    assert is_maskable(token) == is_masked


@pytest.mark.parametrize(
    "value", ["{", '{"a": ', "[" * 5_000, "a: [\nb: }", "a:\n  - &x [*x]", "[1]"]
)
def test_a_value_that_is_no_document_is_a_value_like_any_other(value: str) -> None:
    value += "\nx7Fq!"
    assert Sanitizer([value]).clean(Untrusted(f"see {value} here")) == "see *** here"


def test_half_a_value_is_no_secret() -> None:
    """The page says so: what is looked for is a whole value, or a piece between signs."""
    assert LONG[:20] in Sanitizer([LONG]).clean(Untrusted(f"see {LONG[:20]} here"))


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


@pytest.mark.parametrize(
    "line",
    [
        "mv my_file\\\n  your_file \\\n--verbose",
        "snake\\_case of `a\\_b` and C:\\_dir\\_x",
        "make \\\n\\\n\n  all\\",
        "\\\nZq8vXr2 \\\n\nLmN5tB7w",
    ],
)
def test_a_line_with_backslashes_stays(line: str) -> None:
    assert Sanitizer(["Zq8vXr2LmN5"]).clean(Untrusted(line)) == line


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
