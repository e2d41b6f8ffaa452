"""Time that passes at once: an event loop and a clock, and blocking calls without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pyarrow as pa

T = TypeVar("T")
#: When a clock starts, unless it is told otherwise.
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def time(self) -> float:
        """Return seconds since the loop was made."""
        return self.passed

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.passed = max(self.passed, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end without waiting for anything."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    """The time of the loop as a clock of the engine.

    :param start: what it shows at the beginning.
    """

    def __init__(self, start: datetime = NOON) -> None:
        self.start = start

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return self.start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the time of the loop, which begins with 0; before there is one it stands still."""
        loop = asyncio._get_running_loop()
        return loop.time() if loop is not None else 0.0

    async def sleep(self, seconds: float) -> None:
        """Let the others work, and the time jump."""
        await asyncio.sleep(seconds)


async def read_inline(open_reader: Callable[[], Iterator[pa.RecordBatch]]) -> AsyncGenerator[pa.RecordBatch, None]:
    """Read a source in the event loop itself, instead of in a thread beside it."""
    for batch in open_reader():
        yield batch
        await asyncio.sleep(0)


async def call_inline(call: Callable[[], T]) -> T:
    """Make a blocking call in the event loop itself."""
    return call()
