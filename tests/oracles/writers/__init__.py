"""Programs of others that write a value: as a URL, JSON, HTML, a shell's word, base64 and more."""

from __future__ import annotations

import base64
import html
import html.entities
import json
import random
import re
import shlex
import shutil
import subprocess
import textwrap
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax import saxutils

import yaml

HERE = Path(__file__).parent


def _run(command: Sequence[str], value: str) -> str:
    done = subprocess.run(command, input=value.encode(), capture_output=True, check=True)
    return done.stdout.decode()


def _pairs(text: str) -> dict[str, str]:
    names, texts = text.split("\0")[:-1:2], text.split("\0")[1::2]
    return dict(zip(names, texts, strict=True))


def _jq(value: str) -> dict[str, str]:
    formats = {name: f"@{name}" for name in ("json", "uri", "html", "sh", "base64")}
    formats |= {name: f"([.] | @{name})" for name in ("csv", "tsv")}
    each = ", ".join(f'"{name}": {format_}' for name, format_ in formats.items())
    return dict(json.loads(_run(("jq", "-Rsc", f"{{{each}}}"), value)))


def _script(*command: str) -> Callable[[str], dict[str, str]]:
    """Return how a script writes a value, which prints JSON of names and texts."""
    *program, name = command
    return lambda value: dict(json.loads(_run((*program, str(HERE / name)), value)))


PROGRAMS: dict[str, Callable[[str], dict[str, str]]] = {
    "bash": lambda value: _pairs(_run(("bash", str(HERE / "bash.sh"), value), "")),
    "java": lambda value: _pairs(_run(("java", str(HERE / "Writers.java")), value)),
    "jq": _jq,
    "node": _script("node", "node.js"),
    "openssl": lambda value: {"base64": _run(("openssl", "base64"), value)},
    "perl": _script("perl", "perl.pl"),
    "php": _script("php", "php.php"),
    "ruby": _script("ruby", "ruby.rb"),
}
"""Each by its command."""


def _properties(value: str) -> str:
    return re.sub(r"[=:#!\\ ]", r"\\\g<0>", json.dumps(value)[1:-1].replace('\\"', '"'))


def _c_octal(value: str) -> str:
    """As git and C write the bytes of a text that are not plain."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in value.encode()
    )


def _each(value: str, form: str) -> str:
    return "".join(form.format(ord(sign)) for sign in value)


def _lines(encoded: str, by: str) -> str:
    return by.join(textwrap.wrap(encoded, 64))


def _base64(value: str, before: str = "") -> str:
    return base64.b64encode((before + value).encode()).decode()


def _net(value: str) -> str:
    """The JSON of .NET: System.Text.Json escapes these, and what is not ASCII."""
    return re.sub(r"[<>&'+`\x7f]", lambda sign: f"\\u{ord(sign[0]):04X}", json.dumps(value)[1:-1])


def _gson(value: str) -> str:
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    return re.sub(r"[<>&='\u2028\u2029]", lambda sign: f"\\u{ord(sign[0]):04x}", plain)


RULES: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "Python, quote": lambda value: urllib.parse.quote(value, safe=""),
    "Python, quote of a path": urllib.parse.quote,
    "Python, quote_plus": urllib.parse.quote_plus,
    "every byte in percent": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "twice in percent": lambda value: urllib.parse.quote(urllib.parse.quote(value, safe="")),
    "Python, repr": repr,
    "Python, ascii": ascii,
    "Python, repr of bytes": lambda value: repr(value.encode()),
    "Python, json": json.dumps,
    "Python, json of json": lambda value: json.dumps(json.dumps(value)),
    "Python, html": html.escape,
    "Python, saxutils": saxutils.quoteattr,
    "Python, shlex": shlex.quote,
    "PyYAML": lambda value: yaml.safe_dump({"a": value}),
    "PyYAML, quoted": lambda value: yaml.safe_dump({"a": value}, default_style='"'),
    "JSON of .NET": _net,
    "JSON of Gson": _gson,
    "JSON of Go": lambda value: re.sub(
        "[<>&]", lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value, ensure_ascii=False)
    ),
    "XML, decimal": lambda value: _each(value, "&#{};"),
    "XML, hexadecimal": lambda value: _each(value, "&#x{:X};"),
    "HTML in HTML": lambda value: html.escape(html.escape(value)),
    "HTML, named": lambda value: value.translate(
        {
            ord(sign): f"&{name}"
            for name, sign in html.entities.html5.items()
            if len(sign) == 1 and name.endswith(";") and not sign.isalnum()
        }
    ),
    "JavaScript, code points": lambda value: _each(value, "\\u{{{:x}}}"),
    "JSON, every unit": lambda value: "".join(
        f"\\u{unit}" for unit in value.encode("utf-16-be").hex(" ", 2).split()
    ),
    "Python, every sign": lambda value: _each(value, "\\U{:08x}"),
    "bytes in hexadecimal": lambda value: "".join(f"\\x{byte:02x}" for byte in value.encode()),
    "bytes in octal, as git and C": _c_octal,
    "Java's properties": _properties,
    "shell, '\\''": lambda value: "'" + value.replace("'", "'\\''") + "'",
    "SQL": lambda value: "'" + value.replace("'", "''") + "'",
    "PowerShell": lambda value: re.sub(r"[$`\"]", r"`\g<0>", value),
    "base64": _base64,
    "base64, 1 before": lambda value: _base64(value, "u:"),
    "base64, 2 before": lambda value: _base64(value, "u"),
    "base64, safe for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 in lines": lambda value: _lines(_base64(value), "\n"),
    "base64 in lines in JSON": lambda value: _lines(_base64(value), "\\n"),
    "base64 in lines in a shell": lambda value: _lines(_base64(value), "\\\n"),
    "base64 in percent": lambda value: urllib.parse.quote(_base64(value), safe=""),
    "indented": lambda value: "\n    ".join(textwrap.wrap(value, 30) or [value]),
}
"""What a program's documentation says that it writes."""


PROGRAMS["rules"] = lambda value: {name: rule(value) for name, rule in RULES.items()}
QUICK = tuple(program for program in PROGRAMS if program != "java")
"""Java takes a second to start."""


def written(value: str, programs: Iterable[str] = QUICK) -> dict[str, str]:
    """Return ``value`` as those of ``programs`` that are here write it."""
    return {
        f"{program}, {name}": text
        for program in programs
        if program == "rules" or shutil.which(program)
        for name, text in PROGRAMS[program](value).items()
    }


def _signs(alphabet: str, least: int, most: int) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(alphabet, k=chance.randint(least, most)))


_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "23456789"
_PRINTABLE = "".join(map(chr, range(33, 127)))
_OTHERS = "éüñßøžłčдашифр密碼秘密パスワードकुंजीمفتاح😀🚀👩🎉"
_WORDS = ("correct", "horse", "battery", "staple", "winter", "tomato", "violet", "engine")
KINDS: Mapping[str, Callable[[random.Random], str]] = {
    "token": _signs(_LETTERS + _DIGITS, 20, 40),
    "hex": _signs("0123456789abcdef", 32, 64),
    "short password": _signs(_PRINTABLE, 8, 12),
    "password": _signs(_PRINTABLE, 20, 60),
    "base64": lambda chance: base64.b64encode(chance.randbytes(chance.randint(16, 64))).decode(),
    "words": lambda chance: " ".join(chance.choices(_WORDS, k=4)),
    "other scripts": _signs(_OTHERS + _LETTERS, 10, 30),
    "lines": lambda chance: "\n".join(_signs(_PRINTABLE, 12, 40)(chance) for _ in range(3)),
    "address": lambda chance: (
        f"postgres://app:{_signs(_LETTERS + '!$&*+,', 12, 20)(chance)}@db:5432/app?a=1&b=2"
    ),
}
