"""What a sync remembers from run to run and from try to try, kept in Airflow.

One self-describing record holds the watermark. It is written to the asset state store of the sync's own asset
(Airflow 3.3 and later) and pushed as an XCom (every version); whoever reads takes the copy with the highest
generation and trusts no ordering of Airflow's. Before 3.3 a Variable can stand in for the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow.sdk import Asset

from airflow_provider_cdi.assets import sync_asset
from airflow_provider_cdi.engine.jobs import SubmittedJob
from airflow_provider_cdi.engine.position import is_later, parse_position
from airflow_provider_cdi.engine.totals import Totals
from airflow_provider_cdi.engine.watermark import Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped
from airflow_provider_cdi.variable_store import VariableStore

RECORD_VERSION = 1
STATE_KEY = "cdi_state"


@dataclass(frozen=True, slots=True)
class Identity:
    """What is fixed for the life of a sync.

    :param sync_id: stable name, ``<dag_id>.<task_id>`` by default; for one of several mapped tasks with its part.
    :param data_type: for example ``attributes``.
    :param destination: where it goes, for example ``https://rest.fra-01.braze.eu``.
    :param owner: the task that it belongs to, ``<dag_id>.<task_id>``.
    :param asset_id: the ``sync_id`` of the asset, where mapped tasks share one; empty when it is the same.
    """

    sync_id: str
    data_type: str
    destination: str
    owner: str = ""
    asset_id: str = ""

    @property
    def key(self) -> str:
        """Where the asset keeps the record: mapped tasks share the asset and have a key each."""
        return STATE_KEY if self.asset_id in ("", self.sync_id) else f"{STATE_KEY}:{self.sync_id}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run is.

    :param watermark: end of the unbroken run of outcomes.
    :param totals: outcomes up to there.
    :param rejects_written: length of the reject file up to there (see ``RejectFile``).
    :param jobs: what the destination is still at work on, behind the watermark.
    """

    watermark: Watermark | None
    totals: Totals
    rejects_written: int = 0
    jobs: tuple[SubmittedJob, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        mark = self.watermark.to_json() if self.watermark else None
        jobs = {"jobs": [[job.digest, job.name] for job in self.jobs]} if self.jobs else {}
        return {"watermark": mark, "totals": self.totals.to_json(), "rejects_written": self.rejects_written, **jobs}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Checkpoint:
        """Read what :meth:`to_json` returned."""
        mark = Watermark.from_json(stored["watermark"]) if stored["watermark"] else None
        jobs = tuple(SubmittedJob(*job) for job in stored.get("jobs", ()))
        return cls(mark, Totals.from_json(stored["totals"]), stored["rejects_written"], jobs)


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The record that is carried from run to run.

    :param identity: whose record it is.
    :param gen: grows by one with each commit, so that copies can be compared.
    :param checkpoint: the watermark, and how far the run that wrote it was.
    :param run_id: the run that wrote it.
    :param at: when, as ISO 8601.
    """

    identity: Identity
    gen: int
    checkpoint: Checkpoint
    run_id: str
    at: str

    @property
    def watermark(self) -> Watermark | None:
        """Up to where everything is delivered; None when nothing was delivered yet."""
        return self.checkpoint.watermark

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types, under 32 KB."""
        return {
            "v": RECORD_VERSION,
            "sync_id": self.identity.sync_id,
            "data_type": self.identity.data_type,
            "destination": self.identity.destination,
            "owner": self.identity.owner,
            "gen": self.gen,
            "run_id": self.run_id,
            "at": self.at,
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
        checkpoint = Checkpoint.from_json(
            {"totals": Totals().to_json(), "rejects_written": 0, **stored, "watermark": _watermark_of(stored)}
        )
        return cls(identity, stored.get("gen", 0), checkpoint, stored.get("run_id", ""), stored.get("at", ""))


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
    """Reads and commits the record of one sync.

    :param context: of the running task.
    :param identity: of the sync.
    :param at: the time to note in records, as ISO 8601.
    :param variables: keeps the record between tries where Airflow has no asset state store (before 3.3).
    """

    def __init__(
        self, context: Mapping[str, Any], identity: Identity, at: str, variables: VariableStore | None = None
    ) -> None:
        self._context = context
        self._variables = variables
        self._ti = context["ti"]
        self._identity = identity
        self._at = at
        self._record: StateRecord | None = None
        self._successes_without_record = 0

    def load(self, *, starting_over: bool = False, needs_watermark: bool = True) -> StateRecord | None:
        """Return the newest record, or None when the sync has never run.

        :param starting_over: whether this run replaces the state, whatever it is.
        :param needs_watermark: False for a window, which may also lie before every run whose XCom can be seen.
        :raises GuardTripped: when the task succeeded before and yet no record is found.
        :raises ConfigurationError: when the record belongs to another data type or destination.
        """
        found = list(self._candidates())
        own = [record for record in found if record.identity.sync_id == self._identity.sync_id]
        self._record = max(own, key=lambda record: record.gen, default=None)
        # Records of another name: the task was given a new sync_id on purpose, and nothing is lost.
        if self._record is None and all(self._is_of_this_sync(record) for record in found):
            self._successes_without_record = self._count_successes()
        if not starting_over:
            if needs_watermark and self._successes_without_record:
                raise GuardTripped(self._about_lost_state())
            self._refuse_other_identity()
        return self._record

    def commit(self, checkpoint: Checkpoint, *, starting_over: bool = False) -> None:
        """Write a new record; the watermark never goes back unless the sync starts over."""
        if not starting_over and self._record and _is_behind(checkpoint.watermark, self._record.watermark):
            checkpoint = replace(checkpoint, watermark=self._record.watermark)
        gen = self._record.gen + 1 if self._record else 1
        self._write(StateRecord(self._identity, gen, checkpoint, self._ti.run_id, self._at))

    @property
    def watermark(self) -> Watermark | None:
        """The watermark of the newest record that is known."""
        return self._record.watermark if self._record else None

    @property
    def jobs(self) -> tuple[SubmittedJob, ...]:
        """What the destination may still be at work on, as the newest record knows it."""
        return self._record.checkpoint.jobs if self._record else ()

    def touch(self) -> None:
        """Write the present record once more for a run that does not move it, so that none gets lost with age."""
        if self._successes_without_record:
            return  # an empty record would make a lost state look like a sync that never ran
        self._write(self._record or StateRecord(self._identity, 0, Checkpoint(None, Totals()), "", self._at))

    def push(self) -> None:
        """Push the record as an XCom, the copy that every version of Airflow has."""
        if self._record:
            self._ti.xcom_push(key=STATE_KEY, value=self._record.to_json())

    def _write(self, record: StateRecord) -> None:
        self._record = record
        store = self._asset_store()
        if store is not None:
            store.set(self._identity.key, record.to_json())
        elif self._variables is not None:
            self._variables.set(STATE_KEY, record.to_json())
        else:
            self.push()

    def _candidates(self) -> Iterator[StateRecord]:
        store = self._asset_store()
        found = [store.get(self._identity.key)] if store is not None else []
        # Also where there is a store: the Variable may be all that is left after an upgrade of Airflow.
        found += [self._variables.get(STATE_KEY)] if self._variables is not None else []
        # Two forms, because neither is right alone: without map_indexes a list of all prior runs comes back
        # unordered, with it the order is wrong after a run without a logical date (both Airflow 3).
        for which in ({"map_indexes": self._ti.map_index}, {}):
            pulled = self._ti.xcom_pull(task_ids=self._ti.task_id, key=STATE_KEY, include_prior_dates=True, **which)
            found += pulled if isinstance(pulled, list) else [pulled]
        for stored in found:
            if isinstance(stored, Mapping) and "sync_id" in stored:
                yield StateRecord.from_json(stored)

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
        return sync_asset(self._identity.asset_id or self._identity.sync_id)

    def _is_of_this_sync(self, record: StateRecord) -> bool:
        name = self._identity.asset_id or self._identity.sync_id
        return record.identity.sync_id == name or record.identity.sync_id.startswith(f"{name}:")

    def _count_successes(self) -> int:
        found: int = self._ti.get_ti_count(
            dag_id=self._ti.dag_id, task_ids=[self._ti.task_id], map_index=self._ti.map_index, states=["success"]
        )
        return found

    def _about_lost_state(self) -> str:
        return (
            f"Task {self._ti.task_id!r} succeeded {self._successes_without_record} times before, but the watermark of "
            f"sync {self._identity.sync_id!r} is not found: it was deleted or cleaned away{self._older()}. Nothing was "
            "sent. To send everything again, trigger the DAG with sync_mode=full; to go on from a time that you know, "
            f'write {{"sync_id": "{self._identity.sync_id}", "watermark": "2026-01-05T00:00:00Z"}} {self._place()}.'
        )

    def _older(self) -> str:
        has_only_xcoms = self._asset_store() is None and self._variables is None
        return ", or this run is older than the runs that left one" if has_only_xcoms else ""

    def _place(self) -> str:
        """Say where a person writes the record by hand."""
        if self._asset_store() is not None:
            return f"under the key {self._identity.key!r} on the state page of the asset {self._asset().name!r}"
        variable = VariableStore(self._identity.sync_id).name(STATE_KEY)
        wish = "" if self._variables is not None else ' and give the task checkpoint="variable"'
        return f"in the Variable {variable!r}{wish}"

    def _refuse_other_identity(self) -> None:
        if self._record is None:
            return
        stored = self._record.identity
        if stored.owner and self._identity.owner and stored.owner != self._identity.owner:
            raise ConfigurationError(
                f"Sync {stored.sync_id!r} belongs to task {stored.owner!r}, and task {self._identity.owner!r} has the "
                "same sync_id; each would take the other's rows. Give one of them a sync_id of its own. If the task "
                f'was renamed, remove "owner" from the record {self._place()}, and this task takes over.'
            )
        for what, old, new in (
            ("data type", stored.data_type, self._identity.data_type),
            ("destination", stored.destination, self._identity.destination),
        ):
            if old and old != new:
                raise ConfigurationError(
                    f"Sync {stored.sync_id!r} has always had the {what} {old!r} and is now given {new!r}; its "
                    "watermark would be wrong. Give the new sync a sync_id of its own, or start over with "
                    "sync_mode=full."
                )


def _is_behind(one: Watermark | None, other: Watermark | None) -> bool:
    if one is None or other is None:
        return other is not None
    return is_later(other.position, one.position)
