"""Mapped syncs: several tables, or several partitions of one, each with a watermark of its own."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.state.assets import sync_asset


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
