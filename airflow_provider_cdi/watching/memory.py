"""What a watch told of a sync, in a Variable: tasks of any DAG and version of Airflow keep one.

Several watches may look at one sync at the same moment with bounds of their own, so each has a Variable of its own,
``cdi_watch__<sync_id>_<dag_id>.<task_id>`` and a digest, and ends only what it told itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_cdi.state.store import StateStore
from airflow_provider_cdi.state.stores.variable_store import VariableStore

WATCH_KEY = "cdi_watch"


class WatchMemory:
    """Which alarms each contact of a watch knows. It is read when it is made, and written by each change.

    :param store: where it is kept.
    :param sync_id: of the sync.
    :param now: the time.
    """

    def __init__(self, store: StateStore, sync_id: str, now: datetime) -> None:
        self._store = store
        found = store.get(WATCH_KEY)
        self._value: dict[str, Any] = found or {"sync_id": sync_id, "since": now.isoformat(), "told": {}}
        if found is None:
            self._save()

    @classmethod
    def of(cls, sync_id: str, watch: str, now: datetime) -> WatchMemory:
        """Read what a watch told of a sync.

        :param sync_id: of the sync.
        :param watch: names the watch, such as ``its_dag.its_task``.
        :param now: the time.
        """
        return cls(VariableStore(f"{sync_id}/{watch}"), sync_id, now)

    @property
    def since(self) -> datetime:
        """When the watch saw the sync first."""
        return datetime.fromisoformat(self._value["since"])

    @property
    def told(self) -> dict[str, list[str]]:
        """The alarms that are on, with the contacts that have heard."""
        known: dict[str, list[str]] = self._value["told"]
        return known

    def heard(self, alarm: str, contact: str) -> None:
        """Note that a contact knows of an alarm."""
        self.told.setdefault(alarm, []).append(contact)
        self._save()

    def heard_of_the_end(self, alarm: str, contact: str) -> None:
        """Note that a contact knows that an alarm is over."""
        self.told[alarm].remove(contact)
        if not self.told[alarm]:
            del self.told[alarm]
        self._save()

    def _save(self) -> None:
        self._store.set(WATCH_KEY, self._value)
