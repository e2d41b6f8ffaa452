"""Pacing: when the next request may leave."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from airflow_provider_cdi.engine.delivery.rate_budget import RateBudget
from airflow_provider_cdi.engine.delivery.rate_ceiling import RateCeiling
from airflow_provider_cdi.engine.ports import Clock, Rate, RateWindow

log = logging.getLogger(__name__)

#: The part of a shown limit that syncs use, when nobody says another: a fifth stays for live traffic.
DEFAULT_RATE_SHARE = 0.8
#: Longest sleep before the answers of meanwhile are looked at, in seconds.
LONGEST_NAP = 0.25
#: Turns that came late may be made up for, up to so many seconds' worth: timers and a busy loop are never exact.
CATCH_UP = 0.02
#: A standstill for longer than this, in seconds, is told in the log.
LONG_STANDSTILL = 10.0


@dataclass(slots=True)
class Turn:
    """Leave for one request.

    :param family: the rate budget that it counts against.
    :param at: when it was given, by the monotonic clock.
    :param was_paced: whether the pace made the request wait.
    :param is_shown: whether its answer showed the limit.
    """

    family: str
    at: float
    was_paced: bool
    is_shown: bool = False


class Pacer:
    """Keeps requests within the rates, and holds them back while the destination asks for it.

    :param clock: where time comes from.
    :param requests_per_second: a rate of our own over all requests, which are spread evenly; None for none. With one,
        the share is 1: no more leaves than a shown limit has left.
    :param rates: the destination's budgets by family of requests. No stretch of a budget's length ever has more
        requests than it allows, so the other side's own windows have not either, wherever they begin.
    :param rate_share: the part of a limit that is shown by answers to use, see
        :class:`~airflow_provider_cdi.engine.delivery.rate_budget.RateBudget`; None for ``DEFAULT_RATE_SHARE``.
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
        self._lines: dict[str, _Line] = {}

    async def wait_for_turn(self, family: str = "") -> Turn:
        """Return when a request may leave.

        :param family: the rate budget that it counts against.
        :return: what :meth:`note_answer` and :meth:`hold` want to know about the request.
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
        line.take(now)
        return Turn(family, now, was_paced)

    def note_answer(self, turn: Turn, window: RateWindow | None) -> None:
        """Learn from an answer. To be called once for each turn, also when no answer came.

        :param window: what the answer shows of the limit; None when it shows nothing, or there is none.
        """
        turn.is_shown = window is not None
        self._lines[turn.family].note(turn, window, self._clock.monotonic())

    def hold(self, seconds: float, turn: Turn) -> None:
        """Let no request of a family leave for a while: the destination said that there are too many.

        :param turn: that of the request which was told so, after :meth:`note_answer`.
        """
        self._lines[turn.family].hold(turn, seconds, self._clock.monotonic())

    def _open_line(self, family: str) -> _Line:
        line = self._lines[family] = _Line(self._rates.get(family, ()), self._share)
        return line

    async def _wait_in(self, line: _Line) -> float:
        """Wait until a line's first place, and there until a request may leave."""
        async with line.gate:
            while (wait := line.wait(now := self._clock.monotonic())) > 0:
                await self._clock.sleep(wait)
            return now


class _Line:
    """The requests of one family, one behind the other."""

    def __init__(self, rates: Sequence[Rate], share: float) -> None:
        self.gate = asyncio.Lock()
        self._rates = rates
        self._slots: deque[float] = deque(maxlen=max((rate.requests for rate in rates), default=0))
        self._budget = RateBudget(share)
        self._ceiling = RateCeiling()
        self._held_until = self._last = -inf
        self._interval = 0.0
        self._told = -inf

    def wait(self, now: float) -> float:
        """Return the seconds after which to look again; 0 when a request may leave now."""
        wait = self._held_until - now
        for rate in self._rates:
            if len(self._slots) >= rate.requests:
                wait = max(wait, self._slots[-rate.requests] + rate.seconds - now)
        pace = min(self._budget.pace(now), self._ceiling.pace(now))
        self._interval = 1 / pace if pace else inf
        if self._interval:
            due = self._last + self._interval if pace else self._budget.end
            wait = max(wait, min(due - now, LONGEST_NAP))
            if not pace:
                self._tell_of_standstill(now)
        return wait

    def take(self, now: float) -> None:
        """Count a request that leaves."""
        self._last = max(self._last + self._interval, now - CATCH_UP)
        self._slots.append(now)
        self._budget.take()
        self._ceiling.take(now)

    def note(self, turn: Turn, window: RateWindow | None, now: float) -> None:
        """Count an answer."""
        self._ceiling.in_flight -= 1
        self._budget.note(window, turn.at, now)

    def hold(self, turn: Turn, seconds: float, now: float) -> None:
        """Let none leave for a while, and, where no limit is shown, fewer afterwards."""
        self._held_until = max(self._held_until, now + seconds)
        if not turn.is_shown:
            self._ceiling.refuse(turn.at, now, seconds)

    def _tell_of_standstill(self, now: float) -> None:
        wait = self._budget.end - now
        if wait > LONG_STANDSTILL and self._budget.end > self._told + LONG_STANDSTILL:
            self._told = self._budget.end
            log.info("What the rate limit leaves to this sync is used up; its next window begins in %.0f s", wait)
