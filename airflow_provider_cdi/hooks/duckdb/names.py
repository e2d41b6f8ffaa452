"""DuckDB takes a name that it does not know for a file, an address or a variable of Python; a source is none of them.

``select * from "people.csv"`` reads a file, ``"people"."csv"`` the same one, ``"s3://bucket/x.parquet"`` asks the
network, and ``"rows"`` would find what this package calls so. DuckDB calls this replacement scans.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.exceptions import SourceError

#: Frames of Python that DuckDB would look through are ours, whatever the query: an author's variables are not there.
NO_VARIABLES = "SET python_enable_replacements = false"

#: The tables and views of a database, by their names as they are quoted: alone, with the schema, and with the database.
_QUOTED = """
select 1
from (
    select '"' || replace(base, '"', '""') || '"' as base, '"' || replace(place, '"', '""') || '"' as place,
        '"' || replace(name, '"', '""') || '"' as name
    from (
        select database_name as base, schema_name as place, table_name as name from duckdb_tables()
        union all select database_name, schema_name, view_name from duckdb_views()
    )
)
where lower($1) in (lower(name), lower(place || '.' || name), lower(base || '.' || place || '.' || name))
limit 1
"""


def check_is_table(connection: Any, relation: str, doing: str) -> None:
    """Ask DuckDB's catalog for a name, which has tables and views alone and opens nothing.

    :param connection: of DuckDB.
    :param relation: the name as quoted SQL.
    :param doing: what is done with the name, for the message (``Looking at the table users``).
    :raises SourceError: when it is no table and no view.
    """
    import duckdb

    try:
        connection.execute("select 1 from pragma_table_info(?) limit 1", [relation]).fetchall()
    except duckdb.CatalogException:
        # Before 2.0 a name with a quote in it is not found so.
        if '""' in relation and connection.execute(_QUOTED, [relation]).fetchall():
            return
        raise SourceError(
            f"{doing} failed: it does not exist in the DuckDB database, or is a view of something that does not: check "
            "the name and its schema. source= names a table or a view and never a file, an address or a variable of "
            "Python: give a query that reads a file as sql=, or make a view of it."
        ).of_kind("missing") from None
