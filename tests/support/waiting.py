"""Waiting for what another thread, process or server does, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

#: In seconds: much more than anything here takes, much less than a hang. A test that passes never waits for it.
BOUND = 120.0
_LOOK_EVERY = 0.02


def wait_until(holds: Callable[[], object], what: Callable[[], object] = lambda: "It never came to that.") -> None:
    """Return when a condition holds.

    :param holds: looks whether it does.
    :param what: says what to show when it does not.
    :raises AssertionError: when it does not hold after :data:`BOUND` seconds.
    """
    deadline = time.monotonic() + BOUND
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(_LOOK_EVERY)  # noqa: TID251
