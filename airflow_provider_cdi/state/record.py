"""What a sync remembers from run to run and from try to try, kept in Airflow.

One self-describing record holds the watermark. It is written to the asset state store of the sync's own asset
(Airflow 3.3 and later) and pushed as an XCom (every version); whoever reads takes the copy with the highest
generation and trusts no ordering of Airflow's. Before 3.3 a Variable can stand in for the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from airflow.sdk import Asset

from airflow_provider_cdi import version_compat
from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.position import is_later, parse_position
from airflow_provider_cdi.engine.rows.progress import RowsBelow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, GuardTripped, Superseded
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.state.airflow_calls import saving
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.identity import Identity, Reading, refuse_other_identity
from airflow_provider_cdi.state.lease import LEASE_KEY, Heartbeat, Lease, LeaseKeeper, LeasePlace, two_instances
from airflow_provider_cdi.state.lease_places import StoredLease, XComLease
from airflow_provider_cdi.state.variable_store import VariableStore
from airflow_provider_cdi.version_compat import TaskDeferred, has_thread_safe_calls, lists_prior_xcoms

RECORD_VERSION = 1
STATE_KEY = "cdi_state"
#: XCom copies of the record that are kept; the copies of earlier runs are deleted, some with each run.
COPIES_KEPT, COPIES_DELETED_AT_ONCE = 20, 50

_log = logging.getLogger(__name__)


class XComCopy(NamedTuple):
    """Whose XCom a copy of the record is.

    :param run_id: of which run.
    :param map_index: of which mapped instance, -1 for none.
    """

    run_id: str
    map_index: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run is.

    :param watermark: end of the unbroken run of outcomes.
    :param totals: outcomes up to there.
    :param rejects: the parts of the run's rejects up to there (see ``RejectFile``).
    :param jobs: what the destination is still at work on, behind the watermark.
    :param below: how many rows lie below the watermark, where they are counted.
    """

    watermark: Watermark | None
    totals: Totals
    rejects: tuple[RejectPart, ...] = ()
    jobs: tuple[SubmittedJob, ...] = ()
    below: RowsBelow | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        mark = self.watermark.to_json() if self.watermark else None
        jobs = {"jobs": [[job.digest, job.name] for job in self.jobs]} if self.jobs else {}
        rejects = [part.to_json() for part in self.rejects]
        below = {"below": self.below.to_json()} if self.below else {}
        return {"watermark": mark, "totals": self.totals.to_json(), "reject_parts": rejects, **jobs, **below}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Checkpoint:
        """Read what :meth:`to_json` returned."""
        mark = Watermark.from_json(stored["watermark"]) if stored["watermark"] else None
        jobs = tuple(SubmittedJob(*job) for job in stored.get("jobs", ()))
        totals = Totals.from_json(stored["totals"])
        below = RowsBelow.from_json(stored["below"]) if stored.get("below") else None
        return cls(mark, totals, _reject_parts(stored, totals), jobs, below)


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The record that is carried from run to run.

    :param identity: whose record it is.
    :param gen: grows by one with each commit, so that copies can be compared.
    :param checkpoint: the watermark, and how far the run that wrote it was.
    :param run_id: the run that wrote it.
    :param at: when, as ISO 8601.
    :param map_index: which instance of a mapped task wrote it, None where none is mapped.
    :param copies: the XComs that hold a copy of it or of earlier ones, the newest last.
    """

    identity: Identity
    gen: int
    checkpoint: Checkpoint
    run_id: str
    at: str
    map_index: int | None = None
    copies: tuple[XComCopy, ...] = ()

    @property
    def pushed_as(self) -> XComCopy:
        """Whose XCom it is, if it was found in one."""
        return (
            self.copies[-1] if self.copies else XComCopy(self.run_id, -1 if self.map_index is None else self.map_index)
        )

    @property
    def watermark(self) -> Watermark | None:
        """Up to where everything is delivered; None when nothing was delivered yet."""
        return self.checkpoint.watermark

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types, under 32 KB."""
        reads = self.identity.reads
        known = {
            "reads": reads.to_json() if reads else None,
            "map_index": self.map_index,
            "copies": [list(copy) for copy in self.copies] or None,
        }
        return {
            "v": RECORD_VERSION,
            "sync_id": self.identity.sync_id,
            "data_type": self.identity.data_type,
            "destination": self.identity.destination,
            "owner": self.identity.owner,
            "gen": self.gen,
            "run_id": self.run_id,
            "at": self.at,
            **{name: value for name, value in known.items() if value is not None},
            **self.checkpoint.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> StateRecord:
        """Read a record of this or an earlier version, also one that a person wrote by hand.

        By hand, ``sync_id`` and ``watermark`` are enough; ``{"position": "2026-01-05T00:00:00Z"}`` and a plain
        timestamp both make a watermark.

        :raises ConfigurationError: when a newer version of this package wrote it.
        """
        if stored.get("v", RECORD_VERSION) > RECORD_VERSION:
            raise ConfigurationError(
                f"The state of sync {stored.get('sync_id')!r} was written by a newer airflow-provider-cdi (state "
                f"version {stored['v']}, this one knows {RECORD_VERSION}). Upgrade this worker."
            )
        identity = Identity(*(stored.get(field, "") for field in ("sync_id", "data_type", "destination", "owner")))
        checkpoint = Checkpoint.from_json({"totals": Totals().to_json(), **stored, "watermark": _watermark_of(stored)})
        if stored.get("reads"):
            identity = replace(identity, reads=Reading.from_json(stored["reads"]))
        copies = tuple(XComCopy(*copy) for copy in stored.get("copies", ()))
        return cls(
            identity,
            stored.get("gen", 0),
            checkpoint,
            run_id=stored.get("run_id", ""),
            at=stored.get("at", ""),
            map_index=stored.get("map_index"),
            copies=copies,
        )


def _reject_parts(stored: Mapping[str, Any], totals: Totals) -> tuple[RejectPart, ...]:
    if stored.get("rejects_written"):  # until 0.1 a run had one file, and its record only the length of it
        return (RejectPart("", "", 0, totals.rejected + totals.unknown),)
    return tuple(map(RejectPart.from_json, stored.get("reject_parts", ())))


def _watermark_of(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    mark = stored.get("watermark")
    if not mark:
        return None
    mark = {"position": mark} if isinstance(mark, str) else dict(mark)
    try:
        return {**mark, "position": parse_position(mark["position"])}
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            f"The watermark in the state of sync {stored.get('sync_id')!r} is not a timestamp. Write it as "
            '"2026-01-05T00:00:00Z" on the asset page of the sync.'
        ) from error


class SyncState:
    """Reads and commits the record of one sync, for a run that holds its lease.

    :param context: of the running task.
    :param identity: of the sync.
    :param at: the time to note in records, as ISO 8601.
    :param variables: keeps the record between tries where Airflow has no asset state store (before 3.3).
    :param log: of the task.
    :param drop_xcom: deletes the XCom of a run, ``(ti, key, run_id, map_index)``; by default Airflow's way.
    """

    def __init__(
        self,
        context: Mapping[str, Any],
        identity: Identity,
        at: str,
        variables: VariableStore | None = None,
        *,
        log: Any = _log,
        drop_xcom: Callable[[Any, str, str, int], None] | None = None,
    ) -> None:
        self._context = context
        self.variables = variables
        self._ti = context["ti"]
        self.identity = identity
        self._at = at
        self._log = log
        self._drop_xcom = drop_xcom or version_compat.drop_xcom
        self._record: StateRecord | None = None
        self._copies: tuple[XComCopy, ...] = ()
        self._successes_without_record = 0
        self._is_only_in_xcoms = False
        self._heartbeat: Heartbeat | None = None
        mine = Lease(identity.sync_id, self._ti.run_id, self._ti.try_number, self._copy.map_index)
        self._mine = mine
        self.lease = LeaseKeeper(self._lease_place(mine), mine, state_of=self._state_of, log=log)

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
        found = self._ti.get_task_states(
            dag_id=self._ti.dag_id,
            task_ids=[self._ti.task_id],
            run_ids=[lease.run_id],
            map_index=lease.map_index if lease.map_index >= 0 else None,
        )
        states = found.get(lease.run_id, {})
        name = self._ti.task_id if lease.map_index < 0 else f"{self._ti.task_id}_{lease.map_index}"
        state = states.get(name, states.get(self._ti.task_id))
        return str(getattr(state, "value", state)) if state is not None else None

    def _lease_place(self, mine: Lease) -> LeasePlace:
        store = self._asset_store()
        if store is not None:
            return StoredLease(store, self.identity.keys(LEASE_KEY)[0])
        if self.variables is not None:
            return StoredLease(self.variables, LEASE_KEY)
        return XComLease(self._ti, mine, self._drop_xcom)

    # --- the record -----------------------------------------------------------------------------------

    def load(self, *, starting_over: bool = False, needs_watermark: bool = True) -> StateRecord | None:
        """Return the newest record, or None when the sync has never run.

        :param starting_over: whether this run replaces the state, whatever it is.
        :param needs_watermark: False for a window, which may also lie before every run whose XCom can be seen.
        :raises GuardTripped: when the task succeeded before and yet no record is found.
        :raises ConfigurationError: when the record belongs to another source, data type or destination.
        """
        own, others = self._find()
        record = max(own, key=_age, default=None)
        # Records of another name: the task was given a new sync_id on purpose, and nothing is lost.
        if record is None and not others:
            self._successes_without_record = self._count_successes()
        if needs_watermark and not starting_over and self._successes_without_record:
            raise GuardTripped(self._about_lost_state())
        if record is not None:
            self._refuse_equal_names(record)
            self._copies = self._copies or record.copies
            record = record if starting_over else self._taken_over(record)
        self._record = record
        return record

    def _taken_over(self, record: StateRecord) -> StateRecord:
        """Return the record as this sync's own: those of earlier versions know less of what they belong to."""
        refuse_other_identity(record.identity, self.identity, self._place())
        return replace(record, identity=self.identity)

    def commit(self, checkpoint: Checkpoint, *, starting_over: bool = False) -> None:
        """Write a new record; the watermark never goes back unless the sync starts over.

        :raises Superseded: when another try has taken over; nothing is written then.
        :raises RetryLater: when Airflow does not answer.
        """
        if not starting_over and self._record and _is_behind(checkpoint.watermark, self._record.watermark):
            checkpoint = replace(checkpoint, watermark=self._record.watermark)
        gen = self._record.gen + 1 if self._record else 1
        self._write(StateRecord(self.identity, gen, checkpoint, self._ti.run_id, self._at, self._map_index))

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
        elif self._is_only_in_xcoms:
            self._write(self._record)

    def push(self) -> None:
        """Push the record as an XCom, the copy that every version of Airflow has, and delete the oldest copies.

        Without that they would pile up with every run, and whoever looks for the newest one has to read them all.
        """
        if self._record is None:
            return
        self._ti.xcom_push(key=STATE_KEY, value=self._listed(self._record).to_json())
        stale = self._all_copies()[:-COPIES_KEPT][:COPIES_DELETED_AT_ONCE]
        for run_id, map_index in stale:
            self._drop_xcom(self._ti, STATE_KEY, run_id, map_index)
        self._copies = tuple(copy for copy in self._copies if copy not in stale)

    def _listed(self, record: StateRecord) -> StateRecord:
        """Return the record with the XCom of this run among its copies."""
        return replace(record, copies=self._all_copies()[-COPIES_KEPT:])

    def _all_copies(self) -> tuple[XComCopy, ...]:
        return (*(copy for copy in self._copies if copy != self._copy), self._copy)

    @property
    def _copy(self) -> XComCopy:
        return XComCopy(self._ti.run_id, -1 if self._map_index is None else self._map_index)

    @property
    def _map_index(self) -> int | None:
        index: int | None = self._ti.map_index
        return None if index is None or index < 0 else index

    def _write(self, record: StateRecord) -> None:
        with self._saving():
            if self._heartbeat is None:
                self.lease.beat()  # Airflow 3.0 has no thread that does it
            else:
                self.lease.check()
            self._record = self._listed(record)
            store = self._asset_store()
            if store is not None:
                store.set(self.identity.keys(STATE_KEY)[0], self._record.to_json())
            elif self.variables is not None:
                self.variables.set(STATE_KEY, self._record.to_json())
            else:
                self.push()

    def _find(self) -> tuple[list[StateRecord], list[StateRecord]]:
        """Return the records of this sync, and those that the task has left under other names.

        Where a store has the record the XComs are not asked: there is one of each earlier run.
        """
        stored = [record for record in self._stored() if record.identity.sync_id in self.identity.names]
        is_another_s = any(self._may_be_another_s(record) for record in stored)
        self._is_only_in_xcoms = not stored
        if stored and not is_another_s:
            return stored, []
        pushed = self._pushed()
        own = [record for record in pushed if record.identity.sync_id in self.identity.names]
        return own if is_another_s and own else stored + own, [one for one in pushed if not self._is_of_this_sync(one)]

    def _may_be_another_s(self, record: StateRecord) -> bool:
        """Whether a task whose ids meet this one's may have written a record of version 1: a name had no slash then."""
        is_of_version_1 = bool(record.identity.owner) and record.identity.reads is None and not record.copies
        return is_of_version_1 and self.identity.owner == self.identity.sync_id and "." in self._ti.task_id

    def _stored(self) -> Iterator[StateRecord]:
        store = self._asset_store()
        for key in self.identity.keys(STATE_KEY) if store is not None else ():
            yield from _records(store.get(key))
        # Also where there is an asset store: the Variable may be all that is left after an upgrade of Airflow.
        for name in self.identity.names if self.variables is not None else ():
            yield from _records(VariableStore(name).get(STATE_KEY))

    def _pushed(self) -> list[StateRecord]:
        # Not map_indexes=...: the order is wrong after a run without a logical date. The list has all, in no order.
        ways: list[dict[str, Any]] = [{}]
        if not lists_prior_xcoms():
            ways.append({"map_indexes": self._ti.map_index})
        found: list[StateRecord] = []
        for which in ways:
            pulled = self._ti.xcom_pull(task_ids=self._ti.task_id, key=STATE_KEY, include_prior_dates=True, **which)
            found += [one for value in (pulled if isinstance(pulled, list) else [pulled]) for one in _records(value)]
        own = sorted((one for one in found if one.identity.sync_id in self.identity.names), key=_age)
        self._copies = tuple(dict.fromkeys(one.pushed_as for one in own if one.run_id))
        return found

    def _asset_store(self) -> Any:
        """Return the store of the sync's asset, None where there is none (before 3.3)."""
        stores = self._context.get("asset_state_store")
        if stores is None and "task_state_store" in self._context:
            raise ConfigurationError(
                f"The mapped task {self._ti.task_id!r} does not declare its sync, so Airflow gives it no place for its "
                "watermark: write its operator as .partial(**mapped_sync(...), ...)."
            )
        return stores[self._asset()] if stores is not None else None

    def _asset(self) -> Asset:
        return sync_asset(self.identity.asset_id or self.identity.sync_id)

    def _is_of_this_sync(self, record: StateRecord) -> bool:
        name, found = self.identity.asset_id or self.identity.sync_id, record.identity.sync_id
        return found in (name, *self.identity.names) or found.startswith(f"{name}:")

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
        return (
            f"Task {self._ti.task_id!r} succeeded {self._successes_without_record} times before, but the watermark of "
            f"sync {self.identity.sync_id!r} is not found: it was deleted or cleaned away{self._older()}, or nothing "
            "but a hand marked those runs as successful, and the sync has never run. Nothing was sent. To send "
            "everything, trigger the DAG with sync_mode=full; to go on from a time that you know, "
            f'write {{"sync_id": "{self.identity.sync_id}", "watermark": "2026-01-05T00:00:00Z"}} {self._place()}.'
        )

    def _older(self) -> str:
        has_only_xcoms = self._asset_store() is None and self.variables is None
        return ", or this run is older than the runs that left one" if has_only_xcoms else ""

    def _place(self) -> str:
        """Say where a person writes the record by hand."""
        if self._asset_store() is not None:
            key = self.identity.keys(STATE_KEY)[0]
            return f"under the key {key!r} on the state page of the asset {self._asset().name!r}"
        variable = VariableStore(self.identity.sync_id).name(STATE_KEY)
        wish = "" if self.variables is not None else ' and give the task checkpoint="variable"'
        return f"in the Variable {variable!r}{wish}"


def _age(record: StateRecord) -> tuple[int, str]:
    return record.gen, record.at


def _records(stored: Any) -> Iterator[StateRecord]:
    if isinstance(stored, Mapping) and "sync_id" in stored:
        yield StateRecord.from_json(stored)


def _is_behind(one: Watermark | None, other: Watermark | None) -> bool:
    if one is None or other is None:
        return other is not None
    return is_later(other.position, one.position)
