"""Who is at work on a sync: a lease, and the place where it lies beside the record."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

from airflow_provider_cdi.state.store import Instance, StateStore

LEASE_KEY = "cdi_lease"
#: States of a task instance in which Airflow counts on its process, or on its trigger: it may hold a lease.
HOLDING = ("running", "deferred", "restarting")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is at work on a sync.

    :param sync_id: on which one.
    :param run_id: run, and with the next two the task instance.
    :param try_number: which try of it.
    :param map_index: which mapped instance of it, -1 for none.
    :param host: on which machine.
    :param pid: in which process there.
    :param token: of this process alone.
    :param beats: heartbeats so far. Their number is watched, not their time: clocks of machines differ.
    :param is_deferred: whether the task waits without a process.
    :param dag_id: of the task that holds it; empty in leases of earlier versions, which the sync's own task held.
    :param task_id: of that task.
    :param gen: generation of the newest record that its holder knows of, 0 for none.
    """

    sync_id: str
    run_id: str
    try_number: int
    map_index: int = -1
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    token: str = field(default_factory=lambda: uuid4().hex[:12])
    beats: int = 0
    is_deferred: bool = False
    dag_id: str = ""
    task_id: str = ""
    gen: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Lease:
        """Read what :meth:`to_json` returned, also of a later version that has more to say."""
        return cls(**{name: stored[name] for name in cls.__slots__ if name in stored})

    @property
    def holder(self) -> Instance:
        """Which task instance holds it."""
        return Instance(self.run_id, self.map_index)

    def is_of_task_of(self, other: Lease) -> bool:
        """Whether both are held by one task, in whichever run; a lease that names none is the sync's own task's."""
        return not self.task_id or not other.task_id or (self.dag_id, self.task_id) == (other.dag_id, other.task_id)

    def describe(self) -> str:
        """Name the holder."""
        instance = f", map index {self.map_index}" if self.map_index >= 0 else ""
        task = f"task {self.task_id!r}, " if self.task_id else ""
        return f"{task}run {self.run_id!r}{instance}, try {self.try_number} (process {self.pid} on {self.host})"


class Found(NamedTuple):
    """What lies where leases are kept.

    :param leases: those that can be seen; one that ended in order has left none.
    :param gen: generation of the newest record that was saved by whoever had a lease, 0 when that is not known.
    """

    leases: list[Lease]
    gen: int


class LeasePlace:
    """Where the leases of one sync are kept: whoever writes last has it.

    :param store: that the sync's runs share, or that has what each run left.
    :param sync_id: of the sync.
    :param is_shared: whether its runs share it. There the generation stays behind when a lease is given back: a record
        that is older was written late, by a process that had stood still in the middle of its writing.
    """

    def __init__(self, store: StateStore, sync_id: str, *, is_shared: bool) -> None:
        self._store = store
        self._sync_id = sync_id
        self._is_shared = is_shared

    def found(self) -> Found:
        """Return the leases and the generation that lie here."""
        ours = [value for value in self._store.seen(LEASE_KEY) if value.get("sync_id") == self._sync_id]
        leases = [Lease.from_json(value) for value in ours if "token" in value]
        return Found(leases, max((value.get("gen", 0) for value in ours), default=0))

    def own(self) -> Lease | None:
        """Return the lease at the place where this process wrote its own: it, or that of whoever took it."""
        found = self._store.get(LEASE_KEY)
        return Lease.from_json(found) if found and "token" in found else None

    def write(self, lease: Lease) -> None:
        """Take the place."""
        self._store.set(LEASE_KEY, lease.to_json())

    def remove(self, lease: Lease) -> None:
        """Leave the place free."""
        self._store.delete(LEASE_KEY, lease.holder)

    def give_back(self, lease: Lease) -> None:
        """Leave the place free, and in a shared one the generation of the newest record."""
        if self._is_shared and lease.gen:
            self._store.set(LEASE_KEY, {"sync_id": lease.sync_id, "gen": lease.gen})
        else:
            self.remove(lease)


def superseded(found: Lease | None, mine: Lease) -> str:
    """Say that another try is at work in the place of this one.

    :param found: the lease that was found instead, if there is one.
    :param mine: this one.
    """
    other = found.describe() if found is not None else "another try, or a person who removed the lease,"
    return (
        f"Sync {mine.sync_id!r} was taken over by {other} while {mine.describe()} stood still or had lost Airflow. "
        "This try sends and saves nothing any more; the other one goes on from what was saved."
    )


def busy(lease: Lease, mine: Lease) -> str:
    """Say that another process is at work.

    :param lease: of the other one.
    :param mine: this one.
    """
    return (
        f"Sync {mine.sync_id!r} is at work elsewhere: {lease.describe()} is alive, and {mine.describe()} would send "
        "the same rows. Nothing was sent. A new try goes on when the other has ended; if two runs are not meant to "
        "overlap, keep max_active_tis_per_dag=1 and do not test a DAG while it runs."
    )


def two_instances(other: int, mine: Lease) -> str:
    """Say that two instances of a mapped task have one name.

    :param other: map index of the other one.
    :param mine: this one.
    """
    return (
        f"Two instances of the mapped task have the one name {mine.sync_id!r}: map index {other} and map index "
        f"{mine.map_index} of run {mine.run_id!r}. They would share one watermark, and one of them would send nothing. "
        "Give each its own source (a view) or partition, or write a task of its own for each."
    )
