"""Redshift behind its stand-in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from standins.redshift import CLUSTER, USER, WORKGROUP, Redshift, why_not
from standins.redshift.driver import tame
from standins.redshift.rules import SINGLE_NODE_ROWS
from warehouses.worlds.base import BrokenCredentials, StandInWorld, World

_IAM = {"iam": True, "cluster_identifier": CLUSTER}


class RedshiftWorld(StandInWorld):
    """A cluster of one node. Names in quotes fold too, as long as ``enable_case_sensitive_identifier`` is off."""

    name = "redshift"
    fold = staticmethod(str.lower)
    is_case_sensitive = False
    survivable = ("chunk_slow",)
    fatal = ("chunk_503", "drop", "expired", "unauthorized")
    types = {
        "timestamp": "timestamp",
        "timestamp_tz": "timestamptz",
        "text": "varchar(65535)",
        "json": "super",
        "integer": "bigint",
        "big_integer": "numeric(38,0)",
        "decimal": "numeric(38,10)",
        "float": "float8",
        "boolean": "boolean",
        "date": "date",
        "binary": "varbyte",
        "struct": "super",
        "array": "super",
        "map": "super",
    }
    broken_credentials = (
        BrokenCredentials("a wrong password", {"password": "hunter2-wrong"}, "check the connection's login, password"),
        BrokenCredentials("an unknown login", {"login": "nobody"}, "check the connection's login, password"),
        BrokenCredentials("no such database", {"schema": "nowhere"}, "check the connection's login, password"),
        BrokenCredentials("no certificate authority", {}, "certificate is not believed", {"SSL_CERT_FILE": ""}),
        BrokenCredentials(
            "a refused AWS key",
            {"password": "", "extra": _IAM},
            "redshift:GetClusterCredentials",
            {"AWS_ACCESS_KEY_ID": "AKIAOTHER"},
        ),
        BrokenCredentials(
            "a refused AWS key for a workgroup",
            {"password": "", "extra": {"iam": True, "is_serverless": True, "serverless_work_group": WORKGROUP}},
            "redshift-serverless:GetCredentials",
            {"AWS_ACCESS_KEY_ID": "AKIAOTHER"},
        ),
        BrokenCredentials(
            "an unknown cluster",
            {"password": "", "extra": {**_IAM, "cluster_identifier": "elsewhere"}},
            "check cluster_identifier",
        ),
    )

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        if reason := why_not():
            pytest.skip(reason)
        with Redshift() as self.stand_in:
            yield self

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tame(monkeypatch)
        super().begin(monkeypatch)

    def clean(self) -> None:
        self.stand_in.empty()
        self.stand_in.limit_fetch(SINGLE_NODE_ROWS)
        self.stand_in.sql(f"alter role {USER} reset timezone")
        super().clean()

    def connect_by_iam(self, **extra: Any) -> None:
        """Set the connection ``w`` so that its password comes from IAM."""
        self.connect(password="", extra={**_IAM, **extra})

    def connect_in_zone(self, zone: str) -> None:
        self.run(f"alter role {USER} set timezone to '{zone}'")
        self.connect()

    def connect_as_guest(self, table: str) -> None:
        self.run(f"revoke select on {table} from public")
        self.stand_in.add_user("guest", "guest-Passw0rd")
        self.connect(login="guest", password="guest-Passw0rd")

    def load_into_schema(self, schema: str, name: str, table: pa.Table) -> None:
        super().load_into_schema(schema, name, table)
        self.run(f"grant usage on schema {schema} to public")

    def quoted(self, name: str) -> str:
        # The administrator's statements keep the case of a name in quotes, and Redshift would fold it.
        return super().quoted(name.lower())

    def literal(self, kind: str, value: str | None) -> str:
        if value is not None and self.types[kind] == "super":
            escaped = value.replace("'", "''")
            return f"json_parse('{escaped}')"
        return super().literal(kind, value)

    def slow_query(self) -> str:
        return "select timestamp '2026-01-01' as updated_at, 'a' as external_id, pg_sleep(600)::varchar as payload"

    def statements(self) -> list[dict[str, Any]]:
        # What a connection asks about itself is no query of a sync.
        return [asked for asked in super().statements() if "pg_" not in asked["text"] or "declare" in asked["text"]]
