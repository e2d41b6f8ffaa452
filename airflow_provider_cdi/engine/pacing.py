"""Pacing: when the next request may leave."""

from __future__ import annotations

from airflow_provider_cdi.engine.ports import Clock


class Pacer:
    """Spreads requests evenly below a rate and holds all of them back while the destination asks for it.

    :param clock: where time comes from.
    :param requests_per_second: None for no limit of our own.
    """

    def __init__(self, clock: Clock, requests_per_second: float | None = None) -> None:
        self._clock = clock
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_slot = 0.0
        self._held_until = 0.0

    async def wait_for_turn(self) -> None:
        """Return when a request may leave."""
        if self._interval:
            slot = max(self._next_slot, self._clock.monotonic())
            self._next_slot = slot + self._interval
            await self._sleep_until(slot)
        while self._held_until > self._clock.monotonic():
            await self._sleep_until(self._held_until)

    def hold(self, seconds: float) -> None:
        """Let no request leave for a while: the destination said that there are too many."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
