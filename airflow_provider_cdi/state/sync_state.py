"""What a run does with the state of its sync: it holds the lease, loads the record and commits new ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.progress import RowsBelow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, GuardTripped, Superseded
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.state.airflow_calls import saving
from airflow_provider_cdi.state.identity import Identity, refuse_other_identity
from airflow_provider_cdi.state.lease import Lease, LeasePlace, two_instances
from airflow_provider_cdi.state.lease_keeper import Heartbeat, LeaseKeeper
from airflow_provider_cdi.state.record import Checkpoint, StateRecord
from airflow_provider_cdi.state.records import Records
from airflow_provider_cdi.state.store import Instance, Stores
from airflow_provider_cdi.version_compat import TaskDeferred, cdi_command, has_thread_safe_calls

_log = logging.getLogger(__name__)


class SyncState:
    """Reads and commits the record of one sync, for a run that holds its lease.

    :param ti: the running task instance.
    :param identity: of the sync.
    :param at: the time to note in records, as ISO 8601.
    :param stores: where the sync keeps what it remembers.
    :param log: of the task.
    """

    def __init__(self, ti: Any, identity: Identity, at: str, stores: Stores, *, log: Any = _log) -> None:
        self._ti = ti
        self.identity = identity
        self._at = at
        self._log = log
        self.stores = stores
        self._records = Records(stores, identity, ti, log)
        self._record: StateRecord | None = None
        self._successes_without_record = 0
        self._heartbeat: Heartbeat | None = None
        # Another task may send rejects of the sync: it has the sync's names, and its own beside them.
        own = getattr(ti, "own", ti)
        self._mine = Lease(
            identity.sync_id,
            ti.run_id,
            ti.try_number,
            Instance.of(own).map_index,
            dag_id=own.dag_id,
            task_id=own.task_id,
        )
        place = LeasePlace(stores.first, identity.sync_id, is_shared=bool(stores.shared))
        self.lease = LeaseKeeper(place, self._mine, state_of=self._state_of, log=log, take_turns=own is not ti)

    # --- the lease ------------------------------------------------------------------------------------

    @contextmanager
    def at_work(self, *, sends: bool, goes_on: bool = False) -> Iterator[None]:
        """Hold the lease, and leave the XCom copy behind however the work ends.

        :param sends: False for a dry run, which disturbs nobody and holds no lease.
        :param goes_on: whether this try goes on after a deferral.
        """
        if sends:
            self.begin(goes_on=goes_on)
        is_deferred = False
        try:
            yield
        except TaskDeferred:
            is_deferred = True
            raise
        finally:
            self.end(deferred=is_deferred)

    def begin(self, *, goes_on: bool = False) -> None:
        """Take the lease and keep it young, until :meth:`end`.

        :param goes_on: whether this try goes on after a deferral.
        :raises RetryLater: when another process is at work on the sync.
        :raises ConfigurationError: when it is another instance of the same mapped task.
        """
        with saving(self.identity.sync_id):
            self.lease.acquire(goes_on=goes_on)
        if has_thread_safe_calls():
            self._heartbeat = Heartbeat(self.confirm, self._log)
            self._heartbeat.start()

    def confirm(self) -> None:
        """Make sure that this try is still the one that may act.

        :raises Superseded: when it is not.
        :raises RetryLater: when Airflow does not answer.
        """
        with self._saving():
            self.lease.beat()

    def end(self, *, deferred: bool = False) -> None:
        """Leave the XCom copy behind and give the lease back; a try that has lost it leaves nothing.

        :param deferred: whether the task waits without a process, and goes on later.
        """
        if self._heartbeat is not None:
            self._heartbeat.stop()
        try:
            with self._saving():
                self.lease.check()
                self.push()
                self.lease.release(deferred=deferred)
        except CdiError as error:  # the record itself is saved already; the run's own error, if any, matters more
            self._log.warning("%s", error)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            with saving(self.identity.sync_id):
                yield
        except Superseded:
            self.lease.lose()
            raise

    def _state_of(self, lease: Lease) -> str | None:
        """Return what Airflow says of the task instance that holds a lease."""
        dag_id, task_id = lease.dag_id or self._ti.dag_id, lease.task_id or self._ti.task_id
        found = self._ti.get_task_states(
            dag_id=dag_id,
            task_ids=[task_id],
            run_ids=[lease.run_id],
            map_index=lease.map_index if lease.map_index >= 0 else None,
        )
        states = found.get(lease.run_id, {})
        name = task_id if lease.map_index < 0 else f"{task_id}_{lease.map_index}"
        state = states.get(name, states.get(task_id))
        return str(getattr(state, "value", state)) if state is not None else None

    # --- the record -----------------------------------------------------------------------------------

    def load(self, *, starting_over: bool = False, needs_watermark: bool = True) -> StateRecord | None:
        """Return the newest record, or None when the sync has never run.

        :param starting_over: whether this run replaces the state, whatever it is.
        :param needs_watermark: False for a window, which may also lie before every run whose XCom can be seen.
        :raises GuardTripped: when the task succeeded before and yet no record is found.
        :raises ConfigurationError: when the record belongs to another source, data type or destination.
        """
        record = self._records.newest(self.lease.gen)
        if record is None and not self._records.has_others:
            self._successes_without_record = self._count_successes()
        if needs_watermark and not starting_over and self._successes_without_record:
            raise GuardTripped(self._about_lost_state())
        if record is not None:
            self._refuse_equal_names(record)
            if record.moved_to and not starting_over:
                raise ConfigurationError(_about_move(record))
            record = record if starting_over else self._taken_over(record)
        self._record = record
        return record

    def _taken_over(self, record: StateRecord) -> StateRecord:
        """Return the record as this sync's own: those of earlier versions know less of what they belong to."""
        refuse_other_identity(record.identity, self.identity, self._records.place())
        return replace(record, identity=self.identity)

    def commit(self, checkpoint: Checkpoint, *, starting_over: bool = False) -> None:
        """Write a new record; the watermark never goes back unless the sync starts over.

        :raises Superseded: when another try has taken over; nothing is written then.
        :raises RetryLater: when Airflow does not answer.
        """
        if not starting_over and self._record and _is_behind(checkpoint.watermark, self._record.watermark):
            checkpoint = replace(checkpoint, watermark=self._record.watermark)
        gen = max(self._record.gen if self._record else 0, self.lease.gen) + 1
        changed = self._record.changed if self._record else ()
        record = StateRecord(self.identity, gen, checkpoint, self._ti.run_id, self._at, self._map_index)
        self._write(replace(record, changed=changed))

    def note_known_rows(self, watermark: Watermark) -> None:
        """Write the record once more with a watermark of the same position that knows other rows there.

        It stays the record of the run that wrote it, which may go on from it.

        :param watermark: the record's own, with other ties.
        :raises Superseded: see :meth:`commit`.
        :raises RetryLater: see :meth:`commit`.
        """
        record = self._record
        if record is not None and record.watermark and record.watermark.position == watermark.position:
            checkpoint = replace(record.checkpoint, watermark=watermark)
            self._write(replace(record, gen=record.gen + 1, checkpoint=checkpoint))

    @property
    def record(self) -> StateRecord | None:
        """The newest record that is known, None when the sync has never run."""
        return self._record

    @property
    def watermark(self) -> Watermark | None:
        """The watermark of the newest record that is known."""
        return self._record.watermark if self._record else None

    @property
    def jobs(self) -> tuple[SubmittedJob, ...]:
        """What the destination may still be at work on, as the newest record knows it."""
        return self._record.checkpoint.jobs if self._record else ()

    @property
    def below(self) -> RowsBelow | None:
        """How many rows lay below the watermark, as the newest record knows it."""
        return self._record.checkpoint.below if self._record else None

    def touch(self) -> None:
        """Write the present record once more for a run that does not move it, so that none gets lost with age."""
        if self._successes_without_record:
            return  # an empty record would make a lost state look like a sync that never ran
        if self._record is None:
            self._write(StateRecord(self.identity, 0, Checkpoint(None, Totals()), "", self._at))
        elif self._records.is_only_in_copies:
            self._write(self._record)

    def reject_parts(self) -> list[RejectPart]:
        """Return the parts of rejects that the newest record and the copies of earlier ones name."""
        known = self._records.known() + ([self._record] if self._record else [])
        return list({part.path: part for record in known for part in record.checkpoint.rejects}.values())

    def push(self) -> None:
        """Leave the copy of the record that every version of Airflow has, an XCom."""
        if self._record is not None:
            self._records.push(self._record)

    @property
    def _map_index(self) -> int | None:
        index: int | None = self._ti.map_index
        return None if index is None or index < 0 else index

    def _write(self, record: StateRecord) -> None:
        with self._saving():
            if self._heartbeat is None:
                self.lease.beat()  # no thread does it
            else:
                self.lease.check()
            self._record = self._records.listed(record)
            self._records.write(self._record)
            self.lease.saved(self._record.gen)

    def _count_successes(self) -> int:
        found: int = self._ti.get_ti_count(
            dag_id=self._ti.dag_id, task_ids=[self._ti.task_id], map_index=self._ti.map_index, states=["success"]
        )
        return found

    def _refuse_equal_names(self, record: StateRecord) -> None:
        is_of_this_run = record.run_id == self._ti.run_id
        if is_of_this_run and record.map_index is not None and record.map_index != self._map_index:
            raise ConfigurationError(two_instances(record.map_index, self._mine))

    def _about_lost_state(self) -> str:
        why = f", or {self._records.may_miss()}" if self._records.may_miss() else ""
        return (
            f"Task {self._ti.task_id!r} succeeded {self._successes_without_record} times before, but the watermark of "
            f"sync {self.identity.sync_id!r} is not found: it was deleted or cleaned away{why}, or nothing "
            "but a hand marked those runs as successful, and the sync has never run. Nothing was sent. To send "
            "everything, trigger the DAG with sync_mode=full; to go on from a time that you know, "
            f"{self._set_by_hand()}, or write "
            f'{{"sync_id": "{self.identity.sync_id}", "watermark": "2026-01-05T00:00:00Z"}} {self._records.place()}.'
        )

    def _set_by_hand(self) -> str:
        which = f" --map-index {self._map_index}" if self._map_index is not None else ""
        return (
            f"call `{cdi_command('state set')} --dag-id {self._ti.dag_id} --task-id {self._ti.task_id}{which} "
            "--watermark 2026-01-05T00:00:00Z --why …`"
        )


def _about_move(record: StateRecord) -> str:
    change = record.changed[-1] if record.changed else None
    by = f" by {change.by} at {change.at} ({change.why})" if change else ""
    return (
        f"Sync {record.identity.sync_id!r} was moved to {', '.join(record.moved_to)}{by}: its rows are sent under that "
        "name, and this task would send them once more. Nothing was sent. If this task is gone on purpose, remove it "
        "from the DAG; if it is a new sync, give it a sync_id of its own; to take the move back, "
        f"`{cdi_command('state reset')}` or `state set` with --sync-id {record.identity.sync_id!r} begin it anew."
    )


def _is_behind(one: Watermark | None, other: Watermark | None) -> bool:
    if one is None or other is None:
        return other is not None
    return is_later(other.position, one.position)
