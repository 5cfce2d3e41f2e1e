"""One call of a command for people: its console, its client of the API, and how errors and signals end it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.commands.console import Console
from mogplex_ci.durations import format_duration
from mogplex_ci.errors import MogplexError, NotAuthorizedError, UsageError
from mogplex_ci.inputs.schema import inputs
from mogplex_ci.run.clock import SystemClock
from mogplex_ci.run.happenings import Waiting
from mogplex_ci.run.stop import StopRequested, stop_of_process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from mogplex_ci.api.client import Client
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.persist import Persistence

PATIENCE: Final = 30.0
"""Seconds in which a failed request is sent again. A rate limit asks to wait longer, and ends the command at once."""
Result = TypeVar("Result")


class Session:
    """What a command works with."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Take the process environment: the token and the service's address come from it."""
        self._env = env
        self.console = Console(env)
        self.stop = stop_of_process()
        self.clock = SystemClock()

    @cached_property
    def client(self) -> Client:
        """The client of the API; made when it is first needed, for wrong arguments need none.

        Raises:
            NotAuthorizedError: there is no token.
            UsageError: the token or the address cannot be used.
        """
        token = self._setting("api-key")
        url = self._setting("base-url", token)
        if not token:
            raise NotAuthorizedError("MOGPLEX_API_KEY is not set", code="UNAUTHORIZED", http_status=0)
        from mogplex_ci.api.client import Client  # brings the HTTP stack

        return Client(url, token)

    @property
    def persistence(self) -> Persistence:
        """What makes calls until they are answered."""
        from mogplex_ci.run.persist import Persistence  # brings the HTTP stack

        return Persistence(clock=self.clock, stop=self.stop, sharers=1)

    def ask(self, call: Callable[[float], Result], *, patience: float = PATIENCE) -> Result:
        """Return what ``call`` returns; it is given the seconds it may take, and made again while it fails.

        Raises:
            MogplexError: an error that will not pass within ``patience`` seconds.
            StopRequested: a stop signal came.
        """
        return self.hear(self.persistence.answer(call, self.clock.monotonic() + patience))

    def hear(self, work: Generator[Happening, None, Result]) -> Result:
        """Do ``work`` to its end, say what it waits for, and return its result."""
        while True:
            try:
                happening = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result
            if isinstance(happening, Waiting):
                cause, seconds = happening.error.cause, format_duration(happening.seconds)
                self.console.warn("{}; trying again in {}", cause, seconds)

    def close(self) -> None:
        """Give the connections back."""
        if "client" in self.__dict__:
            self.client.close()

    def _setting(self, name: str, token: str = "") -> str:
        """Return the input ``name`` as the environment gives it beside ``token``, checked like the action's."""
        spec = inputs()[name]
        given = ((variable, self._env.get(variable, "").strip()) for variable in spec.variables)
        variable, text = next(((variable, text) for variable, text in given if text), ("", spec.default or ""))
        problem = spec.problem(text, token=token) if text else None
        if problem is not None:
            raise UsageError(replace(problem, input=variable))
        return text


def perform(env: Mapping[str, str], work: Callable[[Session], int]) -> int:
    """Do ``work`` and return its exit code, or that of the error or signal that ended it."""
    session = Session(env)
    try:
        return work(session)
    except MogplexError as error:
        session.console.error(error)
        return error.exit_code
    except StopRequested:
        return session.stop.exit_code
    finally:
        session.close()
