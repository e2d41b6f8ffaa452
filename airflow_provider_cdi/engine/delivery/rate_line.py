"""The line of one family of requests: when its next one may leave, by what is known of the limit.

Known are the budgets that the other side documents, what its answers show of a window (:class:`RateBudget`), and what
its refusals tell where no answer shows anything (:class:`RateCeiling`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt

from airflow_provider_cdi.engine.ports import Rate, RateWindow
from airflow_provider_cdi.engine.standstill import Standstill

#: Longest sleep before the answers of meanwhile are looked at, in seconds.
LONGEST_NAP = 0.25
#: Turns that came late may be made up for, up to so many seconds' worth: timers and a busy loop are never exact.
CATCH_UP = 0.02
#: What is left of a window is spread over its rest, or over so many seconds where the rest is longer: windows of a few
#: seconds are used evenly, an hour's window as fast as anybody can.
SPREAD = 10.0
#: The rest of a window that is almost over counts for this many seconds, so that the last requests are no volley.
SHORTEST_REST = 0.02
#: Requests of a window that must have been seen to tell from them how many others there are.
ENOUGH_TO_TELL = 10
#: How many times more than ours everybody is taken to use at most: who sent little so far must be able to catch up.
MOST_OTHERS = 100.0
#: One refusal divides the pace at which it came by no more than this: others may have used the limit up.
DEEPEST_CUT = 4.0
#: A stretch of time from which a pace is told is at least this long, in seconds.
SHORTEST_STRETCH = 0.05
#: A refusal lowers the pace to this part of what was taken.
CUT = 0.8
#: How the ceiling rises from there: up to which part of the pace that was too fast, and by how much a second. It goes
#: slowly where the limit is likely to be, and quickly again beyond: then the limit was another one.
RISES = ((0.9, 0.05), (1.1, 0.01), (inf, 0.05))


@dataclass(slots=True)
class Turn:
    """Leave for one request.

    :param line: that it was given in.
    :param at: when it was given, by the monotonic clock.
    :param was_paced: whether the pace made the request wait.
    :param is_shown: whether its answer showed the limit.
    """

    line: RateLine
    at: float
    was_paced: bool
    is_shown: bool = False

    def note_answer(self, window: RateWindow | None) -> None:
        """Learn from the answer. To be called once, also when no answer came.

        :param window: what the answer shows of the limit; None when it shows nothing, or there is none.
        """
        self.is_shown = window is not None
        self.line.note(window, self.at)

    def hold(self, seconds: float) -> None:
        """Let no request of the family leave for a while: the destination said that there are too many.

        To be called after :meth:`note_answer`.
        """
        self.line.hold(seconds, None if self.is_shown else self.at)


class RateLine:
    """The requests of one family, one behind the other.

    :param rates: the budgets that are documented; all hold at once.
    :param share: of a limit that answers show, see :class:`RateBudget`.
    :param monotonic: seconds that only grow.
    """

    def __init__(self, rates: Sequence[Rate], share: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.gate = asyncio.Lock()
        self._rates = rates
        self._slots: deque[float] = deque(maxlen=max((rate.requests for rate in rates), default=0))
        self._budget = RateBudget(share)
        self._ceiling = RateCeiling()
        self._held_until = self._last = -inf
        self._interval = 0.0

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
        return wait

    def standstill(self, now: float) -> Standstill | None:
        """Return why no request may leave although one waits; None when none waits, or the pace only spreads them."""
        if not self.gate.locked():
            return None
        stops = [Standstill("the destination answered that there are too many requests", self._held_until - now)]
        for rate in self._rates:
            if len(self._slots) >= rate.requests:
                bound = f"the destination takes {rate.requests:,} requests in {rate.seconds:g} s"
                stops.append(Standstill(bound, self._slots[-rate.requests] + rate.seconds - now))
        if not self._budget.pace(now):
            stops.append(Standstill("what the rate limit leaves to this sync is used up", self._budget.end - now))
        longest = max(stops, key=lambda stop: stop.seconds_left)
        return longest if longest.seconds_left > 0 else None

    def take(self, now: float, *, was_paced: bool) -> Turn:
        """Count a request that leaves."""
        self._last = max(self._last + self._interval, now - CATCH_UP)
        self._slots.append(now)
        self._budget.take()
        self._ceiling.take(now)
        return Turn(self, now, was_paced)

    def note(self, window: RateWindow | None, sent_at: float) -> None:
        """Count an answer; see :meth:`Turn.note_answer`."""
        self._ceiling.in_flight -= 1
        self._budget.note(window, sent_at, self._monotonic())

    def hold(self, seconds: float, refused_at: float | None) -> None:
        """Let none leave for a while, and, where no limit is shown, fewer afterwards.

        :param refused_at: when the request left that was too much, where no limit is shown.
        """
        now = self._monotonic()
        self._held_until = max(self._held_until, now + seconds)
        if refused_at is not None:
            self._ceiling.refuse(refused_at, now, seconds)


class RateBudget:
    """The windows of one limit, which others use as well: other tasks, other workers, live traffic.

    A request may leave at the pace ``(remaining - kept free - own in flight) / rest of the window``. ``remaining``
    falls for everybody who shares the limit, so all who keep to this rule use up together what is not kept free, none
    more than the others, without talking to each other. The pace is divided by the root of how many times more than
    ours everybody used of the last window: many then begin a window no faster than few. By the root, because whoever
    has more than his part divides by less than the others, but not by so much less that he keeps it.

    Windows are fixed on the other side's clock. What an answer says counts only if its request left after the window
    began here: answers come in any order. When the window is over and no answer tells of the next one yet, that is
    taken to be whole and as long as the longest seen.

    :param share: the part of a window that all who keep this share use together, above 0 and up to 1; the rest of every
        window is left to others. At least one request a window may leave.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._limit = 0
        self._kept_free = 0
        self._length = 1.0
        self._begin = -inf
        #: When the window ends, by the monotonic clock.
        self.end = -inf
        #: Of the window: what was left by the first answer and by the smallest number, None before any.
        self._first = 0
        self._remaining: int | None = None
        #: Of the window: own requests that left, and those of them that are on their way.
        self._sent = self._in_flight = 0
        #: How long it takes there and back, on average.
        self._way = 0.0
        self._crowd = 1.0

    def pace(self, now: float) -> float:
        """Say how many requests a second may leave: ``inf`` before anything was shown, 0 until :attr:`end`."""
        if not self._limit:
            return inf
        if now >= self.end:
            self._go_on_to_next(now)
        left = self._left() - self._kept_free
        if left < 1:
            return 0.0
        rest = self.end - min(self._way, self._length / 2) - now
        return left / min(max(rest, SHORTEST_REST), SPREAD) / self._crowd

    def take(self) -> None:
        """Count a request that leaves."""
        self._sent += 1
        self._in_flight += 1

    def note(self, window: RateWindow | None, sent_at: float, now: float) -> None:
        """Count an answer, or its absence.

        :param window: what it shows; None for nothing.
        :param sent_at: when its request left.
        """
        if self._limit and now >= self.end:
            self._go_on_to_next(now)
        is_of_this_window = sent_at >= self._begin
        if is_of_this_window:
            self._in_flight -= 1
        if window is None:
            return
        self._way += ((now - sent_at) - self._way) / 32
        if is_of_this_window:
            self._read(window, now + window.seconds_left)

    def _left(self) -> int:
        if self._remaining is None:
            return self._limit - self._sent
        return self._remaining - self._in_flight

    def _go_on_to_next(self, now: float) -> None:
        self._look_at_the_crowd()
        self._begin = self.end if now < self.end + self._length else now
        self.end = self._begin + self._length
        self._remaining = None
        self._sent = self._in_flight = 0

    def _look_at_the_crowd(self) -> None:
        if self._remaining is not None and (used := self._first - self._remaining) >= ENOUGH_TO_TELL:
            times_ours = used / max(self._sent - self._in_flight, 1)
            self._crowd = sqrt(min(max(times_ours, 1.0), MOST_OTHERS))

    def _read(self, window: RateWindow, end: float) -> None:
        if self._remaining is None or end > self.end + self._length / 2:
            self._first = self._remaining = window.remaining
            self.end = end
        elif end < self.end - self._length / 2:
            return  # it tells of an earlier window
        else:
            self._remaining = min(self._remaining, window.remaining)
            self.end = min(self.end, end)
        self._length = max(self._length, window.seconds_left)
        if window.limit != self._limit:
            self._limit = window.limit
            self._kept_free = window.limit - max(1, int(window.limit * self._share + 1e-9))


class RateCeiling:
    """Finds a pace below a limit that no header shows, by its refusals.

    What was taken since the last refusal, over the time up to the moment from which requests are welcome again, is the
    limit itself when its windows are fixed on the clock. The ceiling starts below it and rises until the next refusal,
    or until it is far above what is sent.
    """

    def __init__(self) -> None:
        self._refused_pace = inf
        self._ceiling = inf
        self._risen_at = 0.0
        self._since: float | None = None
        self._sent = 0
        #: Requests that left and have no answer yet.
        self.in_flight = 0

    def pace(self, now: float) -> float:
        """Say how many requests a second may leave; ``inf`` for any number."""
        if self._ceiling == inf:
            return inf
        passed = now - self._risen_at
        if passed > 0:
            bound = self._ceiling / self._refused_pace
            rise = next(rise for part, rise in RISES if bound < part)
            self._ceiling *= (1 + rise) ** passed
            self._risen_at = now
        return self._ceiling

    def take(self, now: float) -> None:
        """Count a request that leaves."""
        if self._since is None:
            self._since = now
        self._sent += 1
        self.in_flight += 1

    def refuse(self, sent_at: float, now: float, wait: float) -> None:
        """Note that a request was too much; those on their way are likely to be so too.

        :param sent_at: when it left.
        :param wait: seconds for which no other is welcome.
        """
        taken = self._sent - 1 - self.in_flight
        since = now if self._since is None else self._since
        self._since, self._sent = max(since, now + wait), 0
        if sent_at < since or taken < 1:
            return  # sent before the last refusal was known, or nothing was taken since: it says nothing of our pace
        sent_pace = taken / max(now - since, SHORTEST_STRETCH)
        self._refused_pace = max(taken / max(now + wait - since, SHORTEST_STRETCH), sent_pace / DEEPEST_CUT)
        self._ceiling = CUT * self._refused_pace
        self._risen_at = now + wait
