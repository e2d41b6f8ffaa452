"""Braze's clock, by which its windows begin and end; ours may be off by seconds."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

#: How much of what was once learnt is doubted with each second, because clocks drift and are put right.
_DOUBT = 0.01
#: No answer is on its way for longer, in seconds: one that seems to be shows that our own clock was set.
_LONGEST_WAY = 120.0


class TheirClock:
    """Tells what Braze's clock shows, as far as the ``date`` headers of its answers say.

    Each answer says a whole second that had begun when it was written, so their clock is at least as far as the latest
    of them. The estimate is late by no more than the quickest answer's way back once a second has begun between two
    answers, and by a second more before that. Late is the safe side: no window is taken to have begun before it has.

    :param now: our own clock, seconds since the epoch. It is trusted until the first answer.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ahead = 0.0
        self._noted_at: float | None = None
        self._date, self._moment = "", 0.0

    def __call__(self) -> float:
        """Return their time in seconds since the epoch."""
        return self._now() + self._ahead

    def note(self, date: str) -> None:
        """Learn from an answer that has just come.

        :param date: its header of this name; one that is no date says nothing.
        """
        if not date:
            return
        if date != self._date:
            try:
                self._moment = parsedate_to_datetime(date).timestamp()
            except (ValueError, OverflowError):
                return
            self._date = date
        now = self._now()
        ahead = self._moment - now
        if self._noted_at is not None and ahead > self._ahead - _LONGEST_WAY:
            ahead = max(ahead, self._ahead - _DOUBT * abs(now - self._noted_at))
        self._ahead, self._noted_at = ahead, now
