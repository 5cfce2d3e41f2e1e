"""Secrets as an agent writes them: at their real size, in ordinary text, in pieces."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import textwrap
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import strategies as st

from tests.oracles.writers import KINDS, written
from tests.unit.sanitize.test_formats import SAMPLES

SHOWN = 12
"""Characters of a secret that must not be shown in a row."""
SHOWN_OF_KEY = 20


class Secret(NamedTuple):
    """A secret and a text that has it."""

    text: str
    parts: tuple[str, ...]
    """Parts of the text of which nothing may be shown."""
    value: str = ""
    """Set if the step knows it: the value of a variable."""
    ends: bool = True
    """Whether the text behind it is shown: not behind a key without an end."""


def _openssl(*command: str) -> str:
    done = subprocess.run(("openssl", *command), capture_output=True, text=True, check=True)
    return done.stdout


@cache
def _key(kind: str) -> str:
    """Return a private key, made once for each run of the tests."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "key")
        if kind == "OpenSSH":
            subprocess.run(
                ("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", path), check=True
            )
            return Path(path).read_text(encoding="ascii")
        if kind == "EC":
            return _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        bits = "4096" if kind == "RSA-4096" else "2048"
        _openssl("genrsa", "-out", path, bits)
        if kind == "RSA-2048":
            return _openssl("rsa", "-in", path, "-traditional")
        if kind == "encrypted":
            return _openssl("pkcs8", "-topk8", "-in", path, "-passout", "pass:x")
        if kind == "encrypted RSA":
            options = ("-traditional", "-aes128", "-passout", "pass:x")
            return _openssl("rsa", "-in", path, *options)
        return Path(path).read_text(encoding="ascii")


@cache
def _pgp() -> str:
    """Return a key as GnuPG writes one: its body is random, since GnuPG is not everywhere."""
    body = base64.b64encode(random.Random(1).randbytes(2_700)).decode()  # noqa: S311  # the same in each run
    lines = "\n".join(textwrap.wrap(body, 64))
    return (
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{lines}\n=Zq8v\n"
        "-----END PGP PRIVATE KEY BLOCK-----\n"
    )


KEYS = ("RSA-2048", "RSA-4096", "PKCS8", "encrypted", "encrypted RSA", "EC", "OpenSSH", "PGP")
WRAPS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "indented": lambda text: textwrap.indent(text, "    "),
    "quoted": lambda text: textwrap.indent(text, "> "),
    "in a diff": lambda text: textwrap.indent(text, "+"),
    "fenced": lambda text: f"```\n{text}```",
    "JSON": json.dumps,
    "YAML": lambda text: f"key: |\n{textwrap.indent(text, '  ')}",
}


@st.composite
def keys(draw: st.DrawFn) -> Secret:
    kind = draw(st.sampled_from(KEYS))
    pem = _pgp() if kind == "PGP" else _key(kind)
    has_end = draw(st.sampled_from([True, True, True, False]))
    if not has_end:
        pem = pem.partition("-----END")[0]
    body = [line for line in pem.splitlines() if "-----" not in line and len(line) > SHOWN_OF_KEY]
    return Secret(WRAPS[draw(st.sampled_from(sorted(WRAPS)))](pem), tuple(body), ends=has_end)


@st.composite
def tokens(draw: st.DrawFn) -> Secret:
    sample = draw(st.sampled_from(SAMPLES))
    frame = draw(st.sampled_from(["{}", "`{}`", '"{}"', "({})", "TOKEN={}", "a:\\n{}\\n"]))
    return Secret(
        frame.format(sample.begin + sample.rest), (sample.rest.partition("@")[0][-SHOWN:],)
    )


@st.composite
def known(draw: st.DrawFn) -> Secret:
    chance = random.Random(draw(st.integers(0, 10_000)))  # noqa: S311  # the same in each run - no real secret
    value = KINDS[draw(st.sampled_from(sorted(KINDS)))](chance)
    texts = written(value)
    text = texts[draw(st.sampled_from(sorted(texts)))]
    return Secret(text, (value,), value)


secrets = st.one_of(keys(), tokens(), known())


def windows(secret: Secret) -> set[str]:
    """Return what may not be shown of a secret."""
    is_key = len(secret.parts) > 1 or "PRIVATE KEY" in secret.text
    most = SHOWN_OF_KEY if is_key else SHOWN
    found = set()
    for part in secret.parts:
        for line in part.split("\n"):
            found |= {line[at : at + most] for at in range(len(line) - most + 1)}
            if len(part) < most:
                found.add(part)
    return found


ORDINARY = (
    "I look at the failing test first; it compares times of two zones.\n\n",
    "def total(items):\n    return sum(item.price for item in items)\n",
    '{"name": "web", "version": "1.2.3", "private": true}\n',
    "jobs:\n  build:\n    runs-on: ubuntu-latest\n    timeout-minutes: 10\n",
    "```sh\nnpm ci && npm test\n```\n",
    "| file | lines |\n| --- | --- |\n| src/app.ts | 12 |\n",
    "Done: 24 tests pass. ",
    "\n",
)


class Said(NamedTuple):
    """A message of an agent."""

    secret: Secret
    deltas: tuple[str, ...]
    pauses: tuple[float, ...]
    """Seconds before each."""
    notes: tuple[bool, ...]
    """Whether an event of another kind comes before each."""
    words: tuple[str, ...]
    """Those that are shown, if the message is."""


@st.composite
def messages(draw: st.DrawFn, number: int) -> Said:
    secret = draw(secrets)
    prose = st.lists(st.sampled_from(ORDINARY), max_size=4).map("".join)
    first, last = f"begin-{number}-of", f"end-{number}-of"
    before = f"{first}\n{draw(prose)}"
    after = f"\n{draw(prose)}\n{last} it\n"
    between = draw(st.sampled_from(["", "\n", " "])) if before.endswith("\n") else "\n"
    text = f"{before}{between}{secret.text}{after}"
    start = len(before + between)
    inside = st.integers(start, start + len(secret.text))
    cuts = draw(st.lists(st.one_of(inside, st.integers(1, len(text) - 1)), max_size=6))
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(text)}), len(text)]
    deltas = tuple(text[one:other] for one, other in pairwise(edges))
    count = len(deltas)
    pauses = draw(st.lists(st.sampled_from([0.01, 0.01, 0.5, 3.0]), min_size=count, max_size=count))
    if draw(st.booleans()):
        pauses[draw(st.integers(0, count - 1))] = 35.0  # in which a heartbeat comes
    notes = draw(st.tuples(*(st.sampled_from([False, False, False, True]) for _ in deltas)))
    words = (first, last) if secret.ends else (first,)
    return Said(secret, deltas, tuple(pauses), notes, words)
