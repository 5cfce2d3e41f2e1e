"""The secrets in a process's environment, found by the names of variables and by their values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled
from mogplex_ci.sanitize.known_values import looks_random
from mogplex_ci.sanitize.named_values import PARTS, is_name_of_secret, is_path

_MIN_LENGTH: Final = 8
# Bounded for linear time: each letter of a long word may begin a scheme.
_URL: Final = r"([a-z][a-z0-9+.-]{1,30})://([^\s/:@]*):([^\s/@]{8,})@([^\s\"']*)"
_FIELD = r"(?i)(?:^|;)\s*(?:password|pwd|account_?key|shared_?access_?key)\s*=\s*([^;]{8,})"
"""Of a connection string, as ADO.NET and ODBC have it."""
_ALSO_TELLING: Final = (
    # TOKENIZERS_PARALLELISM is not a secret; OTLP's headers hold the collector's token.
    r"TOKENS?(?![A-Z])|SECRET|PASSW|PASS\d*$|PASSPHRASE|PASSCODE|CREDENTIAL"
    r"|(?:API|ACCESS|PRIVATE)_?KEY|KEYS?(?:_?IDS?)?$|(?:^|_)KEYS?_"
    r"|(?:^|_)(?:PASS|PWDS?|PATS?|AUTHS?|DSNS?|CREDS?)(?:_|$)"
    r"|(?:JWT|COOKIE|SESSION|SIGNATURE)S?(?:_IDS?|_\d+)?$|WEBHOOKS?(?:_UR[LI]S?|_\d+)?$"
    r"|CONN(?:ECTION)?_?STR(?:ING)?S?(?:_|$)|^OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?HEADERS$"
)
"""Names of variables that tell of secrets, beside those that do so in any text."""
_HARMLESS_NAME: Final = (
    r"(?:IDEMPOTENCY|MISSING|CACHE|PROJECT|PRIMARY|SORT|PARTITION|FOREIGN|PUBLIC|LOCK|GROUP|CONCURRENCY|ISSUE|JOB|STEP"
    # From MON on, words that end in KEY, such as MONKEY, HOTKEY or DONKEY.
    r"|BUILD|MON|TUR|HOT|SURROGATE|DON|HOC|JOC)_?KEYS?(?:_|$)"
    # The address of a webhook is a secret: whoever has it may post there.
    r"|KEY_SUFFIX$|_(?:FILE|PATH|DIR|(?<!WEBHOOK.)UR[LI]|NAME|TTL|EXPIRY|LENGTH|ENABLED|TYPE)$"
)
"""Names that sound like those of secrets, inputs of ours among them."""
_OF_THE_SYSTEM: Final = (
    r"CODEBUILD_(?:WEBHOOK_|KMS_KEY_ID$)"  # branches and events; the id of a key, not the key
    r"|(?:JENKINS|HUDSON)_(?:\w+_)?COOKIE$"  # identifies the processes of a build
    r"|(?:XDG|DBUS|DESKTOP|GDM)_?SESSION"  # of a desktop, on a runner that is a person's machine
)
"""Names that CI systems and runners document for other things than secrets."""
_OF_THE_JOB: Final = (
    r"(?:GITHUB|RUNNER|ACTIONS|CI|GITLAB|FORGEJO|GITEA|BITBUCKET|CIRCLE|BUILDKITE|DRONE|CODEBUILD|TRAVIS|SEMAPHORE"
    r"|WOODPECKER|TEAMCITY|SYSTEM|AGENT|BUILD|JOB|NODE|STAGE|RUN|JENKINS|HUDSON|IMAGE|INPUT|MOGPLEX)_"
)
"""Variables in which a CI system tells of a job: a job's name may look random."""
_RANDOM_VALUE: Final = r"(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w+/=~-]{16,}"
_PLAIN_VALUE: Final = (
    r"[\d.,:_-]+|https?://[^@\s?#]*"
    r"|(?i:password|production|development|disabled|required|optional|internal|external|anonymous|localhost)"
)
"""No secret in any variable: numbers, addresses, and words that would be missing wherever they
stand, such as the password of many test databases.
"""
_PUBLIC_NAME = (
    r"(?:^|[_-])(?:REPO|REPOSITORY|(?:REPO|PROJECT)[_-](?:SLUG|PATH|NAME|NAMESPACE)|SLUG|OWNER|BRANCH|REF|REF[_-]NAME|HOST"
    r"|HOSTNAME|SERVER[_-]URL|BASE[_-]URL|ACTOR)$"
)
"""Names of variables with the repository, branch or host of the job. None of their values is a
secret.
"""
_FULL_PATH = r"/(?:builds|dev|etc|github|home|mnt|opt|private|root|run|srv|tmp|usr|var|Users|workspace)(?:/[\w.@-]+)*/?"
_USER_NAME = r"(?:^|[_-])(?:USER|USERNAME|DB|DATABASE)$"
_WORD = r"[a-z]+"


def secrets_of(env: Mapping[str, str], contents: Iterable[str] = ()) -> set[str]:
    """Return the secrets in ``env``, of at least 8 characters each.

    These are the values of variables whose names speak of secrets, words that look random,
    passwords in addresses and connection strings, and the ``contents`` of files in which the CI
    system keeps variables. A path is not one, and neither is the job's repository, branch or host,
    which may stand in a variable such as ``SONAR_TOKEN_KEY`` too, nor the word that a test database
    has as user and password.
    """
    public = {
        value.casefold()
        for name, value in env.items()
        if compiled(_PUBLIC_NAME).search(name.upper())
    }
    public |= {part for value in public for part in re.split(r"://|/", value)}
    public |= {
        value
        for name, value in env.items()
        if compiled(_USER_NAME).search(name.upper()) and compiled(_WORD).fullmatch(value)
    }
    found = set(contents)
    for name, value in env.items():
        if _is_telling(compiled(PARTS).sub("_", name).upper(), value):
            found.add(value)
        found.update(compiled(_FIELD).findall(value))
        if "://" in value and "@" in value:
            found.update(_url_passwords(value))
    return {value for value in found if value.casefold() not in public and _may_be_secret(value)}


def _is_telling(name: str, value: str) -> bool:
    """Whether the variable ``name``, in capitals, tells of a secret, or its value does."""
    if compiled(_HARMLESS_NAME).search(name) or compiled(_OF_THE_SYSTEM).match(name):
        return False
    is_address_of_webhook = "WEBHOOK" in name and "://" in value
    if not is_address_of_webhook and compiled(_PLAIN_VALUE).fullmatch(value):
        return False
    if is_name_of_secret(name) or compiled(_ALSO_TELLING).search(name):
        return True
    if compiled(_OF_THE_JOB).match(name) or not compiled(_RANDOM_VALUE).fullmatch(value):
        return False
    # A branch such as feature/Login2Page is no secret.
    return "/" not in value or (not is_path(value) and any(map(looks_random, value.split("/"))))


def _may_be_secret(value: str) -> bool:
    is_full_path = value.startswith("/") and compiled(_FULL_PATH).fullmatch(value) is not None
    return len(value.strip()) >= _MIN_LENGTH and not is_full_path


def _url_passwords(text: str) -> Iterator[str]:
    """Yield the passwords of at least 8 characters in the URLs of ``text``, as they are written and
    as they are.

    One that also stands elsewhere in its URL does not count: ``postgres://postgres:postgres@localhost``.
    """
    for scheme, user, password, rest in compiled(_URL).findall(text):
        if password not in (scheme, user) and password not in rest:
            yield from (password, unquote(password))
