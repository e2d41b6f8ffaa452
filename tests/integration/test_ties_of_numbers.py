"""What was delivered is not sent again, whatever numbers come to lie beside it. Real warehouses, a real operator."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airflow_world import AirflowWorld, make_operator
from support.postgres_server import PostgresServer, why_not

from cdi_sandbox.server import SandboxServer

Run = Callable[..., dict[str, Any]]
Sql = Callable[..., None]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := why_not():
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def run(sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(source=..., ...)`` runs the sync once more."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(braze))
    world, runs = AirflowWorld(), iter(range(100))

    def run(**arguments: Any) -> dict[str, Any]:
        operator = make_operator(rejects_path=str(tmp_path / "rejects.jsonl"), **arguments)
        return operator.execute(world.context(f"run-{next(runs)}"))

    return run


@pytest.fixture(params=["postgres", "sqlite"])
def sql(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sql:
    """``sql(statement, ...)`` runs statements in the warehouse."""
    if request.param == "postgres":
        server = request.getfixturevalue("server")
        server.run("drop table if exists purchases")
        where = {"host": "127.0.0.1", "port": server.port, "login": "postgres", "schema": "postgres"}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "postgres", **where}))
        return server.run
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def run(*statements: str) -> None:
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)

    return run


TABLE = "create table purchases (updated_at {time}, external_id text, product_id text, currency text, price {number})"
#: Prices as computed columns have them: each with digits of its own, or now a whole number and now a fraction.
PRICES = ["1.50", "2", "3.125", "12345678901234567890.123456789"]


def create(sql: Sql, request: pytest.FixtureRequest) -> None:
    is_sqlite = "sqlite" in request.node.name
    sql(TABLE.format(time="text", number="") if is_sqlite else TABLE.format(time="timestamp", number="numeric"))


def row(number: int, price: str) -> str:
    return f"('2026-01-01 00:00:00', 'c-{number:06d}', 'p-{number}', 'EUR', {price})"


def test_purchases_of_the_watermarks_second_are_sent_once(
    sql: Sql, run: Run, sandbox: SandboxServer, request: pytest.FixtureRequest
) -> None:
    create(sql, request)
    arguments = {
        "source": "purchases",
        "data_type": "purchases",
        "payload_columns": {"product_id": "product_id", "currency": "currency", "price": "price"},
    }
    sent = 0
    for price in PRICES:
        sql(f"insert into purchases values {', '.join(row(n, price) for n in range(sent, sent + 25))}")
        sent += 25
        report = run(**arguments)
        assert (report["accepted"], report["rejected"]) == (25, 0)
    assert sandbox.received("/users/track")["objects"] == 100


def test_one_new_tie_of_another_scale_drags_no_more_than_its_bucket_with_it(
    server: PostgresServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"host": "127.0.0.1", "port": server.port, "login": "postgres", "schema": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "postgres", **where}))
    server.run(
        "drop table if exists many",
        "create table many as select timestamp '2026-01-01' updated_at, 'c-' || i external_id, i / 8.0 as price "
        "from generate_series(1, 50000) i",
    )
    arguments = {"source": "many", "payload_columns": ["price"]}
    assert run(**arguments)["accepted"] == 50_000
    server.run("insert into many values ('2026-01-01', 'c-0', 1.123456789012345678901234567)")
    assert 1 <= run(**arguments)["accepted"] <= 200
    assert run(**arguments)["accepted"] == 0
