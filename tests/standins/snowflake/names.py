"""Names that are equal only letter by letter, kept in an engine that does not look at case."""

from __future__ import annotations

import re

#: One table, view or other object: database, schema, name, each as Snowflake stores it.
Path = tuple[str, str, str]


def encoded(name: str) -> str:
    """Write a name so that two names that differ in case alone stay two for DuckDB (``Id`` is ``I~D``)."""
    return re.sub("[a-z~]", lambda found: f"~{found[0].upper()}", name)


def decoded(name: str) -> str:
    """Undo :func:`encoded`."""
    return re.sub("~(.)", lambda found: found[1].lower(), name)


def folded(name: str) -> str:
    """Return what Snowflake makes of a name without quotes; one that needs quotes is taken as it is."""
    return name.upper() if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name) else name


def relation(path: Path) -> str:
    """Return what DuckDB calls the object, as SQL; each database's schema is one schema there."""
    database, schema, name = path
    return f'"{_quoted(schema_of(database, schema))}"."{_quoted(encoded(name))}"'


def schema_of(database: str, schema: str) -> str:
    """Return DuckDB's name of a schema."""
    return encoded(f"{database}.{schema}")


def _quoted(name: str) -> str:
    return name.replace('"', '""')
