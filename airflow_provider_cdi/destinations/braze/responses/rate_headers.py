"""What Braze's answers show of its rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.destinations.braze.responses.retry_after import RESET, seconds_until
from airflow_provider_cdi.destinations.braze.responses.server_clock import TheirClock
from airflow_provider_cdi.engine.ports import RateWindow, Response

_LIMIT = "x-ratelimit-limit"
_REMAINING = "x-ratelimit-remaining"


class BrazeDestination(BaseDestination):
    """A data type of Braze: its answers show how much of the rate limit is left.

    :param now: seconds since the epoch by our own clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = TheirClock(now)

    def rate_window(self, answer: Response) -> RateWindow | None:
        """Say what the headers show; Braze's clock is learnt from each answer on the way, so give it every one."""
        self._now.note(answer.headers.get("date", ""))
        return window_of(answer.headers, self._now)


def window_of(headers: Mapping[str, str], now: Callable[[], float]) -> RateWindow | None:
    """Read limit, remaining and reset.

    In Braze's older contracts ``reset`` is a moment, in newer ones (MAU) seconds left of the hour; there a 429 and the
    short burst limit show nothing. An answer 401 has the headers without values.

    :param headers: names in lower case.
    :param now: seconds since the epoch by Braze's clock.
    :return: None when a header is missing or makes no sense, or the window is over.
    """
    left = seconds_until(headers.get(RESET, ""), now)
    try:
        limit, remaining = int(headers.get(_LIMIT, "")), int(headers.get(_REMAINING, ""))
    except ValueError:
        return None
    return RateWindow(limit, remaining, left) if left and limit and 0 <= remaining <= limit else None
