"""Real drivers: whatever is fetched together, and in whatever order, each row has one hash and one body."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.postgres_server import PostgresServer, why_not
from support.sql_world import ATTRIBUTES, EVERYTHING

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.hooks.sql import reader as sql_readers
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

#: Type -> values of it that like to take something from one another.
VALUES = {
    "postgres": {
        "numeric": ["1.50", "2", "3.125", "'NaN'", "12345678901234567890.123456789", "1e60", "null"],
        "timestamp": ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2026-01-05 09:00'", "'294276-12-31'", "null"],
        "date": ["'infinity'", "'2026-01-05'", "'10000-01-01'", "null"],
        "float8": ["'NaN'", "1", "2.5", "null"],
        "numeric[]": ["'{1.50}'", "'{NaN}'", "'{}'", "null"],
    },
    "sqlite": {"": ["7", "2.5", "'a'", "null", "x'80'", "cast(x'80' as text)", "9e999", "9007199254740993", "'7'"]},
    "duckdb": {
        "uhugeint": ["1", str(2**127), str(2**128 - 1), "null"],
        "timestamp": ["'infinity'", "'2026-01-05 09:00'", "'-infinity'", "null"],
        "double": ["'nan'", "1", "2.5", "null"],
        "decimal(38, 9)": ["1.5", "12345678901234567890.123456789", "null"],
    },
}
CASES = [(kind, column) for kind, columns in VALUES.items() for column in columns]
Sql = Callable[..., None]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := why_not():
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Sql]:
    """The column's type, and what runs statements there."""
    kind, column = request.param
    path = tmp_path / "file"
    connection: dict[str, Any] = {"conn_type": kind, "host": str(path)}
    if kind == "postgres":
        server = request.getfixturevalue("server")
        connection = {"conn_type": kind, "host": "127.0.0.1", "port": server.port, "login": "postgres"}
        connection["schema"] = "postgres"
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))

    def run(*statements: str) -> None:
        if kind == "postgres":
            server.run(*statements)
            return
        opened = sqlite3.connect(path) if kind == "sqlite" else duckdb.connect(str(path))
        for statement in statements:
            opened.execute(statement)
        opened.commit()
        opened.close()

    times = "text" if kind == "sqlite" else "timestamp"
    values = [
        value if value == "null" or not column else f"cast({value} as {column})" for value in VALUES[kind][column]
    ]
    run(
        "drop table if exists t",
        f"create table t (updated_at {times}, external_id varchar(9), x {column})",
        *(f"insert into t values ('2026-01-01 00:00:00', '{n}', {value})" for n, value in enumerate(values * 2)),
    )
    return kind, run


def told() -> dict[str, Any]:
    """External id -> the hash of its row, and what is sent of it, or why not."""
    source = get_warehouse_hook("w").source("t", contract=ATTRIBUTES, payload_columns=["x"])
    encode, found = braze_destination("attributes").encode, dict[str, Any]()
    for batch in source.read(EVERYTHING):
        entries = (one.body if isinstance(one, Record) else one for one in encode(batch))
        found |= dict(
            zip(batch.column("EXTERNAL_ID").to_pylist(), zip(row_hashes(batch), entries, strict=True), strict=True)
        )
    return found


@pytest.mark.parametrize("warehouse", CASES, indirect=True, ids=[" ".join(case).strip() for case in CASES])
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(size=st.integers(1, 7), seed=st.integers(0, 1000))
def test_no_order_and_no_size_of_a_fetch_changes_a_row(warehouse: tuple[str, Sql], size: int, seed: int) -> None:
    _, run = warehouse
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_readers, "FIRST_ROWS", 1)
        patch.setattr(sql_readers, "MAX_ROWS", 1)
        alone = told()
        shuffled = random.Random(seed).sample(sorted(alone), len(alone))
        run(
            *(
                f"update t set updated_at = '2026-01-01 00:00:{n:02}' where external_id = '{i}'"
                for n, i in enumerate(shuffled)
            )
        )
        patch.setattr(sql_readers, "FIRST_ROWS", size)
        patch.setattr(sql_readers, "MAX_ROWS", size)
        assert told() == alone
