"""Reading ahead: a source is read in a thread of its own, a little ahead of the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator

import pyarrow as pa

#: Batches that may wait between the reading thread and the event loop.
BATCHES_AHEAD = 2


async def read_in_thread(
    open_reader: Callable[[], Iterator[pa.RecordBatch]],
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yield what a blocking reader yields, in its order.

    The reader is opened, used and closed in one thread, because some drivers insist on that.

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
        try:
            for batch in _closing(open_reader()):
                hand_over(batch)
                room.acquire()
                if abandoned.is_set():
                    return
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


def _closing(reader: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Close a generator when it is left early, in the thread that used it."""
    try:
        yield from reader
    finally:
        close = getattr(reader, "close", None)
        if close:
            close()
