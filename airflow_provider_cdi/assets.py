"""The asset that stands for a sync. Importing this costs nothing beyond the Airflow SDK."""

from __future__ import annotations

from urllib.parse import quote

from airflow.sdk import Asset


def sync_asset(sync_id: str) -> Asset:
    """Return the asset of a sync: it carries the state, and other DAGs can be scheduled on it.

    :param sync_id: the sync's stable name.
    """
    return Asset(name=f"cdi_sync:{sync_id}", uri=f"x-cdi-sync://airflow-provider-cdi/{quote(sync_id, safe='')}")
