"""The secrets in a process's environment, found by the names of variables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled

_MIN_LENGTH: Final = 8
# Bounded for linear time: each letter of a long word may begin a scheme.
_URL: Final = r"([a-z][a-z0-9+.-]{1,30})://([^\s/:@]*):([^\s/@]{8,})@([^\s\"']*)"
_TELLING_NAME: Final = (
    # TOKENIZERS_PARALLELISM is not a secret; OTLP's headers hold the collector's token.
    r"TOKENS?(?![A-Z])|SECRET|PASSW|PASSPHRASE|PASSCODE|CREDENTIAL"
    r"|(?:API|ACCESS|PRIVATE)[_-]?KEY|KEYS?(?:[_-]?IDS?)?$"
    r"|(?:^|[_-])(?:PASS|PWDS?|PATS?|AUTHS?|DSNS?|CREDS?)$"
    r"|(?:JWT|COOKIE|SESSION|SIGNATURE)S?(?:[_-]?IDS?|[_-]?\d+)?$|WEBHOOKS?(?:[_-]?UR[LI]S?|[_-]?\d+)?$"
    r"|CONN(?:ECTION)?[_-]?STR(?:ING)?S?$|^OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?HEADERS$"
)
_HARMLESS_NAME: Final = (
    r"(?:IDEMPOTENCY|MISSING|CACHE|PROJECT|PRIMARY|SORT|PARTITION|FOREIGN|PUBLIC|LOCK|GROUP|CONCURRENCY|ISSUE|JOB|STEP"
    # From MON on, words that end in KEY, such as MONKEY, HOTKEY or DONKEY.
    r"|BUILD|MON|TUR|HOT|SURROGATE|DON|HOC|JOC)[_-]?KEYS?(?:[_-]?IDS?)?$"
    # The address of a webhook is a secret: whoever has it may post there.
    r"|KEY[_-]SUFFIX$|[_-](?:FILE|PATH|DIR|(?<!WEBHOOK.)UR[LI]|NAME|TTL|EXPIRY|LENGTH|ENABLED|TYPE)$"
)
"""Names that sound like those of secrets, inputs of ours among them."""
_OF_THE_SYSTEM: Final = (
    r"CODEBUILD_(?:WEBHOOK_|KMS_KEY_ID$)"  # branches and events; the id of a key, not the key
    r"|(?:JENKINS|HUDSON)_(?:\w+_)?COOKIE$"  # identifies the processes of a build
    r"|(?:XDG|DBUS|DESKTOP|GDM)_?SESSION"  # of a desktop, on a runner that is a person's machine
)
"""Names that CI systems and runners document for other things than secrets."""
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
_WORD_OF_TEST_DATABASES = "password"
"""The password of many. If it were a secret, the word would be hidden wherever it stands."""


def secrets_of(env: Mapping[str, str], contents: Iterable[str] = ()) -> set[str]:
    """Return the secrets in ``env``, of at least 8 characters each.

    These are the values of variables whose names speak of secrets, passwords in URLs, and the
    ``contents`` of files in which the CI system keeps variables. A path is not one, and neither is
    the job's repository, branch or host, which may stand in a variable such as ``SONAR_TOKEN_KEY``
    too, nor the word that a test database has as user and password.
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
        upper = name.upper()
        is_harmless = compiled(_HARMLESS_NAME).search(upper) or compiled(_OF_THE_SYSTEM).match(
            upper
        )
        if not is_harmless and compiled(_TELLING_NAME).search(upper):
            found.add(value)
        if "://" in value and "@" in value:
            found.update(_url_passwords(value))
    return {value for value in found if value.casefold() not in public and _may_be_secret(value)}


def _may_be_secret(value: str) -> bool:
    is_path = value.startswith("/") and compiled(_FULL_PATH).fullmatch(value) is not None
    return len(value.strip()) >= _MIN_LENGTH and not is_path and value != _WORD_OF_TEST_DATABASES


def _url_passwords(text: str) -> Iterator[str]:
    """Yield the passwords of at least 8 characters in the URLs of ``text``, as they are written and
    as they are.

    One that also stands elsewhere in its URL does not count: ``postgres://postgres:postgres@localhost``.
    """
    for scheme, user, password, rest in compiled(_URL).findall(text):
        if password not in (scheme, user) and password not in rest:
            yield from (password, unquote(password))
