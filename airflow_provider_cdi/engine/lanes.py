"""Lanes: records become batches, and one person's records stay in order.

Batches are filled in the order of reading, so they are full and any number of them may travel at once. What
keeps the order is a lane per key: while a batch that carries a key is on its way, further records of that key
wait in the key's own lane, and nobody else waits with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.records import Record

#: Room for what stands around the records in a request body: braces and the name of the array.
ENVELOPE_BYTES = 256


class Batch:
    """The records of one request."""

    __slots__ = ("group", "is_open", "records", "size")

    def __init__(self, group: str) -> None:
        self.group = group
        self.records: list[Record] = []
        self.size = ENVELOPE_BYTES
        self.is_open = True


class Lanes:
    """Fills batches and hands each one out when nothing that it carries is still on its way.

    :param limits: how much fits into one request.
    :param on_ready: called with each batch that may be sent now.
    """

    def __init__(self, limits: BatchLimits, on_ready: Callable[[Batch], None]) -> None:
        self._limits = limits
        self._on_ready = on_ready
        self._open: dict[str, Batch] = {}
        self._holder: dict[str, Batch] = {}
        self._waiting: dict[str, deque[Record]] = {}
        self._unfinished = 0

    @property
    def is_idle(self) -> bool:
        """Whether no record is in here: not in an open batch, not on its way, not waiting."""
        return not self._holder and not self._unfinished

    def add(self, record: Record) -> None:
        """Take a record in; it is handed out with its batch, after all earlier records of its key."""
        holder = self._holder.get(record.key)
        if holder is None or self._may_join(holder, record):
            self._append(record)
            return
        if holder.is_open:
            self._seal(holder)
        self._waiting.setdefault(record.key, deque()).append(record)

    def flush(self) -> None:
        """Hand out the batches that are not full yet."""
        for batch in list(self._open.values()):
            self._seal(batch)

    def finish(self, batch: Batch) -> None:
        """Say that every record of a batch has its outcome; those who waited for it move up."""
        self._unfinished -= 1
        moving: list[deque[Record]] = []
        for record in batch.records:
            if self._holder.pop(record.key, None) is not None and self._waiting:
                waiting = self._waiting.pop(record.key, None)
                if waiting:
                    moving.append(waiting)
        for waiting in moving:
            for record in waiting:
                self.add(record)

    def _may_join(self, holder: Batch, record: Record) -> bool:
        return holder.is_open and holder.group == record.group and not self._limits.unique_keys

    def _append(self, record: Record) -> None:
        batch = self._open.get(record.group)
        size = len(record.body) + 1
        if batch is not None and batch.size + size > self._limits.body_bytes:
            self._seal(batch)
            if record.key in self._holder:  # the batch that was just sealed carries this key
                self._waiting.setdefault(record.key, deque()).append(record)
                return
            batch = None
        if batch is None:
            batch = self._open[record.group] = Batch(record.group)
        batch.records.append(record)
        batch.size += size
        self._holder[record.key] = batch
        if len(batch.records) >= self._limits.records:
            self._seal(batch)

    def _seal(self, batch: Batch) -> None:
        batch.is_open = False
        del self._open[batch.group]
        self._unfinished += 1
        self._on_ready(batch)
