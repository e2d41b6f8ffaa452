"""Pacing: when the next request may leave."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from airflow_provider_cdi.engine.ports import Clock, Rate


class Pacer:
    """Keeps requests within the rates, and holds them back while the destination asks for it.

    :param clock: where time comes from.
    :param requests_per_second: a rate of our own over all requests, which are spread evenly; None for none.
    :param rates: the destination's budgets by family of requests. No stretch of a budget's length ever has more
        requests than it allows, so the other side's own windows have not either, wherever they begin.
    """

    def __init__(
        self,
        clock: Clock,
        requests_per_second: float | None = None,
        rates: Mapping[str, Sequence[Rate]] | None = None,
    ) -> None:
        self._clock = clock
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_slot = 0.0
        self._rates = rates or {}
        self._slots: defaultdict[str, deque[float]] = defaultdict(deque)
        self._held_until: defaultdict[str, float] = defaultdict(float)

    async def wait_for_turn(self, family: str = "") -> None:
        """Return when a request may leave.

        :param family: the rate budget that it counts against.
        """
        if self._interval:
            slot = max(self._next_slot, self._clock.monotonic())
            self._next_slot = slot + self._interval
            await self._sleep_until(slot)
        while True:
            while self._held_until[family] > self._clock.monotonic():
                await self._sleep_until(self._held_until[family])
            await self._sleep_until(self._reserve(family))
            if self._held_until[family] <= self._clock.monotonic():
                return

    def hold(self, seconds: float, family: str = "") -> None:
        """Let no request of a family leave for a while: the destination said that there are too many."""
        self._held_until[family] = max(self._held_until[family], self._clock.monotonic() + seconds)

    def _reserve(self, family: str) -> float:
        slot = self._clock.monotonic()
        rates = self._rates.get(family, ())
        if not rates:
            return slot
        slots = self._slots[family]
        for rate in rates:
            if len(slots) >= rate.requests:
                slot = max(slot, slots[-rate.requests] + rate.seconds)
        slots.append(slot)
        if len(slots) > max(rate.requests for rate in rates):
            slots.popleft()
        return slot

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
