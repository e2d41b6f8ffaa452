"""How rows are usually read through an Airflow hook: what :mod:`read` compares with.

Every way yields the sizes of the pieces in which it holds rows as Python objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

#: Rows a piece, where one can choose.
PIECE = 10_000

Way = Callable[[Any, str], Iterator[int]]


def get_records(hook: Any, sql: str) -> Iterator[int]:
    """``hook.get_records``: the whole result as a list of tuples. What most DAGs do.

    Spelled out, with ``autocommit``: Snowflake's stand-in refuses a COMMIT where there is no transaction.
    """
    yield len(hook.run(sql, autocommit=True, handler=lambda cursor: cursor.fetchall()))


def fetch_many(hook: Any, sql: str) -> Iterator[int]:
    """A cursor of the hook's connection and ``fetchmany``, which looks as if it streamed."""
    with closing(hook.get_conn()) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        while rows := cursor.fetchmany(PIECE):
            yield len(rows)


def get_df(hook: Any, sql: str) -> Iterator[int]:
    """``hook.get_df``: the whole result as a pandas frame."""
    yield len(hook.get_df(sql))


def bigquery_rows(hook: Any, sql: str) -> Iterator[int]:
    """The client's ``query().result()``: rows by REST. (``get_records`` goes to Google's public address alone.)"""
    pages = _bigquery_client(hook).query(sql).result(page_size=PIECE).pages
    for page in pages:
        yield len(list(page))


def bigquery_list(hook: Any, sql: str) -> Iterator[int]:
    """The same as one list."""
    yield len(list(_bigquery_client(hook).query(sql).result()))


def _bigquery_client(hook: Any) -> Any:
    return hook.get_client(project_id=hook.project_id, location="US")


#: Warehouse -> name of a way -> the way.
WAYS: Mapping[str, Mapping[str, Way]] = {
    "snowflake": {"get_records": get_records, "fetchmany": fetch_many, "get_df": get_df},
    "redshift": {"get_records": get_records, "fetchmany": fetch_many, "get_df": get_df},
    "bigquery": {"list(result())": bigquery_list, "result(page_size=)": bigquery_rows},
    "databricks": {"get_records": get_records, "fetchmany": fetch_many, "get_df": get_df},
    "postgres": {"get_records": get_records, "fetchmany": fetch_many, "get_df": get_df},
    "duckdb": {"get_records": get_records, "fetchmany": fetch_many, "get_df": get_df},
}
