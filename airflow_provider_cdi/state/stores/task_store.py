"""State in the store of a task instance (Airflow 3.3 and later): of one run alone, through its retries and clears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_cdi.state.store import Instance, SharedStore, json_object
from airflow_provider_cdi.version_compat import never_expire


class TaskStore(SharedStore):
    """Keeps values in the task state store, as long as the run exists.

    :param store: Airflow's store of the task instance, with ``get``, ``set`` and ``delete``.
    :param suffix: what each key ends with, where one task does the work of several syncs.
    """

    def __init__(self, store: Any, suffix: str = "") -> None:
        self._store = store
        self._suffix = suffix

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value, None when there is none."""
        return json_object(self._store.get(key + self._suffix))

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value: Airflow would forget it after 30 days."""
        self._store.set(key + self._suffix, value, retention=never_expire())

    def delete(self, key: str, of: Instance) -> None:
        """Forget the value: a task instance sees its own store alone."""
        self._store.delete(key + self._suffix)

    def by_hand(self, key: str) -> str:
        """Name key and page."""
        return f"under the key {key + self._suffix!r} on the Storage tab of the task instance"
