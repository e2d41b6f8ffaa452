"""Reading ahead: a source is read in a thread of its own, a little ahead of the event loop.

Each hand-over makes both threads wait for the interpreter's lock, so small batches that come while the event loop is
busy are joined.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator

import pyarrow as pa

#: Batches that may wait between the reading thread and the event loop.
BATCHES_AHEAD = 2
#: Small batches are joined until there are so many rows or bytes.
JOINED_ROWS = 2_000
JOINED_BYTES = 1024 * 1024


async def read_in_thread(
    open_reader: Callable[[], Iterator[pa.RecordBatch]],
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yield what a blocking reader yields, in its order.

    The reader is opened, used and closed in one thread, because some drivers insist on that. Several of its batches
    may come as one.

    :param open_reader: opens the reader; what it raises is raised here.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[pa.RecordBatch | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(BATCHES_AHEAD - 1)
    abandoned = threading.Event()

    def hand_over(item: pa.RecordBatch | BaseException | None) -> None:
        if not abandoned.is_set():
            loop.call_soon_threadsafe(ready.put_nowait, item)

    def work() -> None:
        pending: list[pa.RecordBatch] = []
        try:
            for batch in _closing(open_reader()):
                if pending and not _fits(pending, batch):
                    room.acquire()
                    hand_over(_joined(pending))
                pending.append(batch)
                if room.acquire(blocking=_is_full(pending)):
                    hand_over(_joined(pending))
                if abandoned.is_set():
                    return
            if pending:
                hand_over(_joined(pending))
            hand_over(None)
        except BaseException as error:  # it is raised again in the event loop
            hand_over(error)

    threading.Thread(target=work, name="cdi-reader", daemon=True).start()
    try:
        while (item := await ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            room.release()
    finally:
        abandoned.set()
        room.release()


def _is_full(pending: list[pa.RecordBatch]) -> bool:
    return sum(one.num_rows for one in pending) >= JOINED_ROWS or sum(one.nbytes for one in pending) >= JOINED_BYTES


def _fits(pending: list[pa.RecordBatch], batch: pa.RecordBatch) -> bool:
    rows = sum(one.num_rows for one in pending) + batch.num_rows
    return rows <= JOINED_ROWS and batch.schema.equals(pending[0].schema)


def _joined(pending: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Make one batch of all and let go of them."""
    rows = pending[0]
    if len(pending) > 1:
        rows = pa.Table.from_batches(pending).combine_chunks().to_batches()[0]
    pending.clear()
    return rows


def _closing(reader: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Close a generator when it is left early, in the thread that used it."""
    try:
        yield from reader
    finally:
        close = getattr(reader, "close", None)
        if close:
            close()
