"""Rate windows on the clock, and the headers that tell of them, in Braze's two regimes.

``classic``: every answer says limit, remaining and reset, the reset in seconds since the epoch.
``mau``: for the track endpoints, an hourly limit with a short burst; reset is in seconds left, and an
answer 429 carries nothing but ``x-ratelimit-retry-after``. Header names are in lower case (HTTP/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cdi_sandbox.api.windows import FixedWindows, window_end
from cdi_sandbox.settings.sandbox import Settings

#: Braze (2020 recording): an answer 401 has the three headers, empty.
EMPTY_HEADERS = {"x-ratelimit-limit": "", "x-ratelimit-remaining": "", "x-ratelimit-reset": ""}

_MAU_POOLS = ("track", "bulk")


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether a request may pass, and the headers of its answer."""

    allowed: bool
    headers: dict[str, str]


class RateWindows:
    """Counts requests in fixed windows, and tells of them."""

    def __init__(self) -> None:
        self._windows = FixedWindows()

    def enter(self, pool: str, settings: Settings, now: float) -> Passage:
        """Count one request, unless its window is full.

        :param pool: the endpoints that share the limit.
        :param now: seconds since the epoch.
        """
        if settings.regime == "mau" and pool in _MAU_POOLS:
            return self._enter_mau(settings, now)
        rate = settings.rate(pool)
        left = self._windows.left(pool, rate, now)
        if left > 0:
            self._windows.take(pool, rate, now)
        headers = {
            "x-ratelimit-limit": str(rate.requests),
            "x-ratelimit-remaining": str(max(left - 1, 0)),
            "x-ratelimit-reset": str(window_end(rate, now)),
        }
        return Passage(left > 0, headers)

    def _enter_mau(self, settings: Settings, now: float) -> Passage:
        pools = {name: settings.rate(name) for name in ("mau.burst", "mau.hourly")}
        for name, rate in pools.items():
            if self._windows.left(name, rate, now) <= 0:
                wait = max(1, math.ceil(window_end(rate, now) - now))
                return Passage(False, {"x-ratelimit-retry-after": str(wait)})
        for name, rate in pools.items():
            self._windows.take(name, rate, now)
        hourly = pools["mau.hourly"]
        headers = {
            "x-ratelimit-limit": str(hourly.requests),
            "x-ratelimit-remaining": str(self._windows.left("mau.hourly", hourly, now)),
            "x-ratelimit-reset": str(math.ceil(window_end(hourly, now) - now)),
        }
        return Passage(True, headers)
