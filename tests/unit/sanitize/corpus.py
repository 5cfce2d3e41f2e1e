"""Harmless lines from what is on the machine: sources of the standard library and of packages, and their lock files."""

from __future__ import annotations

import gzip
import subprocess
import sysconfig
import tempfile
import zlib
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from mogplex_ci.sanitize import Sanitizer

CHUNK = 400
"""Lines that are read at once, as those of an event."""
_SUFFIXES = frozenset(
    {".c", ".cfg", ".css", ".go", ".h", ".html", ".ini", ".js", ".json", ".md", ".mjs", ".php", ".py"}
)
_MORE_SUFFIXES = frozenset({".pyi", ".rb", ".rs", ".rst", ".sh", ".toml", ".ts", ".txt", ".xml", ".yaml", ".yml"})
_LONGEST = 1_000
"""Characters; longer lines are data or minified."""


def standard_library() -> Iterator[Path]:
    """Return the sources of Python's standard library without its tests, which hold passwords and keys of tests."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if "site-packages" not in parts and not {"test", "tests", "idlelib"} & set(parts):
            yield path


def packages() -> Iterator[Path]:
    """Return the sources and texts of the installed packages, of other languages too."""
    for distribution in sorted(distributions(), key=lambda one: one.name):
        for file in distribution.files or ():
            path = Path(str(file.locate()))
            if path.suffix in _SUFFIXES | _MORE_SUFFIXES and not _is_about_secrets(path):
                yield path


def lock_files() -> Iterator[Path]:
    """Return lock files of package managers anywhere in the checkout and below ``node_modules``."""
    names = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.lock", "go.sum", "composer.lock", "poetry.lock")
    root = Path(__file__).parents[3]
    for name in (*names, "uv.lock", "requirements/*.txt", ".package-lock.json"):
        yield from sorted(root.rglob(name))


def documents() -> Iterator[Path]:
    """Return what the machine's packages say about themselves."""
    yield from (path for path in sorted(Path("/usr/share/doc").rglob("*")) if path.is_file())


def headers() -> Iterator[Path]:
    """Return the headers of C and C++."""
    yield from sorted(Path("/usr/include").rglob("*.h"))


def logs() -> Iterator[Path]:
    """Return the history of the checkout: messages and names of files. Its changes are about secrets."""
    command = ["git", "-C", str(Path(__file__).parent), "log", "--stat"]
    log = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".log", encoding="utf-8") as file:
        file.write(log)
        file.flush()
        yield Path(file.name)


CORPORA: dict[str, Callable[[], Iterator[Path]]] = {
    "lock files": lock_files,
    "Python's standard library": standard_library,
    "/usr/share/doc": documents,
    "C headers": headers,
    "git log": logs,
    "installed packages": packages,
}
"""Harmless lines by where they come from; a corpus that the machine lacks is empty."""


def _is_about_secrets(path: Path) -> bool:
    return any(word in part for part in path.parts for word in ("betterleaks", "detect_secrets", "test", "certifi"))


def lines(paths: Iterator[Path], limit: int | None = None) -> Iterator[str]:
    """Return the lines of ``paths``, at most ``limit``."""
    count = 0
    for path in paths:
        try:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            text = raw.decode(errors="strict" if path.suffix != ".log" else "replace")
        except (OSError, UnicodeDecodeError, EOFError, zlib.error):
            continue
        for line in text.splitlines():
            if len(line) <= _LONGEST and line.isprintable() and "***" not in line:
                yield line
                count += 1
                if count == limit:
                    return


def changed(sanitizer: Sanitizer, harmless: list[str]) -> list[tuple[str, str]]:
    """Return the lines in which something was masked, as they were and as they are shown."""
    found: list[tuple[str, str]] = []
    for at in range(0, len(harmless), CHUNK):
        chunk = harmless[at : at + CHUNK]
        shown = sanitizer.clean("\n".join(chunk), limit=CHUNK * (_LONGEST + 1))
        if "***" in shown:
            found += [(one, other) for one in chunk if "***" in (other := sanitizer.clean(one))]
            found += _across(sanitizer, chunk) if not any("***" in sanitizer.clean(one) for one in chunk) else []
    return found


def _across(sanitizer: Sanitizer, chunk: list[str]) -> list[tuple[str, str]]:
    """Return the line before a mask that covers several lines, and what stands there instead."""
    shown = sanitizer.clean("\n".join(chunk), limit=CHUNK * (_LONGEST + 1)).splitlines()
    at = next(at for at, line in enumerate(shown) if "***" in line)
    return [(chunk[at], shown[at])]
