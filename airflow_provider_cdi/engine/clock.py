"""The real clock. Tests hand in another one."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

#: Linux: unlike the monotonic clock it counts while a laptop sleeps or a machine is suspended.
_WITH_SUSPENSIONS: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock:
    """The time of this machine."""

    #: Seconds that only grow.
    monotonic = staticmethod(time.monotonic)
    #: Lets the others work meanwhile.
    sleep = staticmethod(asyncio.sleep)

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Return seconds that only grow, also while the machine is suspended, where the system has such a clock."""
        return time.clock_gettime(_WITH_SUSPENSIONS) if _WITH_SUSPENSIONS is not None else time.monotonic()
