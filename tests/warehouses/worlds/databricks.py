"""Databricks behind its stand-in."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from standins.databricks import DatabricksStandIn
from warehouses.worlds.base import BrokenCredentials, StandInWorld, World

#: Small pieces, so that a result of a few thousand rows has several.
SIZES = {"inline_rows": 1_000, "link_rows": 10_000, "links": 2}
GUEST = "dapi-guest-token"


class DatabricksWorld(StandInWorld):
    """SQL warehouse, Cloud Fetch. ``CDI_DATABRICKS_ENGINE=spark`` puts Spark behind it, where pyspark is installed."""

    name = "databricks"
    quote = "`"
    is_case_sensitive = False
    survivable = ("chunk_503", "chunk_slow", "drop", "slow_states")
    fatal = ("expired", "expired_link", "unauthorized")
    types = {
        "timestamp": "timestamp_ntz",
        "timestamp_tz": "timestamp",
        "text": "string",
        "json": "variant",
        "integer": "bigint",
        "big_integer": "decimal(38,0)",
        "decimal": "decimal(38,10)",
        "float": "double",
        "boolean": "boolean",
        "date": "date",
        "binary": "binary",
        "struct": "struct<a:bigint,b:string>",
        "array": "array<bigint>",
        "map": "map<string,bigint>",
    }

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        engine = os.environ.get("CDI_DATABRICKS_ENGINE", "duckdb")
        with DatabricksStandIn(engine=engine, sizes=SIZES) as self.stand_in:
            yield self

    def clean(self) -> None:
        self.stand_in.control("clear")
        super().clean()

    def connection(self, **fields: Any) -> dict[str, Any]:
        # The least that the connector allows, or a test of a fault would take minutes.
        hasty = {"_retry_delay_min": 0.1, "_retry_delay_max": 5.0, "_retry_stop_after_attempts_count": 3}
        return super().connection(**{**fields, "extra": {**hasty, **fields.get("extra", {})}})

    @property
    def broken_credentials(self) -> Sequence[BrokenCredentials]:  # type: ignore[override]
        """What a person may get wrong."""
        principal = self.stand_in.principal_connection()
        wrong_path = "/sql/1.0/warehouses/none"
        return (
            BrokenCredentials("a token that is wrong", {"password": "dapi-wrong-token"}, "personal access token"),
            BrokenCredentials("a token with a login", {"login": "someone"}, "with the login empty"),
            BrokenCredentials("no token at all", {"password": ""}, "belongs in the connection's password"),
            BrokenCredentials(
                "a wrong secret of a service principal", {**principal, "password": "dose-wrong"}, "service principal"
            ),
            BrokenCredentials(
                "a wrong client id of a service principal", {**principal, "login": "nobody"}, "service principal"
            ),
            BrokenCredentials("no warehouse there", {"extra": {"http_path": wrong_path}}, "copy host and http_path"),
            BrokenCredentials("no http_path", {"extra": {"http_path": None}}, "copy host and http_path"),
            BrokenCredentials(
                "an authority that nobody knows", {"extra": {"_tls_trusted_ca_file": None}}, "certificate"
            ),
        )

    def connect_in_zone(self, zone: str) -> None:
        self.connect(extra={"session_configuration": {"timezone": zone}})

    def connect_as_guest(self, table: str) -> None:
        self.run(f"REVOKE SELECT ON TABLE {table} FROM `guest`")
        self.connect(password=GUEST)

    def literal(self, kind: str, value: str | None) -> str:
        if value is None:
            return super().literal(kind, value)
        if kind == "binary":
            return f"X'{value}'"
        if kind in ("struct", "array", "map"):
            return f"cast({_expression(json.loads(value), is_map=kind == 'map')} as {self.types[kind]})"
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"parse_json('{text}')" if kind == "json" else f"cast('{text}' as {self.types[kind]})"

    def slow_query(self) -> str:
        numbers = "(select explode(sequence(1, 1000000)) as n)"
        return (
            "select cast('2026-01-01 00:00:00' as timestamp) as updated_at, '{}' as payload, "
            f"cast(sum(a.n * b.n % 7) as string) as external_id from {numbers} a cross join {numbers} b"
        )


def _expression(value: Any, *, is_map: bool = False) -> str:
    if isinstance(value, dict):
        members = ", ".join(f"'{name}', {_expression(member)}" for name, member in value.items())
        return f"map({members})" if is_map else f"named_struct({members})"
    if isinstance(value, list):
        return f"array({', '.join(map(_expression, value))})"
    return f"'{value}'" if isinstance(value, str) else str(value)
