"""``python -m benchmarks.soak``: two hours in which everything goes wrong, and nothing may be lost.

Real processes follow 50 runs of an emulator of each generation, whose time runs 20 times as fast: a
step that follows one run for the whole time, and steps that come and go. Answers
fail, streams break, the service goes away, runs are started again, logs are read late or
never, jobs are cancelled, killed and run again, all as a seed says. What must hold is checked all
the while and for each step at its end. Exit 1 when something does not; the logs of such steps are
left in ``out/soak/``. ``--write`` puts the figures into benchmarks/figures.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import yaml

from benchmarks.figures import Figures, table_below
from benchmarks.tried_step import PARTLY, Try
from tests.emulator import Emulator
from tests.emulator.run import TERMINAL, Record, Run
from tests.faults.kinds import PASSING, PROXIES, STREAM_FAULTS, UNAUTHORIZED, Kind
from tests.program import ROOT
from tests.unit.sanitize.test_formats import SAMPLES

SPEED = 20.0
RUNS = 50
OUTAGES, BAD_STARTS = 5, 20
EVENT_SECONDS = 3.0
"""Real seconds between two rounds of about six events. The service lists 200, which a step that
polls must not miss.
"""
GROWTH = 1.0
"""MiB by which a process may grow between the second and the last fifth of the time, beside what it
keeps of events.
"""
KEPT = 1.5
"""KiB that it may keep of each event, for the summary and the report at the end."""
PAGE = 1.5
"""MiB for each run: after an outage all of them read a whole page at once, and the process keeps
that memory.
"""
PATIENCE = 150.0
"""Real seconds after the end in which the last steps end: one may have to find out that a stream is
silent.
"""
STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
LEFT_OUT = "lines left out here: nothing read the log"
PAGE_OF_FIGURES = "benchmarks/figures.md"
COMMAND = "python -m benchmarks.soak"
CODES = {"success": 0, "failed": 1, "cancelled": 1}
LEFT = ROOT / "out" / "soak"
ANSWERS = PASSING + PROXIES + UNAUTHORIZED
"""Possible answers once the API has answered."""
_MARKER = re.compile(r"marker (\d+) of ([0-9a-f-]{36})\.")


@dataclass(frozen=True)
class Plan:
    """The course of one step."""

    name: str
    begins: float
    """Real seconds after the beginning."""
    seconds: float
    """Real seconds that its run takes."""
    never_queued: bool
    """Whether the service fails to queue the first run."""
    old: bool
    """Whether it talks to the older service."""
    stop: signal.Signals | None
    stop_after: float
    """Real seconds after its beginning."""
    second: signal.Signals | None
    """A signal soon after the first one."""
    again: bool
    """Whether a killed step is run again; else ``post`` cleans up."""
    cleaned: bool
    """Whether ``post`` cleans up before that."""
    limited: bool
    """Whether the model's provider limits the run, which then fails."""
    on_rerun: str
    reader: str
    """The reader of the log: see ``Try``."""


class Soak:
    """All steps and both services."""

    def __init__(self, seed: int, hours: float, folder: Path) -> None:
        """``folder`` is for everybody's files."""
        self._random = Random(seed)  # noqa: S311  (not a secret)
        self._folder = folder
        self._seconds = hours * 3600 / SPEED
        self._secrets: defaultdict[str, list[str]] = defaultdict(list)
        """Pieces of the secrets that the events of a step hold, by the step's name."""
        self.broken: list[str] = []
        """The assertions that failed, in words."""
        self.counts: Counter[str] = Counter()
        self.memory: list[tuple[float, int]] = []
        """MiB of the process that lasts, and how many events its run had, about once a second."""
        self._at_work: set[str] = set()
        """Names of the steps that may have a run at work."""
        self._over = Event()
        self.plans = [self._plan(f"step-{number}") for number in range(RUNS - 1)]
        scripts = [*(self._write(plan) for plan in self.plans), self._write_long("long")]
        self.services = {
            api: Emulator(others=scripts, api=api, speed=SPEED, limits=False)
            for api in ("2026-11", "2026-08")
        }

    # What happens.

    def _plan(self, name: str) -> Plan:
        random = self._random
        seconds = random.uniform(300, 1500) / SPEED
        stop = random.choice([None, None, None, *STOPS, *[signal.SIGKILL] * 3])
        on_rerun = random.choice(["auto", "auto", "new"])
        old = random.random() < 0.3
        return Plan(
            name=name,
            begins=random.uniform(0.0, max(self._seconds - seconds, 0.0)),
            seconds=seconds,
            never_queued=random.random() < 0.1,
            old=old,
            stop=stop,
            stop_after=random.uniform(0.0, seconds),
            second=random.choice([None, *STOPS]),
            again=random.random() < 0.6,
            cleaned=on_rerun == "new" or random.random() < 0.3,  # else two runs would be at work
            limited=random.random() < 0.1,
            on_rerun=on_rerun,
            reader=random.choice(["file", "file", "file", "slow", *PARTLY]),
        )

    def _write(self, plan: Plan) -> Path:
        """Write the script of a step's run: numbered events with secrets, text in pieces, an end,
        and faults.
        """
        random = self._random
        count = int(plan.seconds / EVENT_SECONDS)
        steps: list[dict[str, Any]] = [{"after": random.uniform(5, 60), "status": "streaming"}]
        for number in range(1, count + 1):
            steps += self._event(plan.name, number, random.expovariate(1 / (EVENT_SECONDS * SPEED)))
        end = "failed"
        payload: dict[str, object] = {"exit_code": 1, "failure_code": "rate_limited"}
        if not plan.limited:
            end = random.choice(["success", "success", "success", "failed", "cancelled"])
            payload = {}
        steps += [
            {"event": {"success": "finished"}.get(end, end), "payload": payload},
            {"after": 0.5, "status": end},
        ]
        faults = [self._fault() for _ in range(random.randint(0, 6))]
        script: dict[str, Any] = {
            "steps": steps,
            "faults": faults,
            "ignored_cancels": random.choice([0, 0, 1, 2]),
        }
        if plan.never_queued:
            script["queue_failures"] = 1
        return self._save(plan.name, script)

    def _write_long(self, name: str) -> Path:
        """Write the script of a run that lasts all the time."""
        steps: list[dict[str, Any]] = [{"after": 20, "status": "streaming"}]
        for number in range(1, int(self._seconds / EVENT_SECONDS) + 1):
            steps += self._event(name, number, EVENT_SECONDS * SPEED * 0.9)
        breaks = [
            {"route": route, "skip": number, **self._gentle(self._random.choice(kinds))}
            for route, kinds in (("resume", STREAM_FAULTS), ("run", ANSWERS), ("events", ANSWERS))
            for number in range(0, 60, 3)
        ]
        closing = [{"route": "stream", "times": "always", "close": "200s"}]
        steps += [{"event": "finished"}, {"after": 0.5, "status": "success"}]
        return self._save(name, {"steps": steps, "faults": breaks + closing})

    def _event(self, name: str, number: int, after: float) -> Iterator[dict[str, Any]]:
        random = self._random
        sample = random.choice(SAMPLES)
        secret = sample.begin + sample.rest
        self._secrets[name].append(sample.rest[-10:])
        message = f"marker {number} of {{{{ run_id }}}}. deploy {secret} to the server"
        yield {
            "after": after,
            "event": "log",
            "message": message,
            "payload": {"output": f"{secret} " * 20},
        }
        yield {"after": 0.1, "tool_started": "Command", "call": f"call-{number}"}
        text, size = f"I deploy it with {secret} now.\n\n", random.randint(20, 60)
        yield {"after": 0.1, "text": text, "size": size, "every": 0.05}
        yield {"after": 0.1, "tool_finished": "Command", "call": f"call-{number}"}

    def _fault(self) -> dict[str, Any]:
        random = self._random
        if random.random() < 0.5:
            route, kind = random.choice(["stream", "resume"]), random.choice(STREAM_FAULTS)
        else:
            route, kind = (
                random.choice(["run", "events", "stream", "resume", "cancel"]),
                random.choice(ANSWERS),
            )
        return {
            "route": route,
            "skip": random.randint(0, 5),
            "times": random.randint(1, 3),
            **self._gentle(kind),
        }

    def _gentle(self, kind: Kind) -> dict[str, Any]:
        """Return the fields of a fault; the service asks for patience in its own time, which is
        fast.
        """
        self.counts["faults armed"] += 1
        return kind.fields | ({"headers": {"Retry-After": "3"}} if "headers" in kind.fields else {})

    def _save(self, name: str, script: dict[str, Any]) -> Path:
        path = self._folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(script), encoding="utf-8")
        return path

    def run(self) -> None:
        """Let everything happen, and check it."""
        for service in self.services.values():
            service.start()
        began = time.monotonic()
        watcher = Thread(target=self._watch)
        watcher.start()
        with ThreadPoolExecutor(len(self.plans) + 2) as pool:
            work = [pool.submit(self._follow_all_the_time, "long")]
            work += [pool.submit(self._disturb, began)]
            work += [pool.submit(self._live, plan, began) for plan in self.plans]
        self._over.set()
        watcher.join()
        for each in work:
            each.result()
        for service in self.services.values():
            self.counts["requests"] += len(service.requests)
            self.counts["runs"] += len(service.runs)
            service.stop()

    def _disturb(self, began: float) -> None:
        """Spoil answers to starts, and have both services go away now and then."""
        moments = [(self._random.uniform(0, self._seconds), "start") for _ in range(BAD_STARTS)]
        moments += [(self._random.uniform(0, self._seconds), "outage") for _ in range(OUTAGES)]
        for at, what in sorted(moments):
            time.sleep(max(began + at - time.monotonic(), 0))
            if what == "start":
                route = self._random.choice(["start", "start", "repos"])
                kind = self._random.choice(
                    PASSING if route == "repos" else ANSWERS
                )  # a page there is a wrong address
                for service in self.services.values():
                    service.inject(route, **self._gentle(kind))
                continue
            self.counts["outages"] += 1
            away: dict[str, Any] = self._random.choice([{"drop": True}, UNAUTHORIZED[0].fields])
            for service in self.services.values():
                service.inject("any", times="always", **away)
            time.sleep(self._random.uniform(3, 7))
            for service in self.services.values():
                service.clear_faults()

    # One step.

    def _live(self, plan: Plan, began: float) -> None:
        """Play one step from its first try to the clean-up, and check what came of it."""
        time.sleep(max(began + plan.begins - time.monotonic(), 0))
        service = self.services["2026-08" if plan.old else "2026-11"]
        self._at_work.add(plan.name)
        inputs = {
            "on-rerun": plan.on_rerun,
        }
        step = Try(self._folder / plan.name, service, plan.name, inputs=inputs, reader=plan.reader)
        self.counts["slow or lost readers"] += plan.reader != "file"
        interrupted = self._interrupt(plan, step)
        killed = interrupted and plan.stop is signal.SIGKILL
        code = self._wait(step)
        tries = [step]
        if killed and plan.again:
            self.counts["re-runs"] += 1
            if plan.cleaned and (cleaned := step.post()) != 0:
                self._fail(step, f"post exited with {cleaned}")
            folder = self._folder / f"{plan.name}-again"
            tries.append(
                Try(folder, service, plan.name, attempt=2, inputs=inputs, reader=plan.reader)
            )
            code = self._wait(tries[-1])
        cleaned = tries[-1].post()
        self._at_work.discard(plan.name)
        for each in tries:
            self._check_texts(each)
        runs = [run for run in service.runs if _is_of(run, plan.name)]
        self._check_runs(plan, tries, runs, whole=not interrupted)
        if not killed or plan.again:
            self._check_end(tries[-1], runs, code, plan if interrupted and not killed else None)
        if cleaned != 0:
            self._fail(tries[-1], f"post exited with {cleaned}")

    def _interrupt(self, plan: Plan, step: Try) -> bool:
        """Send the planned signals, if the step is still at work then; they may come before the
        first request.
        """
        if plan.stop is None:
            return False
        step.wait(plan.stop_after)
        while step.process.poll() is None and not step.handles_signals:  # the interpreter starts
            time.sleep(0.02)
        if step.process.poll() is not None:
            return False
        self.counts["signals" if plan.stop is not signal.SIGKILL else "kills"] += 1
        step.process.send_signal(plan.stop)
        if plan.second is not None and step.wait(plan.stop_after % 1.0) is None:
            self.counts["second signals"] += 1
            step.process.send_signal(plan.second)
        return True

    def _wait(self, step: Try) -> int:
        code = step.wait(self._seconds + PATIENCE)
        if code is None:
            self._fail(step, "did not end")
            step.process.kill()
            return step.process.wait()
        return code

    def _follow_all_the_time(self, name: str) -> None:
        """Follow a run to the end, and check it."""
        service = self.services["2026-11"]
        self._at_work.add(name)
        step = Try(self._folder / name, service, name)
        until = time.monotonic() + self._seconds + PATIENCE
        while time.monotonic() < until and step.wait(1.0) is None:
            events = sum(len(run.written()) for run in service.runs if _is_of(run, name))
            self.memory.append((_resident(step.process.pid), events))
        code = self._wait(step)
        self._at_work.discard(name)
        self._check_texts(step)
        runs = [run for run in service.runs if _is_of(run, name)]
        if len(runs) != 1:
            self._fail(step, f"started {len(runs)} runs")
        self._check_end(step, runs, code, None)

    def _watch(self) -> None:
        """Look every second for a run that nobody follows, and for a step with two runs."""
        while not self._over.wait(1.0):
            for service in self.services.values():
                live = [
                    run.prompt.split()[-1] for run in service.runs if run.status not in TERMINAL
                ]
                ended = [name for name in live if name not in self._at_work]
                twice = [name for name, number in Counter(live).items() if number > 1]
                self.broken += [
                    f"{name}: its run is at work, and the step is over" for name in ended
                ]
                self.broken += [f"{name}: two runs at once" for name in twice]
                self.counts["looks for runs left behind"] += 1

    def _check_texts(self, step: Try) -> None:
        """No secret, no traceback, nothing on stderr."""
        for path, text in step.texts():
            found = [secret for secret in self._secrets[step.name] if secret in text]
            if found:
                self._fail(
                    step, f"{path.name} holds pieces of {len(found)} secrets, such as {found[0]}"
                )
            if "Traceback" in text:
                self._fail(step, f"{path.name} holds a traceback")
            masked = text.replace(f"::add-mask::{step.service.token}\n", "")
            if step.service.token in masked:
                self._fail(step, f"{path.name} holds the token")
        if step.err:
            self._fail(step, f"wrote to stderr: {step.err[:200]}")

    def _check_runs(
        self, plan: Plan, tries: Sequence[Try], runs: Sequence[Run], *, whole: bool
    ) -> None:
        """One run for a key, another one only in place of a dead one or as asked for, and none at
        work.
        """
        if len({run.key for run in runs}) != len(runs):
            self._fail(tries[-1], "two runs with one key")
        dead = [
            run
            for run in runs[:-1]
            if plan.on_rerun == "new" or run.status in ("failed", "cancelled")
        ]
        # A start that was never queued is repeated once.
        most = 1 + plan.never_queued + len(tries) - 1
        if len(runs) > 1 + len(dead) or len(runs) > most or (whole and len(runs) < most):
            self._fail(
                tries[-1], f"{len(runs)} runs of {most}: {', '.join(run.status for run in runs)}"
            )
        left = [run for run in runs if run.status not in TERMINAL]
        if left:
            self._fail(tries[-1], f"left {len(left)} runs behind")

    def _check_end(self, step: Try, runs: Sequence[Run], code: int, stopped: Plan | None) -> None:
        """The exit code is the run's, or that of the signal that ``stopped`` it; and its events
        were shown.
        """
        codes = {CODES[run.status] for run in runs[-1:] if run.status in CODES}
        if stopped and stopped.stop:
            codes.add(128 + stopped.stop)
            if step.has_result:  # a signal that meets the interpreter while it shuts down kills it
                codes |= {-number for number in (stopped.stop, stopped.second) if number}
        if code not in codes:
            status = runs[-1].status if runs else "no run"
            self._fail(
                step, f"exited with {code}, {status}, {stopped.stop if stopped else 'no signal'}"
            )
        for run in runs:
            is_last = run is runs[-1]
            if (
                is_last or step.attempt == 1 or f" of {run.id}." in step.out
            ):  # a re-run skips runs that are dead
                self._check_events(
                    step,
                    run,
                    step.out,
                    cut=step.reader in PARTLY or (is_last and stopped is not None),
                )

    def _check_events(self, step: Try, run: Run, log: str, *, cut: bool = False) -> None:
        """Every event is shown once and in order, to the end unless the log was ``cut`` short."""
        shown = [int(number) for number, of in _MARKER.findall(log) if of == run.id]
        written = _numbers(run, run.written())
        if step.reader not in PARTLY:
            self.counts["numbered events"] += len(written)
            self.counts["numbered events shown"] += len(shown)
        expected = written[: len(shown)] if cut else written
        if cut and LEFT_OUT in log:
            expected = [number for number in written if number in shown]
        if shown != expected:
            missing, twice = sorted(set(expected) - set(shown)), len(shown) - len(set(shown))
            self._fail(
                step, f"{len(shown)} of {len(written)} events; missing {missing[:9]}, {twice} twice"
            )

    def figures(self) -> dict[str, str]:
        """Return what happened, and how the processes that last grew: by what they keep of each
        event, and no more.
        """
        kinds = ["runs", "signals", "second signals", "kills", "re-runs", "outages", "faults armed"]
        others = ["slow or lost readers"]
        rows = {
            ", ".join(names): ", ".join(f"{self.counts[each]:,}" for each in names)
            for names in (kinds, others)
        }
        events = [f"{self.counts[each]:,}" for each in ("numbered events", "numbered events shown")]
        rows["numbered events in complete logs, of which shown (stopped steps miss the others)"] = (
            ", ".join(events)
        )
        (early, few), (late, many) = _early_and_late(self.memory)
        rows["memory of a step, one run"] = (
            f"{early:.1f} MiB after {few:,.0f} events, {late:.1f} MiB after {many:,.0f}, "
            f"at most {max(self.memory)[0]:.1f} MiB"
        )
        if late - early > GROWTH + PAGE + KEPT / 1024 * (many - few):
            self.broken.append("memory of a step grows")
        broken = Counter(self.broken).items()
        told = [f"{what} ({times} times)" if times > 1 else what for what, times in broken]
        return rows | {"failed checks": "; ".join(told) or "none"}

    def _fail(self, step: Try, what: str) -> None:
        self.broken.append(f"{step.folder.name}: {what}")
        shutil.copytree(step.folder, LEFT / step.folder.name, dirs_exist_ok=True)


def _is_of(run: Run, name: str) -> bool:
    return run.prompt.split()[-1] == name


def _numbers(run: Run, records: Sequence[Record]) -> list[int]:
    """Return the numbers that these events carry."""
    found = _MARKER.findall("\n".join(run.present(record)["message"] or "" for record in records))
    return [int(number) for number, _ in found]


def _resident(pid: int) -> float:
    """Return the MiB of a process that are in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return float(found[1]) / 1024 if found else 0.0


def _early_and_late(samples: Sequence[tuple[float, int]]) -> Iterator[tuple[float, float]]:
    """Return the medians of the second and the last fifth."""
    fifth = max(len(samples) // 5, 1)
    for part in (samples[fifth : 2 * fifth], samples[-fifth:]):
        yield (
            statistics.median(memory for memory, _ in part),
            statistics.median(events for _, events in part),
        )


def main() -> int:
    """Run it as the arguments say, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what goes wrong, and when (default 1)")
    parser.add_argument(
        "--hours", type=float, default=2.0, help=f"of the service's time, {SPEED:g} times as fast"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the figures into benchmarks/figures.md"
    )
    arguments = parser.parse_args()
    # What ignores SIGHUP hands that on to the steps that it starts: nohup does.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    shutil.rmtree(LEFT, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments.seed, arguments.hours, Path(folder))
        began = time.monotonic()
        soak.run()
        took = time.monotonic() - began
    print(f"seed {arguments.seed}: {arguments.hours:g} hours in {took / 60:.1f} minutes")
    print(", ".join(f"{number:,} {what}" for what, number in sorted(soak.counts.items())))
    figures = soak.figures()
    for what, figure in figures.items():
        print(f"{what}: {figure}")
    if arguments.write:
        _write(arguments.seed, figures)
    print("everything held" if not soak.broken else f"logs: {LEFT.relative_to(ROOT)}")
    return 1 if soak.broken else 0


def _write(seed: int, figures: Mapping[str, str]) -> None:
    """Put the figures into the column of ``seed`` of the page's table."""
    table = table_below((ROOT / PAGE_OF_FIGURES).read_text(encoding="utf-8"), COMMAND)
    head, _, *rows = [
        [cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()
    ]
    column = head.index(f"`SEED={seed}`")
    old = {row[0]: row for row in rows}
    lines = [head, ["---"] * len(head)]
    for what, figure in figures.items():
        row = old.get(what, [what, *["–"] * (len(head) - 1)])
        lines.append([*row[:column], figure, *row[column + 1 :]])
    written = [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines]
    Figures(COMMAND).write(tables={PAGE_OF_FIGURES: written})


if __name__ == "__main__":
    sys.exit(main())
