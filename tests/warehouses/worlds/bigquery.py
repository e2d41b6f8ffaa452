"""BigQuery behind its stand-in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from standins.bigquery import DATASET, PROJECT, READER, BigQuery
from warehouses.worlds.base import BrokenCredentials, StandInWorld, World

GUEST = f"guest@{PROJECT}.iam.gserviceaccount.com"


class BigQueryWorld(StandInWorld):
    """REST and the Storage Read API, with a service account's key; another engine is in ``bqemulator``."""

    name = "bigquery"
    quote = "`"
    #: JSON of BigQuery holds numbers of 64 bits; a text column keeps every digit.
    exact_json = False
    survivable = ("chunk_503", "chunk_slow", "drop", "token_expired")
    fatal = ("expired",)
    types = {
        "timestamp": "datetime",
        "timestamp_tz": "timestamp",
        "text": "string",
        "json": "json",
        "integer": "int64",
        "big_integer": "bignumeric",
        "decimal": "bignumeric",
        "float": "float64",
        "boolean": "bool",
        "date": "date",
        "binary": "bytes",
        "struct": "struct<a int64, b string>",
        "array": "array<int64>",
    }

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        with BigQuery() as self.stand_in:
            yield self

    def clean(self) -> None:
        self.stand_in.clear()
        super().clean()

    @property
    def broken_credentials(self) -> Sequence[BrokenCredentials]:  # type: ignore[override]
        """What a person may get wrong."""
        other_key = self.stand_in.unknown_key(READER)
        idle = f"idle@{PROJECT}.iam.gserviceaccount.com"
        no_jobs = self.stand_in.account(idle, lacks=("bigquery.jobs.create",))
        nothing = {"CLOUDSDK_CONFIG": str(self.stand_in.folder / "none")}
        return (
            _keyed("a key of nobody", json.dumps(other_key), "put a new key"),
            _keyed("half a key file", json.dumps(self.stand_in.key)[:-40], "whole JSON file"),
            _keyed("a key without its private half", json.dumps({**self.stand_in.key, "private_key": "x"}), "whole"),
            _keyed("an account that may not run queries", json.dumps(no_jobs), "roles/bigquery.jobUser"),
            BrokenCredentials(
                "no such key file", {"extra": {"keyfile_dict": None, "key_path": "none.json"}}, "check that key_path"
            ),
            BrokenCredentials(
                "no credentials at all",
                {"extra": {"keyfile_dict": None}},
                "set GOOGLE_APPLICATION_CREDENTIALS",
                nothing,
            ),
        )

    def connect_in_zone(self, zone: str) -> None:
        properties = [{"key": "time_zone", "value": zone}]
        self.connect(extra={"api_resource_configs": {"query": {"connectionProperties": properties}}})

    def connect_as_guest(self, table: str) -> None:
        key = self.stand_in.account(GUEST, hidden=(f"{DATASET}.{table}",))
        self.connect(extra={"keyfile_dict": json.dumps(key)})

    def literal(self, kind: str, value: str | None) -> str:
        if value is None:
            return super().literal(kind, value)
        if kind == "binary":
            return f"from_hex('{value}')"
        if kind in ("struct", "array"):
            return _expression(json.loads(value))
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"json '{text}'" if kind == "json" else f"cast('{text}' as {self.types[kind]})"

    def slow_query(self) -> str:
        numbers = "unnest(generate_array(1, 1000000))"
        return (
            "select datetime '2026-01-01 00:00:00' as updated_at, '{}' as payload, "
            f"cast(sum(mod(a * b, 7)) as string) as external_id from {numbers} a cross join {numbers} b"
        )


def _keyed(name: str, key: str, sentence: str) -> BrokenCredentials:
    return BrokenCredentials(name, {"extra": {"keyfile_dict": key}}, sentence)


def _expression(value: Any) -> str:
    if isinstance(value, dict):
        members = ", ".join(f"{_expression(member)} as {name}" for name, member in value.items())
        return f"struct({members})"
    if isinstance(value, list):
        return f"[{', '.join(map(_expression, value))}]"
    return f"'{value}'" if isinstance(value, str) else str(value)
