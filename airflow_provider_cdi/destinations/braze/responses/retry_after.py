"""How long Braze asks to wait after a 429. It has two regimes of headers, by contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: Newer contracts send only the first one, in seconds. A plain Retry-After is not documented, but proxies
#: send it. The last one is a moment (seconds since the epoch) on older contracts, seconds left on newer ones.
RESET = "x-ratelimit-reset"
_IN_ORDER_OF_TRUST = ("x-ratelimit-retry-after", "retry-after", RESET)

#: Above this, a reset is a moment: 10^9 was in 2001, and no window lasts that many seconds.
_FIRST_MOMENT = 1e9

#: Braze's longest window is an hour; a longer wait comes from a wrong clock or a broken header.
_LONGEST = 2 * 3_600.0


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
        seconds = float(text)
    except ValueError:
        return None
    if seconds > _FIRST_MOMENT:
        # A moment that has passed says nothing: with None the engine backs off instead of trying at once.
        seconds -= now()
    return seconds if 0 <= seconds <= _LONGEST else None
