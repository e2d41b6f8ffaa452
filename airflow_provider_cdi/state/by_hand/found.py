"""What Airflow's metadata database has of all syncs: records and leases, one query a kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.by_hand.at_work import TaskAtWork, holder, tasks_at_work
from airflow_provider_cdi.state.by_hand.places import (
    KEPT_ELSEWHERE,
    AssetPlace,
    Place,
    VariablePlace,
    XComPlace,
    shared_places,
)
from airflow_provider_cdi.state.identity import mapped_part
from airflow_provider_cdi.state.lease import LEASE_KEY, Lease
from airflow_provider_cdi.state.record import StateRecord
from airflow_provider_cdi.state.records import STATE_KEY
from airflow_provider_cdi.state.store import decoded, json_object
from airflow_provider_cdi.version_compat import asset_values, has_asset_state


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record, and where it lies.

    :param record: what it says.
    :param place: where a changed one is written.
    :param stored: as it is stored.
    """

    record: StateRecord
    place: Place
    stored: dict[str, Any]

    def is_instance_of(self, sync_id: str) -> bool:
        """Whether it is of a mapped instance of a sync, and not of a sync whose name only begins like that.

        :param sync_id: of the sync.
        """
        if mapped_part(sync_id, self.record.identity.sync_id) is None:
            return False
        if isinstance(self.place, AssetPlace):
            return self.place.asset == sync_asset(sync_id).name
        return self.record.map_index is not None

    @property
    def rank(self) -> tuple[bool, int, str]:
        """What is greater in the one that the next run finds: a place that all runs share counts first."""
        return (not isinstance(self.place, XComPlace), *self.record.age)


@dataclass(slots=True)
class FoundState:
    """All that was found.

    :param records: by the name of their sync: the one that counts first, then its copies.
    :param leases: by the name of their sync.
    :param at_work: all task instances that have no end yet.
    :param unreadable: where something lies that should be a state and cannot be read -> why.
    :param elsewhere: where only a reference lies: a task alone can follow it.
    """

    records: dict[str, list[FoundRecord]] = field(default_factory=dict)
    leases: dict[str, list[Lease]] = field(default_factory=dict)
    at_work: list[TaskAtWork] = field(default_factory=list)
    unreadable: dict[Place, str] = field(default_factory=dict)
    elsewhere: set[Place] = field(default_factory=set)

    def newest(self, *names: str) -> FoundRecord | None:
        """Return the record that counts of a sync.

        :param names: that it may have, see ``Identity.names``.
        """
        return max((found for name in names for found in self.records.get(name, ())), key=_rank, default=None)

    def unreadable_of(self, name: str, sync_id: str) -> str | None:
        """Say what lies where runs of a sync look first and cannot be read; None when there is nothing of the kind.

        :param name: of the sync, a mapped instance's with its part.
        :param sync_id: of the sync.
        """
        found = (place for place in shared_places(STATE_KEY, name, sync_id) if place in self.unreadable)
        return next((about_unreadable(place, self.unreadable[place]) for place in found), None)

    def refuse_closed(self, sync_id: str, name: str | None = None) -> None:
        """Make sure that the state of a sync can be judged, and written over.

        :param sync_id: of the sync.
        :param name: of one mapped instance; None for the sync with all of them.
        :raises ConfigurationError: when something lies there that cannot be read from here.
        """
        its_own, asset = shared_places(STATE_KEY, name or sync_id, sync_id), sync_asset(sync_id).name
        for place in (*self.unreadable, *self.elsewhere):
            if place in its_own or (name is None and isinstance(place, AssetPlace) and place.asset == asset):
                why = self.unreadable.get(place)
                raise ConfigurationError(
                    f"{about_unreadable(place, why)} Nothing was changed."
                    if why
                    else f"Only a reference lies {place.describe()}, and nothing was changed: {KEPT_ELSEWHERE}"
                )

    def instances_of(self, sync_id: str) -> list[str]:
        """Return the names of the mapped instances of a sync that have a record.

        :param sync_id: of the sync.
        """
        return sorted(name for name, found in self.records.items() if found[0].is_instance_of(sync_id))

    def holder(self, name: str, owner: str) -> str | None:
        """Say who holds the lease of a sync, or has left it behind; None when there is none.

        :param name: of the sync.
        :param owner: its own task, as records name it.
        """
        return holder(self.leases.get(name, ()), owner, self.at_work)


def about_unreadable(place: Place, why: str) -> str:
    """Say what cannot be read.

    :param place: where it lies.
    :param why: it cannot.
    """
    return f"The state {place.describe()} cannot be read: {why}"


def find_state() -> FoundState:
    """Look through assets, Variables and XComs.

    :raises sqlalchemy.exc.SQLAlchemyError: when there is no such database, or it cannot be read.
    """
    from airflow.utils.session import create_session

    found = FoundState()
    with create_session() as session:
        for place, value in _kept(session, STATE_KEY):
            _add(found, place, value)
        found.leases, found.at_work = find_leases(session), tasks_at_work(session)
    for records in found.records.values():
        records.sort(key=_rank, reverse=True)
    return found


def find_leases(session: Any) -> dict[str, list[Lease]]:
    """Look for the leases that were not given back: by the name of their sync.

    :param session: of the database.
    """
    found: dict[str, list[Lease]] = {}
    for _, value in _kept(session, LEASE_KEY):
        try:
            stored = json_object(decoded(value))
            lease = Lease.from_json(stored) if stored and "token" in stored else None
        except (ValueError, TypeError):
            continue  # whoever takes it next says so
        if lease is not None:
            found.setdefault(lease.sync_id, []).append(lease)
    return found


def _rank(found: FoundRecord) -> tuple[bool, int, str]:
    return found.rank


def _add(found: FoundState, place: Place, value: Any) -> None:
    try:
        stored = json_object(decoded(value))
        if stored is None or "sync_id" not in stored:
            if isinstance(place, AssetPlace):
                found.elsewhere.add(place)
            return  # a Variable that was emptied, or an XCom that is kept elsewhere
        record = StateRecord.from_json(stored)
    except (ConfigurationError, ValueError) as error:
        is_ours = isinstance(error, ConfigurationError)
        found.unreadable[place] = str(error) if is_ours else "it is no JSON. Mend it, or delete it."
        return
    found.records.setdefault(record.identity.sync_id, []).append(FoundRecord(record, place, stored))


def _kept(session: Any, key: str) -> Iterator[tuple[Place, Any]]:
    """Return what is kept under a key of a sync, wherever."""
    yield from _in_assets(session, key)
    yield from _in_variables(session, key)
    yield from _in_xcoms(session, key)


def _in_assets(session: Any, key: str) -> Iterator[tuple[Place, Any]]:
    if not has_asset_state():
        return
    for asset, whole_key, value in asset_values(session, key):
        yield AssetPlace(asset, whole_key), value


def _in_variables(session: Any, key: str) -> Iterator[tuple[Place, Any]]:
    from airflow.models import Variable
    from sqlalchemy import select

    for row in session.scalars(select(Variable).where(Variable.key.startswith(f"{key}__", autoescape=True))):
        yield VariablePlace(row.key), row.val


def _in_xcoms(session: Any, key: str) -> Iterator[tuple[Place, Any]]:
    from airflow.models.xcom import XComModel as Kept
    from sqlalchemy import select

    columns = (Kept.dag_id, Kept.task_id, Kept.run_id, Kept.map_index, Kept.key, Kept.value)
    for *where, value in session.execute(select(*columns).where(Kept.key == key)):
        yield XComPlace(*where), value
