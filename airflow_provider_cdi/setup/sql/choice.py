"""Which set-up belongs to a warehouse, and the script for what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import get_args

from airflow_provider_cdi.destinations.braze import BrazeDataType, braze_destination
from airflow_provider_cdi.destinations.klaviyo import KlaviyoDataType, klaviyo_destination
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.sql.base import WarehouseSetup
from airflow_provider_cdi.setup.sql.options import SetupOptions
from airflow_provider_cdi.setup.sql.script import Script

#: Warehouse -> ``module:class``.
WAREHOUSES: Mapping[str, str] = {
    "snowflake": "snowflake:SnowflakeSetup",
    "redshift": "redshift:RedshiftSetup",
    "bigquery": "bigquery:BigQuerySetup",
    "databricks": "databricks:DatabricksSetup",
    "postgres": "postgres:PostgresSetup",
    "duckdb": "duckdb:DuckDbSetup",
}
#: Destination -> its data types.
DATA_TYPES: Mapping[str, tuple[str, ...]] = {"braze": get_args(BrazeDataType), "klaviyo": get_args(KlaviyoDataType)}


def setup_script(options: SetupOptions) -> Script:
    """Return the set-up of one sync.

    :raises ConfigurationError: when warehouse, destination or data type is unknown, or an option makes no sense.
    """
    return setup_class(options.warehouse)(options, contract_of(options.destination, options.data_type)).script()


def setup_class(warehouse: str) -> type[WarehouseSetup]:
    """Return the set-up of a warehouse.

    :raises ConfigurationError: when it is unknown.
    """
    if warehouse not in WAREHOUSES:
        raise ConfigurationError(
            f"{warehouse!r} is no warehouse that is set up here; there are {', '.join(WAREHOUSES)}."
        )
    module, _, name = WAREHOUSES[warehouse].partition(":")
    found: type[WarehouseSetup] = getattr(import_module(f"airflow_provider_cdi.setup.sql.{module}"), name)
    return found


def contract_of(destination: str, data_type: str) -> TableContract:
    """Return which columns a data type wants.

    :raises ConfigurationError: when the destination does not have it.
    """
    if data_type not in DATA_TYPES.get(destination, ()):
        known = "; ".join(f"{name}: {', '.join(types)}" for name, types in DATA_TYPES.items())
        raise ConfigurationError(f"{destination!r} has no data type {data_type!r}. There are {known}.")
    if destination == "klaviyo":
        return klaviyo_destination(data_type).contract
    return braze_destination(data_type, catalog="catalog" if data_type == "catalog_items" else None).contract
