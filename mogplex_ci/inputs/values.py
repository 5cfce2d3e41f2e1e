"""How the text of an input becomes its value, where more than the text decides: files of the
workspace, and libraries that few steps need.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from mogplex_ci.dry_run.recording import RecordingError, load, shipped
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import (
    PROMPT_FILE_BYTES,
    check,
    enumeration,
    inputs,
    nearest,
)
from mogplex_ci.inputs.patterns import CheckPatterns, Patterns
from mogplex_ci.output_names import WRITTEN_BIT_BY_BIT
from mogplex_ci.platforms.base import Platform
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import MAX_SECONDS, bounded, stop_of_process
from mogplex_ci.workspace import (
    decode,
    folder_inside,
    inside,
    read_file,
    read_text,
    usable,
    writable,
)

_SCHEMA_BYTES: Final = 1_000_000
_ARTIFACT_FOLDER: Final = ".mogplex/artifacts/"
_STANDARD_INPUT: Final = "-"
"""As ``prompt-file``."""


def read_values(
    texts: Mapping[str, str], platform: Platform
) -> tuple[Mapping[str, Any], list[Problem]]:
    """Return the value of every input by name, and the faults of the texts and of the files that
    they name.

    A value is None if there is no text, or a wrong one.
    """
    values: dict[str, Any] = dict.fromkeys(inputs())
    problems = check(texts)
    wrong = {problem.input for problem in problems}
    for name, spec in inputs().items():
        text = texts.get(name, spec.default)
        if text is None or name in wrong:
            continue
        try:
            reader = _READERS.get(spec.kind.name)
            values[name] = spec.kind.value(text) if reader is None else reader(platform, text)
        except UsageError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(spec.kind.refused(name, text, str(error)))
    return values, problems


def artifact_path(name: str) -> str:
    """Return the path of the artifact ``NAME``, ``NAME.json`` or
    ``.mogplex/artifacts/NAME.json``.
    """
    stem = name.removeprefix(_ARTIFACT_FOLDER).removesuffix(".json")
    return f"{_ARTIFACT_FOLDER}{stem}.json"


def _read_prompt(platform: Platform, name: str) -> str:
    """Return the prompt in the file, which may be a variable that the system keeps in a file, or on
    standard input.

    Raises:
        UsageError: it cannot be read, or is not a prompt.
        StopRequested: a stop signal came while standard input was read.
    """
    text = _prompt_text(platform, name).strip()
    if not text:
        remedy = "Write the agent's task into it."
        raise UsageError(Problem("prompt-file", "is empty", remedy, Untrusted(name)))
    problem = inputs()["prompt"].kind.problem("prompt-file", text)
    if problem is not None:
        raise UsageError(problem._replace(got=Untrusted(name)))
    return text


def _prompt_text(platform: Platform, name: str) -> str:
    if name == _STANDARD_INPUT:
        content = _standard_input()
        return decode(content, name, input_name="prompt-file", max_bytes=PROMPT_FILE_BYTES)
    path = platform.prompt_variable(name)
    if path is None:
        path = inside(platform.workspace, name, input_name="prompt-file")
    return read_file(path, name, input_name="prompt-file", max_bytes=PROMPT_FILE_BYTES)


def _standard_input() -> bytes:
    """Return as much as a prompt may be long.

    Raises:
        UsageError: it cannot be read.
        StopRequested: a stop signal came: a person may be typing.
    """

    def read() -> bytes:
        # Not sys.stdin: while another thread reads that, Python cannot end.
        with open(0, "rb", closefd=False) as file:
            return file.read(PROMPT_FILE_BYTES + 1)

    try:
        with stop_of_process().interrupting():
            return bounded(read, MAX_SECONDS)
    except OSError as error:  # closed
        fault = f"cannot be read ({error.strerror})"
        problem = Problem("prompt-file", fault, "Name a file.", Untrusted(_STANDARD_INPUT))
        raise UsageError(problem) from error


_TEXT_OPTIONS: Final = ("conversationId", "workspaceSessionId", "worktreeId")
"""Fields of a start request that the service takes as text."""


def _run_options(text: str) -> Mapping[str, Any]:
    """Return the fields that are added to the start request.

    Raises:
        ValueError: it is not a YAML mapping.
        UsageError: it has a field that an input sets.
    """
    if not text:
        return {}
    options = _parsed_options(text)
    owners = {"repoId": "repo"}
    owners |= {spec.api_field: spec.name for spec in inputs().values() if spec.api_field}
    taken = [name for name in options if name in owners]
    if taken:
        fault = f"sets {enumeration(taken)}, which has its own input"
        remedy = f"Set {enumeration([owners[name] for name in taken])} instead."
        raise UsageError(Problem("run-options", fault, remedy))
    for name in _TEXT_OPTIONS:
        if options.get(name) is not None and not isinstance(options[name], str):
            # YAML takes digits for a number, and the service would store NULL, without a word.
            fault = f"has a {name} that is not a string"
            raise UsageError(Problem("run-options", fault, f'Quote it: {name}: "ID".'))
    return options


def _parsed_options(text: str) -> Mapping[str, Any]:
    """Return the YAML mapping in ``text``, with the values that JSON has.

    Raises:
        ValueError: it is something else.
    """
    options = None
    try:
        # An anchor can stand for any amount of text.
        has_anchor = any(getattr(event, "anchor", None) for event in yaml.parse(text))
        if not has_anchor:
            options = yaml.safe_load(text)
    # PyYAML lets other errors through, as for `!!int ""`, `!!bool x` and an escape of no character.
    except (yaml.YAMLError, ValueError, LookupError, OverflowError, RecursionError) as error:
        raise ValueError("is not YAML") from error
    if not isinstance(options, dict):
        raise ValueError("is not a YAML mapping without anchors")
    try:
        known: dict[str, Any] = json.loads(json.dumps(options, allow_nan=False))
    except (TypeError, ValueError) as error:  # a date, infinity, or bytes
        raise ValueError("has a value that JSON does not have, such as a date") from error
    return known


def _read_schema(platform: Platform, name: str) -> Mapping[str, Any]:
    """Return the JSON Schema in the file.

    Raises:
        ValueError: it is not a schema.
        UsageError: the file cannot be read.
    """
    from mogplex_ci.inputs.schema import schema_fault  # loads jsonschema, which few steps need

    text = read_text(
        platform.workspace, name, input_name="artifact-schema", max_bytes=_SCHEMA_BYTES
    )
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error
    if not isinstance(schema, dict):
        raise ValueError("is not a JSON object")
    fault = schema_fault(schema)
    if fault is not None:
        raise ValueError(fault)
    return schema


def _dry_run(platform: Platform, text: str) -> bool | str | Path:
    """Return whether it is a dry run: the name of a recording, or the path of one in the
    workspace, says which.

    Raises:
        UsageError: there is no such recording, or the file cannot be played.
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text in shipped():
        return text
    if "/" not in text and not Path(text).suffix:
        remedy = f"Use true, {enumeration(list(shipped()))}, or an events.ndjson in the workspace."
        near = nearest(text, shipped())
        raise UsageError(Problem("dry-run", "is not a recording", remedy, Untrusted(text), near))
    path = inside(platform.workspace, text, input_name="dry-run")
    try:
        with usable("dry-run", "read", path, text):
            load(path)
    except RecordingError as error:
        fault = f"cannot be played: {error}"
        remedy = "Use the events.ndjson that a step with output-dir has written."
        raise UsageError(Problem("dry-run", fault, remedy, Untrusted(text))) from error
    return path


def _output_dir(platform: Platform, name: str) -> Path:
    """Return the path of the folder. The files that are written bit by bit are created; the others
    appear when whole.

    Raises:
        UsageError: it is not in the workspace, or cannot be written.
    """
    folder_inside(platform.workspace, name, input_name="output-dir")
    files = [
        writable(platform.workspace, f"{name}/{file}", input_name="output-dir")
        for file in WRITTEN_BIT_BY_BIT
    ]
    return files[0].parent


_READERS: Final[Mapping[str, Callable[[Platform, str], object]]] = {
    "artifact": lambda _, text: artifact_path(text),
    "dry-run": _dry_run,
    "output-dir": _output_dir,
    "check-names": lambda _, text: CheckPatterns.parse(text),
    "patterns": lambda _, text: Patterns.parse(text),
    "prompt-file": _read_prompt,
    "run-options": lambda _, text: _run_options(text),
    "schema-file": _read_schema,
}
"""How a valid text becomes a value, by kind.

A reader raises ``ValueError`` with another fault of the text, or ``UsageError`` with better advice
than the kind's own.
"""
