"""State in the store of the sync's asset (Airflow 3.3 and later), which all its runs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_cdi.state.store import Instance, SharedStore, json_object


class AssetStore(SharedStore):
    """Keeps values in the asset state store.

    :param store: Airflow's store of the asset, with ``get``, ``set`` and ``delete``.
    :param asset: name of the asset.
    :param suffix: what each key ends with, where mapped tasks share the asset.
    """

    def __init__(self, store: Any, asset: str, suffix: str = "") -> None:
        self._store = store
        self._asset = asset
        self._suffix = suffix

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value, None when there is none."""
        return json_object(self._store.get(key + self._suffix))

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value: the last writer wins, Airflow has no way to compare first."""
        self._store.set(key + self._suffix, value)

    def delete(self, key: str, of: Instance) -> None:
        """Forget the value, whoever wrote it."""
        self._store.delete(key + self._suffix)

    def by_hand(self, key: str) -> str:
        """Name key and page."""
        return f"under the key {key + self._suffix!r} on the state page of the asset {self._asset!r}"
