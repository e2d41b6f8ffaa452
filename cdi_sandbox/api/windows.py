"""Fixed windows of a rate limit: they begin at multiples of their length on the clock, not with a request."""

from __future__ import annotations

from cdi_sandbox.settings.rates import Rate


class FixedWindows:
    """Counts requests, by whatever name shares a limit."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] = {}

    def left(self, name: str, rate: Rate, now: float) -> int:
        """Say how many requests the window of this moment still takes.

        :param name: of what shares the limit.
        :param now: seconds since the epoch.
        """
        window, used = self._used.get(name, (0, 0))
        return rate.requests - (used if window == window_end(rate, now) else 0)

    def take(self, name: str, rate: Rate, now: float) -> None:
        """Count one request.

        :param name: of what shares the limit.
        :param now: seconds since the epoch.
        """
        end = window_end(rate, now)
        window, used = self._used.get(name, (0, 0))
        self._used[name] = (end, used + 1 if window == end else 1)


def window_end(rate: Rate, now: float) -> int:
    """Say when the window of this moment ends, in seconds since the epoch."""
    return (int(now) // rate.seconds + 1) * rate.seconds
