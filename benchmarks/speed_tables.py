"""The tables that the runs read, in DuckDB: each kind and size is made once, in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

#: So many rows share a second of ``updated_at``, so that there are ties everywhere.
ROWS_A_SECOND = 50
FIRST = "timestamp '2026-01-01'"
_TIME = f"{FIRST} + interval (i // {ROWS_A_SECOND}) second as updated_at"
_PERSON = "'c-' || i as external_id"
#: Some 176 bytes with nine attributes, one of them an array.
_ATTRIBUTES = """'{"first_name":"Ada","plan":"pro","visits":' || i || ',"score":' || round((i % 1000) / 7.0, 2)
    || ',"city":"Busan","is_member":true,"last_seen":"2026-01-05T09:30:00Z","tags":["ski","golf"],"note":"'
    || md5(i::varchar)[:16] || '"}' as payload"""
_EVENT = """'{"name":"order_placed","time":"2026-01-05T09:30:00Z","properties":{"order":' || i || ',"total":'
    || round((i % 1000) / 7.0, 2) || ',"city":"Busan","is_gift":true,"note":"' || md5(i::varchar)[:16]
    || '"}}' as payload"""
_PURCHASE = """'{"product_id":"sku-' || i % 500 || '","currency":"EUR","price":' || round((i % 1000) / 7.0, 2)
    || ',"quantity":2,"time":"2026-01-05T09:30:00Z","properties":{"order":' || i || ',"note":"'
    || md5(i::varchar)[:16] || '"}}' as payload"""
_ITEM = """'{"title":"Chair","price":' || round((i % 1000) / 7.0, 2) || ',"stock":' || i % 90
    || ',"is_new":true,"note":"' || md5(i::varchar)[:16] || '"}' as payload"""
_ADDRESS = "'c' || i || '@acme-demo.io' as email"

#: Data type -> the columns of its table.
COLUMNS: Mapping[str, str] = {
    "attributes": f"{_TIME}, {_PERSON}, {_ATTRIBUTES}",
    "events": f"{_TIME}, {_PERSON}, {_EVENT}",
    "purchases": f"{_TIME}, {_PERSON}, {_PURCHASE}",
    "user_deletes": f"{_TIME}, {_PERSON}",
    "catalog_items": f"{_TIME}, 'i-' || i as id, {_ITEM}",
    "profiles": f"""{_TIME}, {_ADDRESS}, 'Ada' as first_name, 'Busan' as city, 'pro' as plan, i as visits,
        round((i % 1000) / 7.0, 2) as score, true as is_member, md5(i::varchar)[:16] as note""",
    "klaviyo_events": f"""{_TIME}, {_ADDRESS}, 'Order placed' as metric_name, {FIRST} as event_time,
        'e-' || i as unique_id, round((i % 1000) / 7.0, 2) as value, 'Busan' as city, true as is_gift,
        md5(i::varchar)[:16] as note""",
}
#: The table's name in every file, and the query that all ways but ours ask; ours makes its own of the name.
TABLE = "rows_to_send"
QUERY = f"select external_id, payload from {TABLE} where updated_at > timestamp '2025-12-31' order by updated_at"


def filled(folder: Path, data_type: str, rows: int) -> Path:
    """Make a table unless it is there.

    :param data_type: one of ``COLUMNS``.
    :param rows: 0 makes an empty table.
    :return: the DuckDB file.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    # A file of other columns is another file.
    path = folder / f"{data_type}-{rows}-{crc32(COLUMNS[data_type].encode()):08x}.duckdb"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with duckdb.connect(str(unfinished)) as connection:
            connection.execute(f"create table {TABLE} as select {COLUMNS[data_type]} from range({rows}) numbers(i)")
        unfinished.rename(path)
    return path
