"""What the answers show of a rate limit, and how fast its window may be used."""

from __future__ import annotations

from math import inf, sqrt

from airflow_provider_cdi.engine.ports import RateWindow

#: What is left of a window is spread over its rest, or over so many seconds where the rest is longer: windows of a few
#: seconds are used evenly, an hour's window as fast as anybody can.
SPREAD = 10.0
#: The rest of a window that is almost over counts for this many seconds, so that the last requests are no volley.
SHORTEST_REST = 0.02
#: Requests of a window that must have been seen to tell from them how many others there are.
ENOUGH_TO_TELL = 10
#: How many times more than ours everybody is taken to use at most: who sent little so far must be able to catch up.
MOST_OTHERS = 100.0


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
