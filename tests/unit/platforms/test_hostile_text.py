"""Whatever an agent writes, each CI system obeys exactly the commands that the platform means."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given

from mogplex_ci.platforms import PLATFORMS, detect
from mogplex_ci.platforms.base import Level, Place
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.ci_environments import environment
from tests.npm import node_environment, node_modules
from tests.oracles.ci_logs import READERS, Command, obeyed
from tests.safe_text import safe_text
from tests.unit.sanitize.hostile_text import COMMANDS, WORDS, hostile

SANITIZER = Sanitizer()
LEVELS = tuple(Level)


def said(name: str, text: str, folder: Path) -> str:
    """Return all that the platform prints when everything in it is ``text``."""
    stream = io.StringIO()
    (folder / "workspace").mkdir(exist_ok=True)
    platform = detect(environment(name, folder) | {"MOGPLEX_DEBUG": "1"}, stream)
    value = Untrusted(text)
    line, title = SANITIZER.line("[00:00] {}", value), SANITIZER.line("Agent {}", value)
    platform.line(line)
    platform.fold(title, SANITIZER.block(value))
    for level in LEVELS:
        path = SANITIZER.path(value)
        platform.annotate(level, title, line, Place(path, 7) if path else None)
    platform.debug(line)
    if (url := SANITIZER.url(value)) is not None:
        platform.link(title, url)
    platform.line(line)
    return stream.getvalue()


def names(commands: Iterable[Command]) -> list[str]:
    return [command.name for command in commands]


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", {kind: system.name for system, kind in PLATFORMS}.values())
def test_a_system_obeys_what_the_platform_means_and_nothing_else(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name, obeyed)
    meant = names(reader(said(name, "harmless", tmp_path)))
    assert bool(meant) == (name in READERS and name != "jenkins")

    @given(hostile)
    def check(text: str) -> None:
        assert names(reader(said(name, text, tmp_path))) == meant

    check()


_CORE = """
import * as core from '@actions/core'
let input = ''
for await (const chunk of process.stdin) input += chunk
for (const [title, message, secret] of JSON.parse(input)) {
  core.error(message, {title, file: 'src/a.ts', startLine: 7})
  core.startGroup(title)
  core.endGroup()
  core.setSecret(secret)
}
"""


@pytest.mark.node
def test_commands_are_escaped_as_the_toolkit_escapes_them() -> None:
    texts = [
        *(*COMMANDS, *WORDS, "".join(COMMANDS)),
        *("%25", "a%0Ab", "a:b,c", "\u2028", "a;b=c", "%3A%2C", "50% of 1,000: a"),
    ]
    stream = io.StringIO()
    platform = detect({"GITHUB_ACTIONS": "true"}, stream)
    given_to_core = []
    for text in texts:
        message, title = SANITIZER.line("It says {}", Untrusted(text)), SANITIZER.line("Agent {}", Untrusted(text))
        secret = f"first {text}\nsecond\r\nthird\rfourth"
        platform.annotate(Level.ERROR, title, message, Place(safe_text("src/a.ts"), 7))
        platform.fold(title, [])
        platform.mask(secret)
        given_to_core.append((title, message, secret))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _CORE],
        input=json.dumps(given_to_core),
        cwd=node_modules().parent,
        env=node_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert stream.getvalue() == done.stdout
