"""Cases that the golden logs do not show.

Annotations at a line of a file, links, escapes, diagnostics; and that each CI system obeys exactly
the commands that the platform means, whatever an agent writes.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from mogplex_ci.platforms import PLATFORMS, detect
from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.job_log import JobLog
from mogplex_ci.sanitize import Markdown, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.ci_environments import environment
from tests.npm import node_environment, node_modules
from tests.oracles.ci_logs import READERS, obeyed
from tests.safe_text import safe_text
from tests.unit.sanitize.hostile_text import COMMANDS, WORDS, hostile

SANITIZER = Sanitizer()
TEXT = safe_text("50% of [a]; 'b' | c, d: e")


def platform(name: str, folder: Path, **changes: str) -> tuple[Platform, io.StringIO]:
    (folder / "workspace").mkdir(exist_ok=True)
    stream = io.StringIO()
    return detect(environment(name, folder) | changes, stream), stream


PLAINLY = f"Agent: {TEXT}"


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("azure", Level.WARNING, f"WARNING: {PLAINLY}"),
        ("forgejo", Level.ERROR, f"ERROR: {PLAINLY}"),
        (
            "github",
            Level.NOTICE,
            "::notice title=Agent::50%25 of [a]; 'b' | c, d: e",
        ),
        ("gitlab", Level.NOTICE, f"\x1b[36mNOTICE: {PLAINLY}\x1b[0m"),
        ("gitlab", Level.WARNING, f"\x1b[33mWARNING: {PLAINLY}\x1b[0m"),
        ("gitlab", Level.ERROR, f"\x1b[31mERROR: {PLAINLY}\x1b[0m"),
    ],
)
def test_an_annotation(name: str, level: Level, expected: str, tmp_path: Path) -> None:
    system, stream = platform(name, tmp_path)
    system.annotate(level, safe_text("Agent"), TEXT)
    assert stream.getvalue() == f"{expected}\n"


def test_gitlab_shows_links_on_the_jobs_page(tmp_path: Path) -> None:
    system, _ = platform("gitlab", tmp_path, MOGPLEX_ANNOTATIONS_FILE="out/a.json")
    run = "https://mogplex.com/api/v1/mogplex/runs/r-1"
    system.link(safe_text("Mogplex run r-1"), safe_text(run))
    system.close()
    text = (tmp_path / "workspace" / "out" / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "Mogplex": [{"external_link": {"label": "Mogplex run r-1", "url": run}}]
    }


def test_forgejo_decodes_no_value_and_gets_none_encoded(tmp_path: Path) -> None:
    system, stream = platform("forgejo", tmp_path)
    system.fold(safe_text("50% done"), [])
    system.mask("100%\nsure")
    system.write_summary(Markdown.of("Done"))
    assert stream.getvalue().splitlines() == [
        "::group::50% done",
        "::endgroup::",
        "::add-mask::100%",
        "::add-mask::sure",
    ]
    assert not (tmp_path / "summary.md").exists()


def test_two_steps_of_a_gitlab_job_share_no_section(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        system, stream = platform("gitlab", tmp_path)
        for _ in range(2):
            system.fold(safe_text("Group"), [])
        names += [
            line.split(":")[2].split("[")[0]
            for line in stream.getvalue().split("\n")
            if "section_start" in line
        ]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("name", "switch", "expected"),
    [
        ("azure", {"SYSTEM_DEBUG": "true"}, "DEBUG: text\n"),
        ("github", {"RUNNER_DEBUG": "1"}, "::debug::text\n"),
        ("github", {"RUNNER_DEBUG": "0"}, ""),
        ("forgejo", {"RUNNER_DEBUG": "1"}, "DEBUG: text\n"),
        ("github", {"MOGPLEX_DEBUG": "1"}, "::debug::text\n"),
        ("gitlab", {"CI_DEBUG_TRACE": "true"}, "DEBUG: text\n"),
        ("jenkins", {"MOGPLEX_DEBUG": "1"}, "DEBUG: text\n"),
        ("jenkins", {}, ""),
    ],
)
def test_diagnostics_are_for_those_who_ask(
    name: str, switch: dict[str, str], expected: str, tmp_path: Path
) -> None:
    system, stream = platform(name, tmp_path, **switch)
    system.debug(safe_text("text"))
    assert stream.getvalue() == expected


def test_github_reads_outputs_and_summary_in_files_that_grow(tmp_path: Path) -> None:
    system, _ = platform("github", tmp_path)
    for status in ("running", "success"):
        system.set_outputs({"status": safe_text(status), "message": None})
        system.write_summary(Markdown.of("Run {}\n", safe_text(status)))
    written = (tmp_path / "output").read_text(encoding="utf-8")
    entries = re.findall(r"([a-z]+)<<(mogplex_[0-9a-f]{32})\n(.*)\n\2\n", written)
    assert [(name, value) for name, _, value in entries] == [
        ("status", "running"),
        ("message", ""),
        ("status", "success"),
        ("message", ""),
    ]
    assert len({delimiter for _, delimiter, _ in entries}) == 4
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "Run running\nRun success\n"


def commands(name: str, text: str, folder: Path) -> list[str]:
    """Return what the system obeys when everything in all that the platform prints is ``text``."""
    system, stream = platform(name, folder, MOGPLEX_DEBUG="1")
    value = Untrusted(text)
    line, title = SANITIZER.line("[00:00] {}", value), SANITIZER.line("Agent {}", value)
    system.line(line)
    system.fold(title, SANITIZER.block(value))
    for level in Level:
        system.annotate(level, title, line)
    system.debug(line)
    if (url := SANITIZER.url(value)) is not None:
        system.link(title, url)
    system.line(line)
    return [command.name for command in READERS.get(name, obeyed)(stream.getvalue())]


@pytest.mark.hypothesis
@pytest.mark.parametrize(
    "name", [system.name for system, _ in PLATFORMS if system.name in (*READERS, "plain")]
)
def test_a_system_obeys_what_the_platform_means_and_nothing_else(name: str, tmp_path: Path) -> None:
    meant = commands(name, "harmless", tmp_path)
    assert bool(meant) == (name in ("github", "forgejo", "gitlab"))

    @given(hostile)
    def check(text: str) -> None:
        assert commands(name, text, tmp_path) == meant

    check()


def test_a_log_that_cannot_be_polled_is_written_all_the_same() -> None:
    """As on Windows."""
    stream = io.StringIO()
    JobLog(stream, Stop()).write("✔ Run succeeded\n")
    assert stream.getvalue() == "✔ Run succeeded\n"


_CORE = """
import * as core from '@actions/core'
let input = ''
for await (const chunk of process.stdin) input += chunk
for (const [title, message, secret] of JSON.parse(input)) {
  core.error(message, {title})
  core.startGroup(title)
  core.endGroup()
  core.setSecret(secret)
}
"""


@pytest.mark.slow
@pytest.mark.node
def test_commands_are_escaped_as_the_toolkit_escapes_them() -> None:
    texts = [
        *COMMANDS,
        *WORDS,
        "".join(COMMANDS),
        "%25",
        "a%0Ab",
        "a:b,c",
        "\u2028",
        "a;b=c",
        "%3A%2C",
        "50% of 1,000: a",
    ]
    stream = io.StringIO()
    system = detect({"GITHUB_ACTIONS": "true"}, stream)
    given_to_core = []
    for text in texts:
        message, title = (
            SANITIZER.line("It says {}", Untrusted(text)),
            SANITIZER.line("Agent {}", Untrusted(text)),
        )
        secret = f"first {text}\nsecond\r\nthird\rfourth"
        system.annotate(Level.ERROR, title, message)
        system.fold(title, [])
        system.mask(secret)
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
