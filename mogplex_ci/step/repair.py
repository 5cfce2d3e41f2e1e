"""The runs of a step with gates: the gates judge each, and with ``repair`` another round continues
a rejected one.

A round belongs to one attempt of the job: its key names the attempt, and its report is built once,
and kept until the run's id is known. A re-run judges the branch's tip and starts its own rounds.
"""

import contextlib
import re
from typing import Final

from mogplex_ci.gates import Case, judge_run, note, with_delivery
from mogplex_ci.gates.checks import failed_names
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import inputs as declared
from mogplex_ci.models import Repair, Repo
from mogplex_ci.run.endings import with_refused_push, without_further_round
from mogplex_ci.run.execution import Execution
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Ending, Result, Round, RunDetails, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import NextRound, Starting
from mogplex_ci.step.evidence import report_for_agent
from mogplex_ci.step.rights import require_rights_of_run
from mogplex_ci.step.step import Step

MIN_TIME: Final = 0.1
"""The part of ``timeout`` that must be left when a round is started."""
_PUSH_REFUSED: Final = r"\[rejected\]|Updates were rejected"
"""How git reports that the branch has commits which are not in the pushed one. A server's own
refusal is ``[remote rejected]`` (git's transport.c and builtin/push.c).
"""


class Rounds:
    """Executes the runs of one task, one after the other. Each but the first continues on the
    branch of the one before.
    """

    def __init__(self, plan: Plan, case: Case) -> None:
        """``plan`` is that of the first run."""
        self._plan = plan
        self._case = case
        self._execution = Execution(case.service, plan, before_start=self._before_start)
        self._rounds: list[Round] = []
        self._last: RunDetails | None = None
        """Of the last round that was judged."""
        self._is_rerun = False
        """Whether an earlier attempt of the job started the first run, or may have."""

    def perform(self) -> RunResult:
        """Execute runs until one is not rejected, or no other round may follow; return the result
        of the last one.

        Raises:
            StopRequested: a stop signal came while a run was judged.
        """
        with contextlib.closing(self._case):
            return self._perform()

    def _perform(self) -> RunResult:
        while True:
            result = judge_run(self._execute(), self._case)
            details = result.details
            if not self._case.inputs.repair:
                return result
            if not details.gates:  # it failed, paused, or was not started
                ending = self._with_refused_push(result.ending, details)
                return RunResult(ending, self._with_rounds(details))
            self._keep_round(details)
            if result.ending.result is not Result.REJECTED:
                return RunResult(result.ending, self._with_rounds(details))
            reason = self._reason_to_end()
            repair = self._repair(details)
            if not reason and not self._has_room(repair):
                reason = "the prompt leaves no room for the report"
            if reason:
                self._rounds[-1] = self._rounds[-1]._replace(ended=self._case.safe.message(reason))
                ending = without_further_round(result.ending, reason)
                return RunResult(ending, self._with_rounds(details))
            self._begin_round(details, repair)

    def _before_start(self, starting: Starting) -> None:
        """Check the token's rights, and note what the gates must know, before the first start."""
        if not self._case.is_noted:
            self._case.connect(starting.repo)
            require_rights_of_run(self._case)
            note(self._case, starting.repo)

    def _execute(self) -> RunResult:
        """Execute one run and return its result."""
        result = self._execution.perform()
        details = self._with_earlier_pull_request(result.details)
        if not self._rounds and details.run is not None:
            self._is_rerun = details.joined or details.may_be_earlier
            if self._is_rerun:
                self._case.joins(details.run)
        return result._replace(details=details)

    def details(self) -> RunDetails:
        """Return the known facts about the newest run and the rounds so far."""
        known = self._with_earlier_pull_request(self._execution.details())
        if self._case.details.run is not None:
            known = with_delivery(known, self._case)
        failed = tuple(gate for gate in self._case.gates if not gate.passed)
        return self._with_rounds(known._replace(gates=failed))

    def _keep_round(self, details: RunDetails) -> None:
        """Keep the gates' findings about a run. Checks that failed must succeed in later rounds."""
        case = self._case
        self._rounds.append(Round(details.run_id, details.commit, details.gates))
        self._last = details
        case.failed_before.update(failed_names([each.check for each in case.failed_checks]))

    def _begin_round(self, details: RunDetails, repair: Repair) -> None:
        """Prepare the next round."""
        number = len(self._rounds) + 1
        is_first_of_rerun = self._is_rerun and number == 2
        most = self._case.inputs.repair + 1
        faults = self._rounds[-1].faults
        self._case.say(NextRound(number, most, faults, begins_rerun=is_first_of_rerun))
        self._case.begin(RunDetails())
        # The key is this attempt's alone: no earlier one has a run under it.
        plan = self._plan._replace(
            inputs=self._plan.inputs._replace(on_rerun="auto"),
            key=self._plan.key.of_round(number),
            found=details.repo or self._plan.found,
            repair=repair,
        )
        self._execution = Execution(self._case.service, plan, before_start=self._before_start)

    def _with_earlier_pull_request(self, details: RunDetails) -> RunDetails:
        """Return the details of the newest run, with the pull request of the round before if its
        own events name none.
        """
        if self._last is None or details.pull_request_url is not None:
            return details
        return details._replace(pull_request_url=self._last.pull_request_url)

    def _with_rounds(self, details: RunDetails) -> RunDetails:
        """Return the details of the newest run with the rounds; if it was not started, those of
        the round before.
        """
        if details.run is None and self._last is not None:
            details = self._last._replace(
                requests_sent=details.requests_sent,
                left_behind=details.left_behind,
                unanswered_key=details.unanswered_key,
                not_cancelled=details.not_cancelled,
            )
        return details._replace(rounds=tuple(self._rounds))

    def _with_refused_push(self, ending: Ending, details: RunDetails) -> Ending:
        """Return the ending of a later round that failed, with the advice if its push was
        refused.
        """
        error = details.run.error if details.run is not None else None
        is_refused = error is not None and re.search(_PUSH_REFUSED, error.text) is not None
        if not self._rounds or ending.result is not Result.FAILED or not is_refused:
            return ending
        return with_refused_push(ending, self._case.branch)

    def _repair(self, details: RunDetails) -> Repair:
        """Return the next round's part of the request."""
        report = report_for_agent(
            self._rounds[-1].faults, self._case.safe, self._case.failed_checks
        )
        base = details.base_branch.text if details.base_branch is not None else ""
        return Repair(self._case.branch, base, report)

    def _has_room(self, repair: Repair) -> bool:
        """Whether the prompt has room for the report."""
        prompt = str(self._plan.inputs.start_request("", repair)["prompt"])
        return not declared()["prompt"].kind.fault(prompt)

    def _reason_to_end(self) -> str:
        """Return why no other round follows the last one, which was rejected; empty if one may."""
        case = self._case
        service = case.service
        timeout = case.inputs.timeout
        *earlier, last = self._rounds
        for gate in last.faults:
            if gate.is_for_people:
                return f"the agent cannot fix the gate {gate.name}"
        # Each round costs money: without a new commit the gates would find the same again.
        is_same_commit = bool(earlier) and last.commit == earlier[-1].commit
        if is_same_commit or any(gate.error_code == "NO_CHANGE" for gate in last.faults):
            return "the run pushed nothing, so another round would find the same"
        faults = report_for_agent(last.faults, case.safe)
        if any(faults == report_for_agent(other.faults, case.safe) for other in earlier):
            return "two rounds found the same faults"
        if len(self._rounds) > case.inputs.repair:
            return "all rounds are used up"
        # A run that a cancel at the deadline found ended is judged after it.
        if timeout - service.elapsed < MIN_TIME * timeout:
            return "less than a tenth of the timeout is left"
        # The service works on a branch of its own then (``Run.fallback_branch``).
        if case.pull_requests and not case.pull_requests[0].is_open:
            return (
                "the pull request is closed or merged, so another round would start from the base"
            )
        return ""


def rounds_of(step: Step, plan: Plan, service: Service) -> Rounds:
    """Return the rounds of the step's run."""
    inputs = plan.inputs
    recorder = step.recorder

    def connect(repo: Repo) -> GitHubApi | None:
        return None if inputs.dry_run else step.github(inputs, repo.full_name.text)

    case = Case(
        inputs,
        service,
        connect,
        recorder.safe,
        own_run=step.platform.workflow_run,
        servers=step.platform.github_servers,
    )
    return Rounds(plan, case)
