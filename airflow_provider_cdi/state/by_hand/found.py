"""What Airflow's metadata database has of all syncs: records and leases, one query a kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.by_hand.places import AssetPlace, Place, VariablePlace, XComPlace
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

    @property
    def rank(self) -> tuple[bool, int, str]:
        """What is greater in the one that the next run finds: a place that all runs share counts first."""
        return (not isinstance(self.place, XComPlace), *self.record.age)


@dataclass(slots=True)
class FoundState:
    """All that was found.

    :param records: by the name of their sync: the one that counts first, then its copies.
    :param leases: by the name of their sync.
    :param unreadable: what lies where a state should and is none, in words.
    """

    records: dict[str, list[FoundRecord]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def newest(self, *names: str) -> FoundRecord | None:
        """Return the record that counts of a sync.

        :param names: that it may have, see ``Identity.names``.
        """
        return max((found for name in names for found in self.records.get(name, ())), key=_rank, default=None)


def find_state() -> FoundState:
    """Look through assets, Variables and XComs.

    :raises sqlalchemy.exc.SQLAlchemyError: when there is no such database, or it cannot be read.
    """
    from airflow.utils.session import create_session

    found = FoundState()
    with create_session() as session:
        for place, key, value in (*_in_assets(session), *_in_variables(session), *_in_xcoms(session)):
            _add(found, place, key, value)
    for records in found.records.values():
        records.sort(key=_rank, reverse=True)
    return found


def _rank(found: FoundRecord) -> tuple[bool, int, str]:
    return found.rank


def _add(found: FoundState, place: Place, key: str, value: Any) -> None:
    try:
        stored = json_object(decoded(value))
        if stored is None or "sync_id" not in stored:
            return  # a reference to another place, or a lease that was given back
        if key == LEASE_KEY:
            if "token" in stored:  # else one that was given back
                found.leases[stored["sync_id"]] = Lease.from_json(stored)
            return
        record = StateRecord.from_json(stored)
    except (ConfigurationError, ValueError, KeyError, TypeError) as error:
        why = str(error) if isinstance(error, ConfigurationError) else f"it is no record ({type(error).__name__})"
        found.unreadable.append(f"The state {place.describe()} cannot be read: {why}")
        return
    found.records.setdefault(record.identity.sync_id, []).append(FoundRecord(record, place, stored))


def _in_assets(session: Any) -> Iterator[tuple[Place, str, Any]]:
    if not has_asset_state():
        return
    for asset, key, value in asset_values(session, (STATE_KEY, LEASE_KEY)):
        yield AssetPlace(asset, key), key.partition(":")[0], value


def _in_variables(session: Any) -> Iterator[tuple[Place, str, Any]]:
    from airflow.models import Variable
    from sqlalchemy import or_, select

    begins = or_(*(Variable.key.startswith(f"{key}__", autoescape=True) for key in (STATE_KEY, LEASE_KEY)))
    for row in session.scalars(select(Variable).where(begins)):
        yield VariablePlace(row.key), row.key.partition("__")[0], row.val


def _in_xcoms(session: Any) -> Iterator[tuple[Place, str, Any]]:
    from airflow.models.xcom import XComModel as Kept
    from sqlalchemy import select

    columns = (Kept.dag_id, Kept.task_id, Kept.run_id, Kept.map_index, Kept.key, Kept.value)
    for dag_id, task_id, run_id, map_index, key, value in session.execute(
        select(*columns).where(Kept.key.in_((STATE_KEY, LEASE_KEY)))
    ):
        yield XComPlace(dag_id, task_id, run_id, map_index, key), key, value
