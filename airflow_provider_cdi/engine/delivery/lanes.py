"""Lanes: records become batches, and one person's records stay in order.

Batches are filled in the order of reading, so they are full and any number of them may travel at once. What
keeps the order is a lane per key: while a batch that carries a key is on its way, further records of that key
wait in the key's own lane, and nobody else waits with them.

A record with several keys (an e-mail address and an external id, say) stands in the lanes of all of them and moves
when it is the first in each. Nobody can wait for each other in a circle, because all lanes keep the order of reading.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record

#: Room for what stands around the records in a request body: braces and the name of the array.
ENVELOPE_BYTES = 256


class Batch:
    """The records of one request.

    :param group: of all its records.
    :param most: how many there may be.
    """

    __slots__ = ("group", "is_open", "key_sets", "most", "places", "records", "size")

    def __init__(self, group: str, most: int) -> None:
        self.group = group
        self.most = most
        self.records: list[Record] = []
        self.size = ENVELOPE_BYTES
        self.is_open = True
        #: (key, unique) -> place, of the records that may stand only once in here.
        self.places: dict[tuple[str, str], int] = {}
        #: Key -> all keys of the records that carry it, of records with several.
        self.key_sets: dict[str, tuple[str, ...]] = {}

    def add(self, record: Record) -> None:
        """Put a record at the end."""
        if record.unique:
            self.places[record.key, record.unique] = len(self.records)
        self.records.append(record)
        self.size += len(record.body) + 1

    def has_just_the_keys_of(self, record: Record) -> bool:
        """Whether the records in here that have a key of this one have all of its keys and no other."""
        return self.key_sets.get(record.key, (record.key,)) == record.keys

    def rival(self, record: Record) -> Record | None:
        """Return the record in here that a new one must not stand beside."""
        place = self.places.get((record.key, record.unique)) if record.unique else None
        return None if place is None else self.records[place]

    def replace(self, old: Record, new: Record) -> None:
        """Put a record into the place of another with the same keys and ``unique``."""
        self.records[self.places[old.key, old.unique]] = new
        self.size += len(new.body) - len(old.body)


def _claim() -> Batch:
    """Stand for those who wait for a key that no batch carries."""
    claim = Batch("", 0)
    claim.is_open = False
    return claim


_CLAIM = _claim()


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
        #: Key -> the batch that carries it, or the claim of those who wait; every key with a lane is in here.
        self._holder: dict[str, Batch] = {}
        #: Key -> its lane: the records that wait, the first one first.
        self._waiting: dict[str, deque[Record]] = {}
        #: Batches that were handed out and are not finished.
        self.batches_out = 0

    @property
    def is_idle(self) -> bool:
        """Whether no record is in here: not in an open batch, not on its way, not waiting."""
        return not self._holder and not self.batches_out

    def add(self, record: Record) -> None:
        """Take a record in; it is handed out with its batch, after all earlier records of its keys."""
        if not record.others and record.key not in self._holder:
            self._append(record)
        elif not self._holders(record):
            self._append_with_all_keys(record)
        elif not self._waiting.keys().isdisjoint(record.keys) or not self._is_placed(record):
            self._wait(record)

    def flush(self) -> None:
        """Hand out the batches that are not full yet."""
        for batch in list(self._open.values()):
            self._seal(batch)

    def finish(self, batch: Batch) -> None:
        """Say that every record of a batch has its outcome; those who waited for it move up."""
        self.batches_out -= 1
        for record in batch.records:
            self._holder.pop(record.key, None)
        for key in batch.key_sets:
            self._holder.pop(key, None)
        if self._waiting:
            keys = dict.fromkeys(record.key for record in batch.records) | dict.fromkeys(batch.key_sets)
            lanes = [key for key in keys if key in self._waiting]
            self._claim(lanes)
            for key in lanes:
                self._move_up(key)

    def _is_placed(self, record: Record) -> bool:
        """Put a record into an open batch, where no earlier one of its keys stands against that; say whether it is."""
        holders = self._holders(record)
        if not holders:
            self._append_with_all_keys(record)
            return True
        holder, *others = holders
        # Where only some of the keys are the same, the batch stays open: it would go out nearly empty each time.
        if others or not holder.is_open or not holder.has_just_the_keys_of(record):
            return False
        if holder.group == record.group and self._is_taken(holder, record):
            return True
        self._seal(holder)
        return False

    def _is_taken(self, holder: Batch, record: Record) -> bool:
        """Put a record into the open batch that carries its keys, beside or over the earlier one."""
        rival = holder.rival(record)
        if rival is not None:
            return self._is_merged(holder, rival, record)
        if self._is_too_large_for(holder, record):
            return False
        self._append_with_all_keys(record)
        return True

    def _is_merged(self, holder: Batch, rival: Record, record: Record) -> bool:
        """Merge the record with its rival in an open batch, where the destination knows how."""
        merge = self._merge(rival, record)
        if merge is None or holder.size + len(merge.kept.body) - len(rival.body) > self._limits.body_bytes:
            return False
        holder.replace(rival, merge.kept)
        # What becomes of the dropped row is known when the kept record's outcome is.
        merge.kept.followers = [*rival.followers, *record.followers, (merge.dropped, merge.reason)]
        return True

    def _is_too_large_for(self, batch: Batch, record: Record) -> bool:
        return batch.size + len(record.body) >= self._limits.body_bytes

    def _holders(self, record: Record) -> set[Batch]:
        return {self._holder[key] for key in record.keys if key in self._holder}

    def _append_with_all_keys(self, record: Record) -> None:
        self._append(record)
        if record.others:
            batch, keys = self._holder[record.key], record.keys
            for key in keys:
                self._holder[key] = batch
                batch.key_sets[key] = keys

    def _append(self, record: Record) -> None:
        """Put a record into the open batch of its group; no other batch carries one of its keys."""
        group, limits = record.group, self._limits
        batch = self._open.get(group)
        if batch is not None and self._is_too_large_for(batch, record):
            self._seal(batch)
            batch = None
        if batch is None:
            batch = self._open[group] = Batch(group, limits.group_records.get(group, limits.records))
        batch.add(record)
        self._holder[record.key] = batch
        if len(batch.records) >= batch.most:
            self._seal(batch)

    def _wait(self, record: Record) -> None:
        for key in record.keys:
            self._waiting.setdefault(key, deque()).append(record)
        self._claim(record.keys)

    def _move_up(self, key: str) -> None:
        """Let those go who wait for a key, as far as they are the first in all their lanes and may travel."""
        while (lane := self._waiting.get(key)) and self._is_first(lane[0]):
            record = lane[0]
            self._release(record.keys)
            if not self._is_placed(record):
                self._claim(record.keys)
                return
            self._leave(record)

    def _is_first(self, record: Record) -> bool:
        return all(self._waiting[key][0] is record for key in record.keys)

    def _leave(self, record: Record) -> None:
        for key in record.keys:
            self._waiting[key].popleft()
            if not self._waiting[key]:
                del self._waiting[key]

    def _claim(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._holder.setdefault(key, _CLAIM)

    def _release(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._holder.get(key) is _CLAIM:
                del self._holder[key]

    def _seal(self, batch: Batch) -> None:
        batch.is_open = False
        batch.places.clear()  # nothing joins it any more, and it may be on its way for long
        del self._open[batch.group]
        self.batches_out += 1
        self._on_ready(batch)
