"""Changes of data files for `make mutants`: a line that is left out, or a key of a schema."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
_WORDS_ONLY: Final = frozenset({"description", "title", "$schema", "$comment", "examples"})
"""Keys of a schema that only people read."""

_DESCRIPTION: Final = re.compile(r"^( *)description:.*\n(?:\1 .*\n)*", re.MULTILINE)
"""The same in YAML, with the lines that it goes on."""


@dataclass(frozen=True, slots=True)
class DataMutant:
    """One line of a file is left out, or one key of a JSON file."""

    path: str
    """From the project's folder on."""
    line: int
    """Number of the line from 1; of a JSON file, the number of the key in the order of the file."""
    tests: tuple[str, ...]
    """The tests that are asked."""

    module: str = "data/"
    operator: str = "LeaveOut"

    @property
    def source(self) -> str:
        """The file without the change."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @property
    def mutated(self) -> str:
        """The file with the change."""
        return _without(self.path, self.source, self.line)

    @property
    def change(self) -> tuple[str, str]:
        """What is left out, and nothing."""
        if self.path.endswith(".json"):
            return _keys(json.loads(self.source))[self.line][0], ""
        return self.source.splitlines()[self.line - 1].strip(), ""


def draw_data(config: dict[str, Any], size: int, seed: int) -> list[DataMutant]:
    """Return ``size`` mutants of the files that ``[[data]]`` names, as many of each entry."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    entries = config["data"]
    drawn: list[DataMutant] = []
    for number, entry in enumerate(entries):
        found = list(_mutants_of(entry))
        some = (size + number) // len(entries)
        drawn += chance.sample(found, min(some, len(found)))
    return drawn


def _mutants_of(entry: dict[str, Any]) -> Iterator[DataMutant]:
    for path in sorted(ROOT.glob(entry["files"])):
        name = str(path.relative_to(ROOT))
        if any(fnmatch(name, pattern) for pattern in entry.get("without", ())):
            continue
        text = path.read_text(encoding="utf-8")
        words = _DESCRIPTION.sub(lambda found: "\n" * found[0].count("\n"), text)
        lines = enumerate(words.splitlines(), 1)
        places = [number for number, line in lines if _does_something(line)]
        if name.endswith(".json"):
            places = list(range(len(_keys(json.loads(text)))))
        for place in places:
            yield DataMutant(name, place, tuple(entry["tests"]))


def _does_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("#", "{#"))


def _keys(value: Any, where: str = "") -> list[tuple[str, Any, str]]:
    """Return the keys of a JSON value that do something: path, the object that has it, and key."""
    found: list[tuple[str, Any, str]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            says_nothing = key in _WORDS_ONLY or (key == "type" and "enum" in value)
            if not says_nothing or isinstance(item, dict):
                found.append((f"{where}/{key}", value, key))
            found += _keys(item, f"{where}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += _keys(item, f"{where}/{number}")
    return found


@cache
def _without(path: str, source: str, place: int) -> str:
    if not path.endswith(".json"):
        lines = source.splitlines(keepends=True)
        return "".join(lines[: place - 1] + lines[place:])
    value = json.loads(source)
    _, owner, key = _keys(value)[place]
    del owner[key]
    return json.dumps(value, indent=2, ensure_ascii=False)
