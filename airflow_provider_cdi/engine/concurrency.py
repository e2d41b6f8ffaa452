"""Concurrency: how many requests are in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from airflow_provider_cdi.engine.flight_limit import FlightLimit
from airflow_provider_cdi.engine.ports import Clock

#: More are of little use: 1,000 requests a second, Braze's usual limit, need 256 at a delay of a quarter of a second.
MOST = 256


class Concurrency:
    """Lets as many requests be in flight as the delay needs and no more; the others wait in their order.

    :param clock: where time comes from.
    :param most: requests that are ever in flight at once.
    """

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._law = FlightLimit(clock, most)
        self._waiting: deque[asyncio.Future[float]] = deque()
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._law.limit

    @property
    def waiting(self) -> int:
        """How many requests wait until they may be sent."""
        return len(self._waiting)

    async def enter(self) -> float:
        """Return when a request may be sent; one :meth:`leave` or :meth:`abandon` must follow.

        :return: the monotonic time at which its turn came. When this process is too busy to go on at once, that
            is later, and counts as a part of the round trip.
        """
        if self.in_flight < self.limit:  # then nobody waits
            self.in_flight += 1
            return self._clock.monotonic()
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._waiting.remove(turn)
            else:
                self.abandon()
            raise

    def leave(self, seconds: float, *, trouble: bool = False, was_paced: bool = False) -> None:
        """Say how a request went, and let the next one in.

        :param seconds: from its turn (see :meth:`enter`) to its answer, without the time that the pacer took.
        :param trouble: whether the answer was a 429 or a 5xx, or none came.
        :param was_paced: whether the pacer made it wait.
        """
        self._law.note(seconds, self.in_flight, trouble=trouble, was_paced=was_paced)
        self.abandon()

    def abandon(self) -> None:
        """Let the next one in for a request that was not sent, or of which nothing can be said."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(self._clock.monotonic())
