"""The sandbox of a run that failed before its agent started: it has the reason."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from mogplex_ci.errors import MogplexError
from mogplex_ci.models import Run, Sandbox
from mogplex_ci.run.endings import failed_in_sandbox
from mogplex_ci.run.result import Ending
from mogplex_ci.run.service import MIN_REQUEST_SECONDS, Service
from mogplex_ci.run.updates import InstallLog
from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")
SANDBOX_SECONDS: Final = 10.0
"""How long to look for the sandbox and for its log."""
_NEVER_READY: Final = r"Sandbox (?P<id>[0-9A-Fa-f-]{36}) did not become ready"
"""How the service names the sandbox that a launch waited for (Mogplex/mogplex,
lib/sandbox/internal-launch.ts).
"""


def with_words_of_sandbox(failed: Ending, run: Run, service: Service) -> Ending:
    """Return the ending of a run that failed before its sandbox was ready, with the sandbox's own
    error, and report the log of its installation. What cannot be read is left out.

    Raises:
        StopRequested: a stop signal came.
    """
    ends = service.now + SANDBOX_SECONDS
    sandbox = _find_sandbox(run, service, ends)
    if sandbox is None:
        return failed_in_sandbox(failed, None, has_log=False)
    log = _install_log(sandbox, service, ends)
    if log is not None:
        service.say(InstallLog(log))
    return failed_in_sandbox(failed, sandbox.error, has_log=log is not None)


def _find_sandbox(run: Run, service: Service, ends: float) -> Sandbox | None:
    if run.repo_id is None or run.never_queued:
        return None
    repo_id = run.repo_id.text
    listed = _read_once(
        service, lambda left: service.client.sandboxes(repo_id=repo_id, timeout=left), ends
    )
    return sandbox_of(run, listed or [])


def _install_log(sandbox: Sandbox, service: Service, ends: float) -> Untrusted | None:
    log = _read_once(
        service, lambda left: service.client.install_log(sandbox.id, timeout=left), ends
    )
    if log is None or not log.text.strip():
        return None
    return log


def _read_once(service: Service, call: Callable[[float], T], ends: float) -> T | None:
    """Return the result of one request until the time ``ends``; None if it fails."""
    # The run has failed anyway, and its own error is reported.
    with suppress(MogplexError), service.stop.interrupting():
        return call(max(min(ends, service.deadline) - service.now, MIN_REQUEST_SECONDS))
    return None


def sandbox_of(run: Run, listed: Sequence[Sandbox]) -> Sandbox | None:
    """Return the sandbox of a failed run among those of its repository; None if it cannot be
    identified.

    The run object names a sandbox only once it was set up. One that failed is known by the run's
    own branch and by its time; many runs share the base branch.
    """
    named = run.sandbox_record_id.text if run.sandbox_record_id else None
    in_error = re.search(_NEVER_READY, run.error.text) if run.error else None
    if in_error:
        named = in_error["id"]
    if named is not None:
        return next((each for each in listed if each.id.lower() == named.lower()), None)
    began = run.created_at
    if began is None or not run.has_own_branch:
        return None
    same = [
        each
        for each in listed
        if each.working_branch == run.working_branch
        and each.created_at is not None
        and each.created_at >= began
    ]
    return same[0] if len(same) == 1 else None
