"""Lanes: records become batches, and one person's records stay in order.

Batches are filled in the order of reading, so they are full and any number of them may travel at once. What
keeps the order is a lane per key: while a batch that carries a key is on its way, further records of that key
wait in the key's own lane, and nobody else waits with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain

from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.records import Record

#: Room for what stands around the records in a request body: braces and the name of the array.
ENVELOPE_BYTES = 256


class Batch:
    """The records of one request.

    :param group: of all its records.
    :param most: how many there may be.
    """

    __slots__ = ("group", "is_open", "most", "places", "records", "size")

    def __init__(self, group: str, most: int) -> None:
        self.group = group
        self.most = most
        self.records: list[Record] = []
        self.size = ENVELOPE_BYTES
        self.is_open = True
        #: (key, unique) -> place, of the records that may stand only once in here.
        self.places: dict[tuple[str, str], int] = {}

    def add(self, record: Record) -> None:
        """Put a record at the end."""
        if record.unique:
            self.places[record.key, record.unique] = len(self.records)
        self.records.append(record)
        self.size += len(record.body) + 1

    def rival(self, record: Record) -> Record | None:
        """Return the record in here that a new one must not stand beside."""
        place = self.places.get((record.key, record.unique)) if record.unique else None
        return None if place is None else self.records[place]

    def replace(self, old: Record, new: Record) -> None:
        """Put a record into the place of another with the same key and ``unique``."""
        self.records[self.places[old.key, old.unique]] = new
        self.size += len(new.body) - len(old.body)


class Lanes:
    """Fills batches and hands each one out when nothing that it carries is still on its way.

    :param limits: how much fits into one request.
    :param on_ready: called with each batch that may be sent now.
    :param merge: makes one record of two that may not share a request (``Destination.merge``).
    """

    def __init__(
        self,
        limits: BatchLimits,
        on_ready: Callable[[Batch], None],
        merge: Callable[[Record, Record], Merge | None] = lambda _older, _newer: None,
    ) -> None:
        self._limits = limits
        self._on_ready = on_ready
        self._merge = merge
        self._open: dict[str, Batch] = {}
        self._holder: dict[str, Batch] = {}
        self._waiting: dict[str, deque[Record]] = {}
        self._unfinished = 0

    @property
    def is_idle(self) -> bool:
        """Whether no record is in here: not in an open batch, not on its way, not waiting."""
        return not self._holder and not self._unfinished

    @property
    def has_batches_out(self) -> bool:
        """Whether a batch was handed out and is not finished."""
        return self._unfinished > 0

    def add(self, record: Record) -> None:
        """Take a record in; it is handed out with its batch, after all earlier records of its key."""
        holder = self._holder.get(record.key)
        if holder is None or _may_join(holder, record):
            self._append(record)
        elif holder.is_open and self._is_merged_into(holder, record):
            return
        else:
            if holder.is_open:
                self._seal(holder)
            self._wait(record)

    def flush(self) -> None:
        """Hand out the batches that are not full yet."""
        for batch in list(self._open.values()):
            self._seal(batch)

    def finish(self, batch: Batch) -> None:
        """Say that every record of a batch has its outcome; those who waited for it move up."""
        self._unfinished -= 1
        for record in batch.records:
            self._holder.pop(record.key, None)
        if self._waiting:
            keys = dict.fromkeys(record.key for record in batch.records)
            moving = [self._waiting.pop(key) for key in keys if key in self._waiting]
            for record in chain.from_iterable(moving):
                self.add(record)

    def _is_merged_into(self, holder: Batch, record: Record) -> bool:
        """Merge the record with its rival in an open batch, where the destination knows how."""
        rival = holder.rival(record) if holder.group == record.group else None
        merge = self._merge(rival, record) if rival is not None else None
        if merge is None or rival is None:
            return False
        if holder.size + len(merge.kept.body) - len(rival.body) > self._limits.body_bytes:
            return False
        holder.replace(rival, merge.kept)
        # What becomes of the dropped row is known when the kept record's outcome is.
        merge.kept.followers = [*rival.followers, *record.followers, (merge.dropped, merge.reason)]
        return True

    def _append(self, record: Record) -> None:
        group = record.group
        batch = self._open.get(group)
        if batch is not None and batch.size + len(record.body) >= self._limits.body_bytes:
            self._seal(batch)
            if record.key in self._holder:  # the batch that was just sealed carries this key
                self._wait(record)
                return
            batch = None
        if batch is None:
            batch = self._open[group] = Batch(group, self._limits.records_of(group))
        batch.add(record)
        self._holder[record.key] = batch
        if len(batch.records) >= batch.most:
            self._seal(batch)

    def _wait(self, record: Record) -> None:
        self._waiting.setdefault(record.key, deque()).append(record)

    def _seal(self, batch: Batch) -> None:
        batch.is_open = False
        batch.places.clear()  # nothing joins it any more, and it may be on its way for long
        del self._open[batch.group]
        self._unfinished += 1
        self._on_ready(batch)


def _may_join(holder: Batch, record: Record) -> bool:
    return holder.is_open and holder.group == record.group and holder.rival(record) is None
