"""What the headers of Braze's answers show: of its rate limits, of how long to wait after a 429, and of its clock.

Its windows begin and end by that clock; ours may be off by seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import ClassVar

from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.engine.ports import Rate, RateWindow
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Response

_LIMIT = "x-ratelimit-limit"
_REMAINING = "x-ratelimit-remaining"
#: Newer contracts send only the first one, in seconds. A plain Retry-After is not documented, but proxies
#: send it. The last one is a moment (seconds since the epoch) on older contracts, seconds left on newer ones.
RESET = "x-ratelimit-reset"
_IN_ORDER_OF_TRUST = ("x-ratelimit-retry-after", "retry-after", RESET)

#: Above this, a reset is a moment: 10^9 was in 2001, and no window lasts that many seconds.
_FIRST_MOMENT = 1e9

#: Braze's longest window is an hour; a longer wait comes from a wrong clock or a broken header.
_LONGEST = 2 * 3_600.0

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


class BrazeDestination(BaseDestination):
    """A data type of Braze: its answers show how much of the rate limit is left.

    :param now: seconds since the epoch by our own clock.
    """

    #: What the key of a record names.
    key_names: ClassVar[str] = "people"
    #: Of the data type's endpoint, by "API limits"; contracts may have another, which only the answers show.
    documented_rate: ClassVar[Rate]

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = TheirClock(now)

    def rate_window(self, answer: Response) -> RateWindow | None:
        """Say what the headers show; Braze's clock is learnt from each answer on the way, so give it every one."""
        self._now.note(answer.headers.get("date", ""))
        return window_of(answer.headers, self._now)

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return what Braze counts of records: no data points for deletes and for catalogs."""
        return {"data_points": 0}


def window_of(headers: Mapping[str, str], now: Callable[[], float]) -> RateWindow | None:
    """Read limit, remaining and reset of a window that goes on.

    :param headers: names in lower case.
    :param now: seconds since the epoch by Braze's clock.
    :return: None when a header is missing or makes no sense, or the window is over.
    """
    window = told_window(headers, now)
    return window if window and window.seconds_left else None


def told_window(headers: Mapping[str, str], now: Callable[[], float]) -> RateWindow | None:
    """Read limit, remaining and reset of a window, also of one that is over: a window may end while its answer comes.

    In Braze's older contracts ``reset`` is a moment, in newer ones (MAU) seconds left of the hour; there a 429 and the
    short burst limit show nothing. An answer 401 has the headers without values.

    :param headers: names in lower case.
    :param now: seconds since the epoch by Braze's clock.
    :return: with 0 seconds left when it is over; None when a header is missing or makes no sense.
    """
    try:
        limit, remaining = int(headers.get(_LIMIT, "")), int(headers.get(_REMAINING, ""))
        left = _seconds(headers.get(RESET, ""), now)
    except ValueError:
        return None
    is_sensible = limit and 0 <= remaining <= limit and left <= _LONGEST
    return RateWindow(limit, remaining, max(left, 0.0)) if is_sensible else None


def wait_of(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Give the seconds to wait; None when no header gives a usable number.

    :param headers: names in lower case.
    :param now: seconds since the epoch, by Braze's clock where it is known.
    """
    for name in _IN_ORDER_OF_TRUST:
        wait = seconds_until(headers.get(name, ""), now)
        if wait is not None:
            return wait
    return None


def seconds_until(text: str, now: Callable[[], float]) -> float | None:
    """Give the seconds that a header says, 0 to two hours; None when it says none.

    :param text: of the header: seconds from now, or a moment in seconds since the epoch.
    :param now: as for :func:`wait_of`.
    """
    try:
        seconds = _seconds(text, now)
    except ValueError:
        return None
    # A moment that has passed says nothing: with None the engine backs off instead of trying at once.
    return seconds if 0 <= seconds <= _LONGEST else None


def _seconds(text: str, now: Callable[[], float]) -> float:
    seconds = float(text)
    return seconds - now() if seconds > _FIRST_MOMENT else seconds
