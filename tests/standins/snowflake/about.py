"""What a session tells of itself, and the part of INFORMATION_SCHEMA that a reader of tables asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from standins.snowflake.names import Path
from standins.snowflake.sessions import Session

_CURRENT = re.compile(r"\bcurrent_(warehouse|role|schema)\(\)", re.IGNORECASE)
_VIEW = re.compile(r"\binformation_schema\.(schemata|tables|table_privileges)\b", re.IGNORECASE)
#: Without rows a list of literals has no types.
_NOBODY = ("", "", "", "")


def about_session(text: str, session: Session, paths: Iterable[Path]) -> str:
    """Put what is current, and what the information schema shows to the session's user, into a statement.

    :param paths: all tables and views.
    """
    seen = [path for path in paths if path not in session.user.hidden]
    text = _CURRENT.sub(lambda found: _literal(session.current.get(found[1].upper())), text)
    return _VIEW.sub(lambda found: _view(found[1].lower(), seen), text)


def _view(name: str, seen: list[Path]) -> str:
    if name == "schemata":
        return _rows("schema_name", sorted({(schema,) for _, schema, _ in seen}))
    if name == "tables":
        rows = [(schema, table, "BASE TABLE") for _, schema, table in seen]
        columns = _rows("table_schema, table_name, table_type", rows)
        return f"(select t.*, 3 as row_count, cast(null as varchar) as clustering_key from {columns} t)"
    rows = [(schema, table, "SELECT", "CDI_ROLE") for _, schema, table in seen]
    return _rows("table_schema, table_name, privilege_type, grantee", rows)


def _rows(columns: str, rows: list[tuple[str, ...]]) -> str:
    names = columns.split(", ")
    selects = [
        "select " + ", ".join(f"{_literal(value)} as {name}" for name, value in zip(names, row, strict=True))
        for row in (rows or [_NOBODY[: len(names)]])
    ]
    return f"({' union all '.join(selects)})"


def _literal(value: str | None) -> str:
    return "cast(null as varchar)" if value is None else "'" + value.replace("'", "''") + "'"
