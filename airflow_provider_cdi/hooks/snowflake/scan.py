"""What Snowflake will scan for a query: its plan tells, before the query is run."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import orjson

from airflow_provider_cdi.hooks.sql.reader import Statement

#: Snowflake, "EXPLAIN": the statement is compiled and not run, which needs no running warehouse.
EXPLAIN = "explain using json "
_TOLD = "Snowflake's EXPLAIN of the read says so, and it is the most: what is left out while it runs is in it."
_UNTOLD = "Snowflake's EXPLAIN of the read named no bytes."


def scan(connection: Any, statement: Statement) -> tuple[int | None, str]:
    """Ask what a statement will scan.

    :param connection: an open one.
    :param statement: the read.
    :return: bytes, None where the plan names none; and how that was found out.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute(EXPLAIN + statement.text, statement.values or None)
        row = cursor.fetchone()
    assigned = bytes_assigned(row[0] if row else None)
    return assigned, _UNTOLD if assigned is None else _TOLD


def bytes_assigned(plan: Any) -> int | None:
    """Read the bytes of the partitions that a plan leaves over: ``GlobalStats.bytesAssigned``.

    :param plan: the text that ``EXPLAIN USING JSON`` returns; anything else tells nothing.
    """
    try:
        stats = orjson.loads(plan)["GlobalStats"]["bytesAssigned"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return stats if isinstance(stats, int) and stats >= 0 else None
