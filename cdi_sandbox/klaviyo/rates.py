"""Klaviyo's rate limits: two fixed windows an endpoint, a second and a minute, and the headers of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from cdi_sandbox.api.windows import FixedWindows, window_end
from cdi_sandbox.settings.klaviyo import Tier
from cdi_sandbox.settings.rates import Rate


class Passage(NamedTuple):
    """Whether a request may pass: with the headers of its answer, or the whole seconds to wait (0: it may)."""

    headers: dict[str, str]
    wait: int = 0


class KlaviyoRates:
    """Counts the requests of an account, each endpoint for itself. What is refused does not count."""

    def __init__(self) -> None:
        self._windows = FixedWindows()

    def enter(self, endpoint: str, tier: Tier, now: float) -> Passage:
        """Count one request, unless one of its windows is full.

        :param endpoint: ``"POST /api/..."``.
        :param now: seconds since the epoch.
        """
        rates = _rates(tier)
        full = [rate for rate in rates if self._windows.left(_window(endpoint, rate), rate, now) <= 0]
        if full:
            return Passage({}, max(1, *(math.ceil(window_end(rate, now) - now) for rate in full)))
        for rate in rates:
            self._windows.take(_window(endpoint, rate), rate, now)
        burst = rates[0]
        # Recorded since 2024: limit, remaining and reset are those of the second, whatever the guide says.
        headers = {
            "ratelimit-limit": f"{burst.requests}, " + ", ".join(f"{rate.requests};w={rate.seconds}" for rate in rates),
            "ratelimit-remaining": str(self._windows.left(_window(endpoint, burst), burst, now)),
            "ratelimit-reset": str(max(math.ceil(window_end(burst, now) - now) - 1, 0)),
        }
        return Passage(headers)


def _rates(tier: Tier) -> list[Rate]:
    rates = [Rate(tier.burst, 1), Rate(tier.steady, 60)]
    return rates if tier.daily is None else [*rates, Rate(tier.daily, 86_400)]


def _window(endpoint: str, rate: Rate) -> str:
    return f"{endpoint} {rate.seconds}"
