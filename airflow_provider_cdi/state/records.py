"""The copies of a sync's record in its stores: the newest is found, a new one is written, old ones are deleted.

Where a store that all runs share has the record, it counts, and each run leaves a copy as an XCom besides; elsewhere
the copies are all there is. Whoever reads takes the one with the highest generation: Airflow promises no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import StateRecord
from airflow_provider_cdi.state.store import Instance, Stores

STATE_KEY = "cdi_state"
#: XCom copies of the record that are kept; the copies of earlier runs are deleted, some with each run.
COPIES_KEPT, COPIES_DELETED_AT_ONCE = 20, 50


class Records:
    """Reads and writes the record of one sync, wherever it is kept.

    :param stores: of the sync.
    :param identity: of the sync.
    :param ti: the running task instance.
    :param log: of the task.
    """

    def __init__(self, stores: Stores, identity: Identity, ti: Any, log: Any) -> None:
        self._stores = stores
        self._identity = identity
        self._log = log
        self._task_id: str = ti.task_id
        self._mine = Instance.of(ti)
        self._copies: tuple[Instance, ...] = ()
        #: Whether the record gets lost with age unless it is written again.
        self.is_only_in_copies = False
        #: Whether the task has left records under another name: it was given a new ``sync_id`` on purpose.
        self.has_others = False

    def newest(self, saved: int) -> StateRecord | None:
        """Return the newest record of the sync, None when there is none.

        :param saved: generation of the newest record that was saved as far as is known, 0 when it is not known; see
            ``Lease.gen``.
        """
        record = max(self._found(saved), key=lambda one: one.age, default=None)
        if record is not None:
            self._copies = self._copies or record.copies
        return record

    def known(self) -> list[StateRecord]:
        """Return all records of the sync that can be seen, the oldest first: as many runs as left copies."""
        stores = (*self._stores.shared, self._stores.copies)
        found = [one for store in stores for one in self._own(_records(store.seen(STATE_KEY)))]
        return sorted(found, key=lambda one: one.age)

    def listed(self, record: StateRecord) -> StateRecord:
        """Return a record with the copy of this run among those that it names."""
        return replace(record, copies=self._all_copies()[-COPIES_KEPT:])

    def write(self, record: StateRecord) -> None:
        """Write a record where it counts."""
        if self._stores.shared:
            self._stores.first.set(STATE_KEY, record.to_json())
        else:
            self.push(record)

    def push(self, record: StateRecord) -> None:
        """Leave the copy of this run, and delete the oldest copies.

        Without that they would pile up with every run, and whoever looks for the newest one has to read them all.
        """
        self._stores.copies.set(STATE_KEY, self.listed(record).to_json())
        stale = self._all_copies()[:-COPIES_KEPT][:COPIES_DELETED_AT_ONCE]
        for instance in stale:
            self._stores.copies.delete(STATE_KEY, instance)
        self._copies = tuple(copy for copy in self._copies if copy not in stale)

    def place(self) -> str:
        """Say where a person writes the record by hand."""
        return self._stores.first.by_hand(STATE_KEY)

    def may_miss(self) -> str:
        """Say why a record that is there may not be seen."""
        return self._stores.first.may_miss

    def _all_copies(self) -> tuple[Instance, ...]:
        return (*(copy for copy in self._copies if copy != self._mine), self._mine)

    def _found(self, saved: int) -> list[StateRecord]:
        """Return the records of this sync that count.

        Where a store has the record the copies are not asked: there is one of each earlier run.
        """
        stored = [one for store in self._stores.shared for one in self._own(_records(store.seen(STATE_KEY)))]
        is_another_s = any(self._may_be_another_s(record) for record in stored)
        is_stale = bool(stored) and _is_stale(max(stored, key=lambda one: one.age), saved)
        self.is_only_in_copies = not stored or is_stale
        if stored and not is_another_s and not is_stale:
            return stored
        copies = list(_records(self._stores.copies.seen(STATE_KEY)))
        own = sorted(self._own(copies), key=lambda one: one.age)
        self._copies = tuple(dict.fromkeys(one.pushed_as for one in own if one.run_id))
        self.has_others = not all(self._is_of_this_sync(one) for one in copies)
        if is_stale:
            self._log.warning("%s", self._about_stale(stored, own, saved))
        return own if is_another_s and own else stored + own

    def _about_stale(self, stored: list[StateRecord], copies: list[StateRecord], saved: int) -> str:
        newest = max((*stored, *copies), key=lambda one: one.age)
        return (
            f"The record of sync {self._identity.sync_id!r} {self.place()} is older than the one that was saved last "
            f"(generation {max(one.gen for one in stored)}, saved was {saved}): a process that had stood still wrote "
            f"it late, or it was put back by hand. The sync goes on from generation {newest.gen}, of run "
            f"{newest.run_id!r}; rows after it are sent again if they were sent. To go back on purpose, call `airflow "
            "cdi state set`."
        )

    def _own(self, records: Iterable[StateRecord]) -> list[StateRecord]:
        return [record for record in records if record.identity.sync_id in self._identity.names]

    def _may_be_another_s(self, record: StateRecord) -> bool:
        """Whether a task whose ids meet this one's may have written a record of version 1: a name had no slash then."""
        is_of_version_1 = bool(record.identity.owner) and record.identity.reads is None and not record.copies
        return is_of_version_1 and self._identity.owner == self._identity.sync_id and "." in self._task_id

    def _is_of_this_sync(self, record: StateRecord) -> bool:
        name, found = self._identity.asset_id or self._identity.sync_id, record.identity.sync_id
        return found in (name, *self._identity.names) or found.startswith(f"{name}:")


def _records(values: Iterable[Mapping[str, Any]]) -> Iterator[StateRecord]:
    return (StateRecord.from_json(value) for value in values if "sync_id" in value)


def _is_stale(record: StateRecord, saved: int) -> bool:
    """Whether a run wrote a record before the one that was saved last. What a person wrote counts in any case."""
    return bool(record.run_id) and record.gen < saved
