"""Snowflake: the stand-in behind the real connector and Airflow's own hook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa
from standins.snowflake import GUEST, GUEST_PASSWORD, KEY_LOGIN, SnowflakeStandIn
from standins.tls import Tls
from warehouses.worlds.base import BrokenCredentials, StandInWorld, World


class SnowflakeWorld(StandInWorld):
    """A Snowflake account whose sessions are in Los Angeles unless they say otherwise, as in the service."""

    name = "snowflake"
    digits = 9
    fold = staticmethod(str.upper)
    survivable = ("chunk_503", "chunk_slow", "drop", "expired", "link_expired", "unauthorized_chunk")
    fatal = ("unauthorized",)
    types = {
        "timestamp": "timestamp_ntz(9)",
        "timestamp_tz": "timestamp_tz(9)",
        "text": "varchar",
        "json": "variant",
        "integer": "number(38, 0)",
        "big_integer": "number(38, 0)",
        "decimal": "number(38, 10)",
        "float": "float",
        "boolean": "boolean",
        "date": "date",
        "binary": "binary",
        "struct": "object",
        "array": "array",
        "map": "map(varchar, number)",
    }

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        with SnowflakeStandIn() as self.stand_in:
            folder = self.stand_in.folder / "other-authority"
            folder.mkdir()
            self._other_authority = Tls.create(folder).authority
            yield self

    def clean(self) -> None:
        self.stand_in.clean()
        super().clean()

    @property
    def broken_credentials(self) -> tuple[BrokenCredentials, ...]:  # type: ignore[override]  # keys are made at start
        encrypted = {"private_key_content": self.stand_in.encrypted_key}
        return (
            BrokenCredentials("password", {"password": "wrong-secret"}, "check login and password"),
            BrokenCredentials("login", {"login": "nobody"}, "check login and password"),
            BrokenCredentials(
                "key of somebody else",
                {"login": KEY_LOGIN, "password": "", "extra": {"private_key_content": self.stand_in.strange_key}},
                "public key is registered",
            ),
            BrokenCredentials(
                "passphrase", {"login": KEY_LOGIN, "password": "wrong-secret", "extra": encrypted}, "passphrase"
            ),
            BrokenCredentials(
                "no certificate authority", {}, "REQUESTS_CA_BUNDLE", {"REQUESTS_CA_BUNDLE": str(self._other_authority)}
            ),
        )

    def connect_in_zone(self, zone: str) -> None:
        self.connect(extra={"session_parameters": {"TIMEZONE": zone}})

    def connect_as_guest(self, table: str) -> None:
        self.stand_in.hide(table, GUEST)
        self.connect(login=GUEST, password=GUEST_PASSWORD)

    def load_into_schema(self, schema: str, name: str, table: pa.Table) -> None:
        self.load(f"{schema}.{name}", table)  # the stand-in makes the schema with it

    def literal(self, kind: str, value: str | None) -> str:
        if value is not None and kind in ("json", "struct", "array", "map"):
            parsed = "parse_json('{}')".format(value.replace("'", "''"))
            return parsed if kind == "json" else f"cast({parsed} as {self.types[kind]})"
        if value is not None and kind == "binary":
            return f"to_binary('{value}', 'HEX')"
        return super().literal(kind, value)

    def slow_query(self) -> str:
        self.fault("statement_slow", seconds=300, after=1)  # the first one only asks for the time
        return "select * from t"
