"""One read in a process of its own, and what it cost: ``python read_client.py <warehouse> <way>``.

The connection ``w`` and the client's variables come from the environment. One JSON line comes out.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

OURS, VALUES = "this package", "this package, as Python values"
#: What the vendor's hook imports when it connects: an idle task has it in memory, whatever it then reads.
DRIVERS = {
    "snowflake": "snowflake.connector",
    "redshift": "redshift_connector",
    "bigquery": "google.cloud.bigquery_storage_v1",
    "databricks": "databricks.sql.client",
    "postgres": "psycopg",
    "duckdb": "duckdb",
}
#: Both read the same rows in the same order.
QUERY = (
    "select updated_at, external_id, payload from {table} where updated_at > {since} order by updated_at, external_id"
)
SINCE = "2025-12-31"


def main(warehouse: str, way: str) -> None:
    warnings.simplefilter("ignore")
    import airflow.sdk  # noqa: F401

    import airflow_provider_cdi.transfers.warehouse_to_braze  # noqa: F401

    bare = resident_mb()
    pieces = opened(warehouse, way)
    print(json.dumps({"bare_mb": bare, **measured(pieces)}))


def opened(warehouse: str, way: str) -> Callable[[], Iterator[int]]:
    """Import what a task imports, the vendor's modules included, and return what then starts to read."""
    from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

    hook = get_warehouse_hook("w", tag="bench.read")
    import_module(DRIVERS[warehouse])
    if way in (OURS, VALUES):
        return lambda: ours(hook, as_values=way == VALUES)
    from naive_ways import WAYS

    from airflow_provider_cdi.hooks.connections import find_connection

    connection = find_connection("w")
    plain = plain_hook(warehouse, connection)
    dataset = connection.extra_dejson.get("dataset")
    bound = f"cast('{SINCE} 00:00:00' as {'datetime' if dataset else 'timestamp'})"
    sql = QUERY.format(table=f"{dataset}.many" if dataset else "many", since=bound)
    return lambda: WAYS[warehouse][way](plain, sql)


def plain_hook(warehouse: str, connection: Any) -> Any:
    """Return the hook of Airflow that people use; the connection type's own one of Databricks starts jobs."""
    if warehouse != "databricks":
        return connection.get_hook()
    from airflow.providers.databricks.hooks.databricks_sql import DatabricksSqlHook

    return DatabricksSqlHook(databricks_conn_id="w")


def ours(hook: object, *, as_values: bool) -> Iterator[int]:
    """Read as a sync does: look at the table, then stream record batches."""
    import pyarrow as pa

    from airflow_provider_cdi.engine.ports import Bounds
    from airflow_provider_cdi.engine.rows.table_contract import TableContract

    source = hook.source("many", contract=TableContract("attributes", ("EXTERNAL_ID",)))
    for batch in source.read(Bounds(after=f"{SINCE}T00:00:00.000000Z")):
        if as_values:
            batch.column("UPDATED_AT").cast(pa.int64()).to_pylist()
            batch.column("EXTERNAL_ID").to_pylist()
            batch.column("PAYLOAD").to_pylist()
        yield batch.num_rows


def measured(start: Callable[[], Iterator[int]]) -> dict[str, float]:
    """Read all rows; connecting and what is imported on the way are part of it."""
    gc.collect()
    idle = resident_mb()
    # From here on the kernel notes the peak anew.
    Path("/proc/self/clear_refs").write_text("5")
    started, cpu = time.perf_counter(), time.process_time()
    rows, first = 0, 0.0
    for piece in start():
        first = first or time.perf_counter() - started
        rows += piece
    seconds = time.perf_counter() - started
    return {
        "rows": rows,
        "seconds": seconds,
        "first": first,
        "cpu": time.process_time() - cpu,
        "idle_mb": idle,
        "peak_mb": _status_mb("VmHWM"),
    }


def resident_mb() -> float:
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
