"""Pacing: when the next request may leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_cdi.engine.delivery.rate_line import RateLine, Turn
from airflow_provider_cdi.engine.ports import Clock, Rate
from airflow_provider_cdi.engine.standstill import Standstill

#: The part of a shown limit that syncs use, when nobody says another: a fifth stays for live traffic.
DEFAULT_RATE_SHARE = 0.8


class Pacer:
    """Keeps requests within the rates, and holds them back while the destination asks for it.

    :param clock: where time comes from.
    :param requests_per_second: a rate of our own over all requests, which are spread evenly; None for none. With one,
        the share is 1: no more leaves than a shown limit has left.
    :param rates: the destination's budgets by family of requests. No stretch of a budget's length ever has more
        requests than it allows, so the other side's own windows have not either, wherever they begin.
    :param rate_share: the part of a limit that is shown by answers to use, see
        :class:`~airflow_provider_cdi.engine.delivery.rate_line.RateBudget`; None for ``DEFAULT_RATE_SHARE``.
    """

    def __init__(
        self,
        clock: Clock,
        requests_per_second: float | None = None,
        rates: Mapping[str, Sequence[Rate]] | None = None,
        rate_share: float | None = None,
    ) -> None:
        self._clock = clock
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_slot = 0.0
        self._rates = rates or {}
        self._share = 1.0 if requests_per_second else rate_share or DEFAULT_RATE_SHARE
        self._lines: dict[str, RateLine] = {}

    async def wait_for_turn(self, family: str = "") -> Turn:
        """Return when a request may leave.

        :param family: the rate budget that it counts against.
        :return: leave to send it, which wants to know of its answer (:meth:`Turn.note_answer`).
        """
        line = self._lines.get(family) or self._open_line(family)
        now = self._clock.monotonic()
        was_paced = False
        if self._interval:
            slot = max(self._next_slot, now)
            self._next_slot = slot + self._interval
            was_paced = slot > now
            if was_paced:
                await self._clock.sleep(slot - now)
                now = self._clock.monotonic()
        if line.gate.locked() or line.wait(now) > 0:
            was_paced = True
            now = await self._wait_in(line)
        return line.take(now, was_paced=was_paced)

    def standstill(self) -> Standstill | None:
        """Return why requests that are ready may not leave: of several families, what ends last. None when they may."""
        now = self._clock.monotonic()
        stops = [stop for line in self._lines.values() if (stop := line.standstill(now)) is not None]
        return max(stops, key=lambda stop: stop.seconds_left, default=None)

    def _open_line(self, family: str) -> RateLine:
        line = self._lines[family] = RateLine(self._rates.get(family, ()), self._share, self._clock.monotonic)
        return line

    async def _wait_in(self, line: RateLine) -> float:
        """Wait until a line's first place, and there until a request may leave."""
        async with line.gate:
            while (wait := line.wait(now := self._clock.monotonic())) > 0:
                await self._clock.sleep(wait)
            return now
