"""Who inspects the runs of one task, from before the first start to the last round."""

from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import GATES
from mogplex_ci.gates.baseline import Baseline, Notary
from mogplex_ci.gates.candidate import Candidate, with_commit
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding
from mogplex_ci.gates.queries import Queries, Sources
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.delivery import Delivery
from mogplex_ci.run.result import RunDetails
from mogplex_ci.run.updates import Started, Starting, Update


class Inspector:
    """Notes the baseline, then builds the inspection of each run that succeeded."""

    def __init__(self, inputs: ActionInputs, sources: Sources) -> None:
        """GitHub is queried if a gate or ``repair`` needs it."""
        self.inputs = inputs
        self.sources = sources
        gates = [kind for kind in GATES if kind.name in inputs.gates]
        asks_github = inputs.repair > 0 or any(kind.needs for kind in gates)
        has_token = inputs.github_token is not None
        self.queries = Queries(sources, is_needed=asks_github, has_token=has_token)
        self.baseline = Baseline()
        self.inspection: Inspection | None = None
        """That of the newest run; None before it succeeded."""
        self._notary = Notary(inputs, sources, self.queries)
        self._round = 0
        self._has_started = False
        self._had_ended = False

    def close(self) -> None:
        """Give GitHub's connections back."""
        self.queries.close()

    def watch(self, update: Update) -> None:
        """Note the baseline before the first run works; that of a retry or a later round stays."""
        match update:
            case Starting():
                self.queries.connect(update.repo)
                github = self.queries.github
                if github is not None and self._round == 0 and self.baseline.since is None:
                    self.baseline = self._notary.before_start(github, update.repo)
            case Started():
                was_there = update.joined or update.may_be_earlier
                self._had_ended = was_there and update.run.is_terminal
                if self._has_started:
                    return
                self._has_started = True
                github = self.queries.github
                if was_there:
                    self.baseline = self.baseline.of_joined_run(self.inputs, update.run)
                elif github is not None:
                    self.baseline = self._notary.at_start(self.baseline, github, update.run)

    def inspect(self, details: RunDetails, failed_before: frozenset[str]) -> Inspection:
        """Return the inspection of a run that has succeeded. ``failed_before``: names of the checks
        that failed in earlier rounds.

        Raises:
            StopRequested: a stop signal came. There is no inspection then.
        """
        self._round += 1
        self.inspection = None
        branch = details.branch.text if details.branch else None
        self.baseline = self.baseline.with_branch_used(branch, details.run)
        self.queries.connect(details.repo)
        candidate = Candidate(details, branch, self._had_ended)
        github = self.queries.github
        if github is None:
            candidate = candidate._replace(commit=details.commit)
        else:
            candidate = self._delivered(candidate)
        self.inspection = Inspection(
            self.inputs,
            self.sources,
            self.queries,
            self.baseline,
            candidate,
            self._round,
            failed_before,
        )
        return self.inspection

    def learn(self, inspection: Inspection, finding: GateFinding) -> Inspection:
        """Keep a judge's facts; return the inspection with them."""
        self.inspection = inspection.after(finding)
        self.baseline = self.inspection.baseline
        return self.inspection

    @property
    def delivery(self) -> Delivery | None:
        """The newest run's delivery; None before it was inspected."""
        return None if self.inspection is None else self.inspection.delivery

    def _delivered(self, candidate: Candidate) -> Candidate:
        """Return the candidate with GitHub's facts about it."""
        queries = self.queries
        candidate = with_commit(candidate, self.inputs, self.baseline, queries)
        candidate = candidate._replace(known_at=self.sources.service.now)
        if candidate.commit_error is not None:
            return candidate
        if candidate.commit is not None:
            try:
                self.baseline = self._notary.from_activity(
                    self.baseline, candidate.branch, candidate.details.run
                )
            except GitHubError as error:
                candidate = candidate._replace(changes=error)
            else:
                candidate = candidate.with_changes(self.baseline, queries)
        return candidate.with_pull_requests(queries)
