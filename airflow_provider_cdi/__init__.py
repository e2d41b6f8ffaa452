"""Changed rows of a data warehouse reach Braze, Klaviyo or an HTTP service: an Apache Airflow provider.

The names that a DAG needs are here; everything below is imported when one of them is asked for. What is not here, or on
the page of the API reference, is no public name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.lazy_names import lazy_names
from airflow_provider_cdi.version import __version__

if TYPE_CHECKING:
    from airflow_provider_cdi.destinations.braze.arguments import BrazeDataType
    from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
    from airflow_provider_cdi.destinations.klaviyo.arguments import KlaviyoDataType
    from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
    from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
    from airflow_provider_cdi.engine.reading.partition import partitions
    from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
    from airflow_provider_cdi.hooks.braze.hook import BrazeHook
    from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook
    from airflow_provider_cdi.notifications.row_errors import RowErrorNotifier
    from airflow_provider_cdi.notifications.sync_error import RecoveredNotifier, SyncErrorNotifier
    from airflow_provider_cdi.operators.check import CheckSyncOperator
    from airflow_provider_cdi.operators.redrive import RedriveRejectsOperator
    from airflow_provider_cdi.operators.watch import WatchSyncsOperator
    from airflow_provider_cdi.state.assets import mapped_sync, sync_asset
    from airflow_provider_cdi.transfers.params import sync_params
    from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
    from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator
    from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

__all__ = [
    "BrazeDataType",
    "BrazeHook",
    "BrazeLimits",
    "CheckSyncOperator",
    "DeleteCap",
    "DeliverySettings",
    "KlaviyoDataType",
    "KlaviyoHook",
    "KlaviyoLimits",
    "RecoveredNotifier",
    "RedriveRejectsOperator",
    "RetryPolicy",
    "RowErrorNotifier",
    "SyncErrorNotifier",
    "WarehouseToBrazeOperator",
    "WarehouseToHttpOperator",
    "WarehouseToKlaviyoOperator",
    "WatchSyncsOperator",
    "__version__",
    "mapped_sync",
    "partitions",
    "sync_asset",
    "sync_params",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BrazeDataType": "airflow_provider_cdi.destinations.braze.arguments",
        "BrazeHook": "airflow_provider_cdi.hooks.braze.hook",
        "BrazeLimits": "airflow_provider_cdi.destinations.braze.limits",
        "CheckSyncOperator": "airflow_provider_cdi.operators.check",
        "DeleteCap": "airflow_provider_cdi.engine.guards.delete_cap",
        "DeliverySettings": "airflow_provider_cdi.engine.settings",
        "KlaviyoDataType": "airflow_provider_cdi.destinations.klaviyo.arguments",
        "KlaviyoHook": "airflow_provider_cdi.hooks.klaviyo.hook",
        "KlaviyoLimits": "airflow_provider_cdi.destinations.klaviyo.limits",
        "RecoveredNotifier": "airflow_provider_cdi.notifications.sync_error",
        "RedriveRejectsOperator": "airflow_provider_cdi.operators.redrive",
        "RetryPolicy": "airflow_provider_cdi.engine.settings",
        "RowErrorNotifier": "airflow_provider_cdi.notifications.row_errors",
        "SyncErrorNotifier": "airflow_provider_cdi.notifications.sync_error",
        "WarehouseToBrazeOperator": "airflow_provider_cdi.transfers.warehouse_to_braze",
        "WarehouseToHttpOperator": "airflow_provider_cdi.transfers.warehouse_to_http",
        "WarehouseToKlaviyoOperator": "airflow_provider_cdi.transfers.warehouse_to_klaviyo",
        "WatchSyncsOperator": "airflow_provider_cdi.operators.watch",
        "mapped_sync": "airflow_provider_cdi.state.assets",
        "partitions": "airflow_provider_cdi.engine.reading.partition",
        "sync_asset": "airflow_provider_cdi.state.assets",
        "sync_params": "airflow_provider_cdi.transfers.params",
    },
)
