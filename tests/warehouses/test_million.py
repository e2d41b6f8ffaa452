"""A million rows, equal to the source row for row."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from support.sql_world import ATTRIBUTES
from warehouses.worlds.base import World

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

ROWS = 1_000_000


def million() -> pa.Table:
    """Rows in the order in which they are to come: groups of seven share a time."""
    with duckdb.connect() as connection:
        rows = connection.sql(
            """select make_timestamp(1767225600000000 + (i // 7) * 1000003) as updated_at,
                      format('user-{:07d}', i) as external_id,
                      format('{{"n":{},"name":"{}","note":"é 漢字 {}"}}', i, md5(i::varchar), i % 97) as payload
               from range($rows) t(i)""",
            params={"rows": ROWS},
        )
        return rows.to_arrow_table()


def test_a_million_rows_come_in_order_and_unchanged(world: World) -> None:
    expected = million()
    world.load("many", expected)
    read = 0
    for batch in get_warehouse_hook("w").source("many", contract=ATTRIBUTES).read(Bounds()):
        part = expected.slice(read, batch.num_rows)
        assert batch.column("UPDATED_AT").cast(pa.timestamp("us")) == part.column("updated_at").combine_chunks()
        assert batch.column("EXTERNAL_ID") == part.column("external_id").combine_chunks()
        assert batch.column("PAYLOAD") == part.column("payload").combine_chunks()
        read += batch.num_rows
    assert read == ROWS
