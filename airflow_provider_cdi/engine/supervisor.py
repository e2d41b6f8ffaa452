"""The tasks of a run: whatever goes wrong in any of them becomes the run's failure, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow_provider_cdi.engine.clean_up import note
from airflow_provider_cdi.engine.reading.read_ahead import LONGEST_GOODBYE
from airflow_provider_cdi.exceptions import CdiError, Interrupted, RetryLater

#: What a task of the run does.
Work = Callable[[], Coroutine[Any, Any, None]]

TOLD_TO_END = "The task was told to end. What was acknowledged is saved; a new try goes on from there."


class Supervisor:
    """Starts the tasks of a run and keeps the first error of any of them. asyncio alone would only log it.

    :param wind_down: ends what no task ends by itself; started once, with that error.
    """

    def __init__(self, wind_down: Callable[[BaseException], Coroutine[Any, Any, None]]) -> None:
        self._wind_down = wind_down
        self._winding_down: asyncio.Task[None] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._has_cancelled_main = False
        #: The first error; None while all is well.
        self.failure: BaseException | None = None

    def start(self, work: Work) -> asyncio.Task[None]:
        """Start a task of the run."""
        return asyncio.create_task(self._supervised(work))

    @contextmanager
    def main(self, beside: Work) -> Iterator[None]:
        """Take the body for what all tasks of the run work for: it is cancelled when any of them fails.

        What it raises is the run's failure too, and goes no further.

        :param beside: what another task does meanwhile.
        """
        self._main = task = asyncio.current_task()
        helper = self.start(beside)
        try:
            yield
        except BaseException as error:  # a signal may have raised it just here
            self._main = None
            self.fail(Interrupted(TOLD_TO_END) if _is_asked_for(error) else error)
        finally:
            self._main = None
            helper.cancel()
            if task is not None and self._has_cancelled_main:
                task.uncancel()

    def fail(self, error: BaseException) -> None:
        """End the run with an error, or note it beside the first one."""
        if isinstance(error, asyncio.CancelledError):
            error = RetryLater("A part of the run was cancelled by nobody; a new try goes on at the last checkpoint.")
        if self.failure is not None:
            if not isinstance(error, CdiError):  # ours tell the same once more, each of those who were sending
                note(self.failure, "another part of the run failed", error)
            return
        self.failure = error
        if self._main is not None:
            self._has_cancelled_main = self._main.cancel()
        self._winding_down = asyncio.create_task(self._wind_down(error))

    async def until_wound_down(self) -> None:
        """Wait a moment for what was started with the failure, if there was one."""
        if self._winding_down is not None:
            await still_running([self._winding_down], LONGEST_GOODBYE)

    @contextmanager
    def loose_errors_taken(self) -> Iterator[None]:
        """Let what a signal raises inside the event loop itself, between two tasks, end the run too."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()

        def take(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, BaseException) and not isinstance(error, Exception):
                self.fail(error)
            (before or _tell)(loop, context)

        loop.set_exception_handler(take)
        try:
            yield
        finally:
            loop.set_exception_handler(before)

    async def _supervised(self, work: Work) -> None:
        try:
            await work()
        except BaseException as error:  # Airflow's time-out of a task too: a signal raises it wherever we are
            if _is_asked_for(error):
                raise
            self.fail(error)


def _is_asked_for(error: BaseException) -> bool:
    """Whether an error is the end of the current task that somebody has asked for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


async def still_running(tasks: Sequence[asyncio.Task[None]], seconds: float) -> set[asyncio.Task[None]]:
    """Wait for tasks for a while, and return those that have not ended."""
    if not tasks:
        return set()
    _, late = await asyncio.wait(tasks, timeout=seconds)
    return late


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)
