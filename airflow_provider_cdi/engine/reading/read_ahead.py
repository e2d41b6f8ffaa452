"""Reading ahead: a source is read in a thread of its own, a little ahead of the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing

T = TypeVar("T")

#: How a blocking reader is read beside the event loop.
ReadAhead = Callable[[Callable[[], Iterator[pa.RecordBatch]]], AsyncGenerator[pa.RecordBatch, None]]

#: Reading goes on while fewer rows and bytes than these wait for the event loop.
ROWS_AHEAD = 4_000
BYTES_AHEAD = 2 * 1024 * 1024
#: Small batches that came meanwhile are joined up to so many rows.
JOINED_ROWS = 2_000
#: Time that a reader has to end when its rows are not wanted any more, in seconds; it may be stuck in a network call.
LONGEST_GOODBYE = 1.0


async def read_in_thread(
    open_reader: Callable[[], Iterator[pa.RecordBatch]],
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yield what a blocking reader yields, in its order; several of its batches may come as one.

    The reader is opened, used and closed in one thread, because some drivers insist on that.

    :param open_reader: opens the reader; what it raises is raised here, after the batches that came before.
    """
    handover = _Handover(asyncio.get_running_loop())
    thread = threading.Thread(target=_read, args=(open_reader, handover), name="cdi-reader", daemon=True)
    thread.start()
    try:
        while (batch := await handover.take()) is not None:
            yield batch
    finally:
        handover.abandon()
        # A process that ends while one of its threads is inside a driver may be aborted.
        await call_in_thread(lambda: thread.join(LONGEST_GOODBYE))


async def call_in_thread(call: Callable[[], T]) -> T:
    """Make a blocking call beside the event loop and return what it returns.

    Unlike ``asyncio.to_thread``, whose threads ``asyncio.run`` and the interpreter wait for without end, this one is
    left behind when nobody waits for it any more.

    :param call: raises what is raised here.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def work() -> None:
        try:
            settle = partial(_set_result, future, context.run(call))
        except BaseException as error:  # it is raised again in the event loop
            settle = partial(_set_error, future, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=work, name="cdi-call", daemon=True).start()
    return await future


def _set_result(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _set_error(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        # A future refuses this one, and nobody would wait any more.
        future.set_exception(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)


class _Handover:
    """What is between the reading thread and the event loop.

    Both wait for the interpreter's lock whenever one wakes the other up, so that happens only if the other one waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived = asyncio.Event()
        self._changed = threading.Condition()
        self._batches: deque[pa.RecordBatch] = deque()
        self._rows = self._bytes = 0
        self._is_awaited = self._is_done = self._is_abandoned = False
        self._error: BaseException | None = None

    # --- in the reading thread

    def give(self, batch: pa.RecordBatch) -> bool:
        """Hand a batch over when there is room; say whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_abandoned or self._has_room)
            self._batches.append(batch)
            self._rows += batch.num_rows
            self._bytes += batch.nbytes
            self._wake_taker()
            return not self._is_abandoned

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more comes, and why."""
        with self._changed:
            self._is_done, self._error = True, error
            self._wake_taker()

    # --- in the event loop

    async def take(self) -> pa.RecordBatch | None:
        """Return what has come, or wait for it; None at the end."""
        while True:
            with self._changed:
                if self._batches:
                    return self._joined()
                if self._error is not None:
                    raise self._error
                if self._is_done:
                    return None
                self._is_awaited = True
            await self._arrived.wait()
            self._arrived.clear()

    def abandon(self) -> None:
        """Let the reading thread end: nothing is taken any more."""
        with self._changed:
            self._is_abandoned = True
            self._changed.notify()

    @property
    def _has_room(self) -> bool:
        return self._rows < ROWS_AHEAD and self._bytes < BYTES_AHEAD

    def _wake_taker(self) -> None:
        if self._is_awaited and not self._is_abandoned:
            self._is_awaited = False
            self._loop.call_soon_threadsafe(self._arrived.set)

    def _joined(self) -> pa.RecordBatch:
        had_room = self._has_room
        found = [self._batches.popleft()]
        rows = found[0].num_rows
        while self._batches and self._batches[0].schema.equals(found[0].schema):
            rows += self._batches[0].num_rows
            if rows > JOINED_ROWS:
                break
            found.append(self._batches.popleft())
        self._rows -= sum(batch.num_rows for batch in found)
        self._bytes -= sum(batch.nbytes for batch in found)
        if self._has_room and not had_room:
            self._changed.notify()
        return found[0] if len(found) == 1 else pa.Table.from_batches(found).combine_chunks().to_batches()[0]


def _read(open_reader: Callable[[], Iterator[pa.RecordBatch]], handover: _Handover) -> None:
    try:
        with closing(open_reader()) as reader:  # in the thread that used it
            for batch in reader:
                if batch.num_rows and not handover.give(batch):
                    return
    except BaseException as error:  # it is raised again in the event loop
        handover.end(error)
    else:
        handover.end()
