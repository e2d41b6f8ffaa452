"""Lets no request leave after a pause of the process before it is sure that this try is still the one.

A process that stood still (a paused machine, a frozen container) may have been given up for dead and replaced. What
it has ready to send is old by then: sent now, it would overwrite what its successor sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from airflow_provider_cdi.engine.ports import Fence
from airflow_provider_cdi.exceptions import CdiError, RetryLater, Superseded

#: Seconds between two looks of a process that runs; a longer gap is a pause. Airflow gives a task up after 300 s.
LONGEST_GAP = 5.0
#: Seconds between two attempts to confirm when Airflow does not answer, and how many there are.
CONFIRM_WAIT, CONFIRM_ATTEMPTS = 2.0, 5


class Sentry:
    """Notices pauses, and asks the fence after each one.

    :param fence: knows whether this try is still the one; None for a run that nobody can replace.
    :param elapsed: seconds that only grow, also while the machine is suspended.
    :param sleep: lets the others work meanwhile.
    """

    def __init__(
        self, fence: Fence | None, elapsed: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._fence = fence
        self._elapsed = elapsed
        self._sleep = sleep
        self._seen_at = elapsed()
        self._confirming = asyncio.Lock()
        self._error: CdiError | None = None

    def is_closed(self) -> bool:
        """Whether nothing may leave just now: there was a pause that nobody has asked about, or the try is over."""
        if self._fence is None:
            return False
        return self._error is not None or self._fence.is_lost or self._elapsed() - self._seen_at > LONGEST_GAP

    async def let_through(self) -> None:
        """Return when a request may leave.

        :raises Superseded: when another try has taken over.
        :raises RetryLater: when that cannot be found out.
        """
        while self.is_closed():
            await self._confirm()

    async def look(self) -> None:
        """Note that the process runs; called more often than every :data:`LONGEST_GAP` seconds.

        :raises Superseded: see :meth:`let_through`.
        :raises RetryLater: see :meth:`let_through`.
        """
        await self.let_through()
        self._seen_at = self._elapsed()

    async def _confirm(self) -> None:
        async with self._confirming:
            if self._error is not None:
                raise self._error
            if self._fence is None or not self.is_closed():
                return  # somebody else has asked meanwhile
            try:
                asked_at = await self._ask(self._fence)
            except CdiError as error:
                self._error = error
                raise
            # The moment before the question: a pause between the answer and now is one more pause.
            self._seen_at = asked_at

    async def _ask(self, fence: Fence) -> float:
        for attempt in range(1, CONFIRM_ATTEMPTS + 1):
            asked_at = self._elapsed()
            try:
                await fence.confirm()
            except Superseded:
                raise
            except RetryLater:
                if attempt == CONFIRM_ATTEMPTS:
                    raise
                await self._sleep(CONFIRM_WAIT)
            else:
                return asked_at
        raise AssertionError("the last attempt returns or raises")
