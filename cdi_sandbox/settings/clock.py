"""Where a sandbox gets its time from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a sandbox gets its time from; tests pass their own.

    :param now: seconds since the epoch.
    :param sleep: waits so many seconds before an answer.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
