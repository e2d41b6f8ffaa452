"""Waiting for what other processes do: look again and again, up to a deadline, and say what did not happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

#: Far above what anything takes on two slow cores; only a failure waits so long.
PATIENCE = 240.0


def until(look: Callable[[], Seen], what: str, *, seconds: float = PATIENCE, every: float = 0.2) -> Seen:
    """Return the first thing seen that counts as true.

    :param look: called again and again.
    :param what: what is waited for, for the message.
    :param seconds: until the wait is given up.
    :param every: seconds between two looks.
    :raises AssertionError: when the deadline passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds:.0f} seconds in vain: {what}; last seen: {seen!r}")
        time.sleep(every)
