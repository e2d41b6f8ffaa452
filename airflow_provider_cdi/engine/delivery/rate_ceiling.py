"""How fast requests may leave after the other side said "too many" without showing a limit."""

from __future__ import annotations

from math import inf

#: One refusal divides the pace at which it came by no more than this: others may have used the limit up.
DEEPEST_CUT = 4.0
#: A stretch of time from which a pace is told is at least this long, in seconds.
SHORTEST_STRETCH = 0.05
#: A refusal lowers the pace to this part of what was taken.
CUT = 0.8
#: How the ceiling rises from there: up to which part of the pace that was too fast, and by how much a second. It goes
#: slowly where the limit is likely to be, and quickly again beyond: then the limit was another one.
RISES = ((0.9, 0.05), (1.1, 0.01), (inf, 0.05))


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
