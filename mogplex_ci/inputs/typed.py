"""The inputs of a step. Written by `make docs` from schemas/inputs.schema.json; change that."""

# No `from __future__ import annotations`, as in models.py.

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mogplex_ci.inputs.patterns import CheckPatterns, Patterns


class DeclaredInputs(NamedTuple):
    """A field for each input with a typed value. Durations are in seconds; None means not given."""

    api_key: str | None
    base_url: str
    prompt: str
    include_event: bool
    repo: str | None
    branch: str | None
    base_branch: str | None
    create_branch: bool | None
    root_directory: str | None
    harness: Literal["codex", "claude-code", "mogplex"] | None
    mode: Literal["safe", "auto", "yolo"] | None
    agent: str | None
    run_options: Mapping[str, Any]
    run_id: str | None
    timeout: float
    on_timeout: Literal["detach", "cancel"]
    on_interrupt: Literal["cancel", "detach"]
    on_pause: Literal["detach", "cancel"]
    on_rerun: Literal["auto", "new"]
    wait: bool
    idempotency_key: str | None
    key_suffix: str
    require: frozenset[str]
    allowed_paths: Patterns | None
    protected_paths: Patterns | None
    append_only_paths: Patterns | None
    checks: CheckPatterns | None
    artifact: str | None
    artifact_schema: Mapping[str, Any] | None
    repair: int
    github_token: str | None
    allowed_users: frozenset[str]
    allowed_bots: frozenset[str]
    on_blocked: Literal["fail", "skip"]
    output_dir: Path | None
    annotations: Literal["all", "errors", "none"]
    summary: bool
    comment_on: int | None
    dry_run: bool | str | Path
    job_context: Mapping[str, Any]
    poll_interval: float
