"""DuckDB: a file, whose readers are those who may read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_cdi.hooks.sql.dialects import DIALECTS
from airflow_provider_cdi.setup.sql.base import WarehouseSetup
from airflow_provider_cdi.setup.sql.names import printable
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap, word


class DuckDbSetup(WarehouseSetup):
    """There are no logins and no grants."""

    warehouse = "duckdb"
    title = "DuckDB"
    dialect = DIALECTS["duckdb"]
    conn_type = "duckdb"
    runs_as = "the owner of the file: duckdb <file> < script.sql"
    options_of_its_own = frozenset({"database", "group"})

    place = ("create schema if not exists {schema}",)

    def before(self) -> Iterator[Step]:
        """Give nothing: the file is made by the SQL."""
        yield from ()

    def secret(self) -> Iterator[Step]:
        """Give the file to those who read it."""
        text = f"chgrp {word(self._group())} {word(self._file())}\nchmod 640 {word(self._file())}"
        yield self.shell("The rights: whoever may read the file", text)

    def _steps_back(self) -> Iterator[Step]:
        yield self.shell("The right to read", f"chmod 600 {word(self._file())}", "All of the group lose it.")

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection: read only, so that tasks read side by side."""
        return {"host": self._file(), "extra": {"read_only": True}}

    def _file(self) -> str | Gap:
        given = self.options.database
        return printable(given, "--database") if given else Gap("DUCKDB_FILE", "path of the database file")

    def _group(self) -> str | Gap:
        given = self.options.group
        return printable(given, "--group") if given else Gap("AIRFLOW_GROUP", "group of the workers user")
