"""The asset that stands for a sync. Importing this costs nothing beyond the Airflow SDK."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from airflow.sdk import Asset

#: Signs that a name keeps beside letters and digits.
_KEPT = " .:/@+,=()"


def sync_asset(sync_id: str) -> Asset:
    """Return the asset of a sync: it carries the state, and other DAGs can be scheduled on it.

    :param sync_id: the sync's stable name.
    """
    name = ascii_name(sync_id)
    return Asset(name=f"cdi_sync:{name}", uri=f"x-cdi-sync://airflow-provider-cdi/{quote(name, safe='')}")


def mapped_sync(sync_id: str, *, at_once: int | None = None) -> dict[str, Any]:
    """Return what a mapped sync must say in ``.partial()``, where Airflow can see it before the tasks exist.

    .. code-block:: python

        with DAG("users", schedule="@hourly", max_active_runs=1):
            WarehouseToBrazeOperator.partial(
                task_id="attributes", warehouse_conn_id="wh", source="USERS", data_type="attributes",
                **mapped_sync("users_attributes", at_once=4),
            ).expand(partition=partitions(8))

    Give the DAG ``max_active_runs=1``: runs of a mapped sync must not overlap, and Airflow counts the instances of
    one run and of several runs alike.

    :param sync_id: stable name of the sync; the name of each instance adds its table and partition.
    :param at_once: instances of one run that work at the same time; None for as many as there is room for.
    """
    asset = sync_asset(sync_id)
    return {"sync_id": sync_id, "inlets": [asset], "outlets": [asset], "max_active_tis_per_dagrun": at_once}


def ascii_name(name: str) -> str:
    """Return a name in ASCII: where Airflow's database is MySQL, names of assets and keys of states can be no other.

    :return: the name itself where it is ASCII; else with other signs as percent codes, and a digest, so that no two
        names become one.
    """
    if name.isascii():
        return name
    return f"{quote(name, safe=_KEPT)}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
