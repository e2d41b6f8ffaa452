"""Statements that are about the session or about who may read what: the same for every engine."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

from standins.databricks.engine import CATALOG, SCHEMA, SessionSettings, StatementRefused

_ZONE = re.compile(r"\s*set\s+time\s*zone\s+'(?P<zone>[^']+)'\s*;?\s*", re.IGNORECASE)
_GRANT = re.compile(
    r"\s*(?P<verb>grant|revoke)\s+select\s+on\s+(table\s+|view\s+)?(?P<table>\S+)\s+(to|from)\s+(?P<user>\S+)\s*",
    re.IGNORECASE,
)


class Orders:
    """Sets zones, and keeps which tables are hidden from whom."""

    def __init__(self) -> None:
        self._hidden: set[tuple[str, str]] = set()

    def take(self, text: str, settings: SessionSettings) -> bool:
        """Do what a statement says, and say whether it was one of these."""
        if zone := _ZONE.fullmatch(text):
            settings.zone = zone["zone"]
            return True
        if grant := _GRANT.fullmatch(text):
            table = exp.to_table(grant["table"], dialect="databricks")
            hidden = (grant["user"].strip("`"), _full_name(table, SessionSettings("")))
            (self._hidden.add if grant["verb"].lower() == "revoke" else self._hidden.discard)(hidden)
            return True
        return False

    def check_may_read(self, tree: exp.Expression, settings: SessionSettings) -> None:
        """Refuse a statement that names a table which is hidden from the user."""
        for table in tree.find_all(exp.Table):
            name = _full_name(table, settings)
            if (settings.user, name) in self._hidden:
                text = f"Insufficient privileges:\nUser does not have SELECT on Table '{name}'."
                raise StatementRefused.of("INSUFFICIENT_PERMISSIONS", text, "42501")

    def check_text_may_be_read(self, text: str, settings: SessionSettings) -> None:
        """The same for a statement that the engine takes as text."""
        if self._hidden:
            query = re.sub(r"(?i)^\s*describe\s+query\s", "", text)
            self.check_may_read(sqlglot.parse_one(query, read="databricks"), settings)

    def forget(self) -> None:
        """Let everybody read everything again."""
        self._hidden.clear()


def _full_name(table: exp.Table, settings: SessionSettings) -> str:
    catalog, schema = table.catalog or settings.catalog, table.db or settings.schema
    return f"{catalog or CATALOG}.{schema or SCHEMA}.{table.name}".lower()
