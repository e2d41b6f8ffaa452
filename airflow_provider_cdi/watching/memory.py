"""What watches told of a sync, in the Variable ``cdi_watch__<sync_id>``: tasks of any DAG and version keep one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_cdi.state.store import StateStore

WATCH_KEY = "cdi_watch"


class WatchMemory:
    """Which alarms of one watch each contact knows. It is read when it is made, and written by each change.

    Several watches may look at one sync with bounds of their own, so each ends only what it told itself.

    :param store: where it is kept.
    :param sync_id: of the sync.
    :param watch: names the watch.
    :param now: the time.
    """

    def __init__(self, store: StateStore, sync_id: str, watch: str, now: datetime) -> None:
        self._store, self._watch = store, watch
        found = store.get(WATCH_KEY)
        self._value: dict[str, Any] = found or {"sync_id": sync_id, "since": now.isoformat(), "told": {}}
        if found is None:
            self._save()

    @property
    def since(self) -> datetime:
        """When a watch saw the sync first."""
        return datetime.fromisoformat(self._value["since"])

    @property
    def told(self) -> dict[str, list[str]]:
        """The alarms that are on, with the contacts that have heard."""
        known: dict[str, list[str]] = self._value["told"].setdefault(self._watch, {})
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
