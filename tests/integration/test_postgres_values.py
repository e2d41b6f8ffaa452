"""One value of PostgreSQL never stops a read, and no value depends on its neighbours. Both drivers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.postgres_server import PostgresServer, why_not
from support.sql_world import ATTRIBUTES, EVERYTHING, NOW

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


class Table:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def fill(self, kind: str, *values: str) -> Table:
        """Fill a column with values of a type, each as SQL; the external id is the value's place."""
        self._server.run(
            "drop table if exists t",
            f"create table t (updated_at timestamp default '2026-01-01', external_id serial, x {kind})",
        )
        if values:
            self._server.run(f"insert into t (x) values {', '.join(f'({value})' for value in values)}")
        return self

    def source(self) -> SqlSource:
        source = get_warehouse_hook("w").source("t", contract=ATTRIBUTES, payload_columns=["x"])
        assert isinstance(source, SqlSource)
        return source

    def sent(self) -> list[Any]:
        """What is sent as ``x`` of each row, as text, or why not."""
        found: list[Any] = []
        for batch in self.source().read(EVERYTHING):
            assert len(list(row_hashes(batch))) == batch.num_rows
            for entry in braze_destination("attributes").encode(batch):
                is_sent = isinstance(entry, Record)
                found.append(entry.body.decode().partition(',"x":')[2][:-1] if is_sent else (entry.code, entry.reason))
        return found


@pytest.fixture(params=["psycopg 3", "psycopg 2"])
def table(request: pytest.FixtureRequest, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", request.param == "psycopg 3")
    where = {"host": "127.0.0.1", "port": server.port, "login": "postgres", "schema": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "postgres", **where}))
    return Table(server)


FAR = {
    "date": ("'2026-01-05'", '"2026-01-05"', ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'294276-12-31'"]),
    "timestamp": (
        "'2026-01-05 09:00:00.123456'",
        '"2026-01-05T09:00:00.123Z"',
        ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'10000-01-01'", "'294276-12-31 23:59:59.999999'"],
    ),
    "timestamptz": (
        "'2026-01-05 09:00:00+02'",
        '"2026-01-05T07:00:00.000Z"',
        ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'10000-01-01'"],
    ),
    "numeric": (
        "12345678901234567890.123456789",
        "12345678901234567890.123456789",
        ["'NaN'", "'Infinity'", "'-Infinity'"],
    ),
    "float8": ("1.5", "1.5", ["'NaN'", "'Infinity'", "'-Infinity'"]),
    "float4": ("0.5", "0.5", ["'NaN'", "'Infinity'"]),
    "date[]": ("'{2026-01-05}'", '["2026-01-05"]', ["'{infinity}'", "'{2026-01-05,0044-03-15 BC}'"]),
    "timestamp[]": ("'{2026-01-05 09:00}'", '["2026-01-05T09:00:00.000Z"]', ["'{-infinity}'", "'{{10000-01-01}}'"]),
    "timestamptz[]": ("'{2026-01-05 09:00+02}'", '["2026-01-05T07:00:00.000Z"]', ["'{-infinity}'"]),
    "numeric[]": ("'{1.50,2}'", "[1.50,2]", ["'{1,NaN}'", "'{Infinity}'"]),
    "float8[]": ("'{1.5,2}'", "[1.5,2.0]", ["'{1,NaN}'"]),
}


@pytest.mark.parametrize("kind", FAR)
def test_a_far_value_is_a_reject_that_names_its_column_and_its_neighbours_go_on(table: Table, kind: str) -> None:
    good, sent, bad = FAR[kind]
    first, *rejects, last, null = table.fill(kind, good, *bad, good, "null").sent()
    assert (first, last, null) == (sent, sent, "null")
    assert len(rejects) == len(bad)
    for code, reason in rejects:
        assert code == "payload_type_unsupported"
        assert "PAYLOAD.x" in reason


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("numeric", "1.50", "1.50"),
        ("numeric", "1e40", "1" + 40 * "0"),
        ("numeric(10, 2)", "1.5", "1.50"),
        ("numeric", "-0.000000000000000000000000000001", "-0.000000000000000000000000000001"),
        ("time", "'24:00:00'", '"24:00:00"'),
        ("time", "'09:00:00.5'", '"09:00:00.500000"'),
        ("timetz", "'09:00:00+02'", '"09:00:00+02"'),
        ("bit(3)", "b'101'", '"101"'),
        ("money", "'1.50'", '"$1.50"'),
        ("inet", "'10.0.0.1'", '"10.0.0.1"'),
        ("cidr", "'10.0.0.0/8'", '"10.0.0.0/8"'),
        ("int4range", "'[1,5)'", '"[1,5)"'),
        ("tsrange", "'[-infinity,infinity]'", '"[-infinity,infinity]"'),
        ("int4multirange", "'{[1,5)}'", '"{[1,5)}"'),
        ("uuid", "'b2c0c1f5-7a0f-4b3e-9d0e-1c2d3e4f5a6b'", '"b2c0c1f5-7a0f-4b3e-9d0e-1c2d3e4f5a6b"'),
        ("int[]", "'{1,null}'", "[1,null]"),
        ("text[]", """'{"a\\"b"}'""", '["a\\"b"]'),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("oid", "7", "7"),
        ("xml", "'<a/>'", '"<a/>"'),
        ("jsonb", """'{"a": 1.50}'""", '{"a": 1.50}'),
        ("date", "'0001-01-01'", '"0001-01-01"'),
        ("timestamp", "'9999-12-31 23:59:59.999999'", '"9999-12-31T23:59:59.999Z"'),
    ],
)
def test_a_value_arrives_as_the_database_says_it(table: Table, kind: str, value: str, sent: str) -> None:
    assert table.fill(kind, value, "null").sent() == [sent, "null"]


@pytest.mark.parametrize("neighbour", ["'NaN'", "1", "1.123456789012345678901234567890", "1e100", "null"])
def test_no_neighbour_takes_a_digit_or_changes_a_hash(table: Table, neighbour: str) -> None:
    number = "12345678901234567890.123456789"
    (alone,) = [h for batch in table.fill("numeric", number).source().read(EVERYTHING) for h in row_hashes(batch)]
    beside = table.fill("numeric", number, *[neighbour] * 3)
    assert beside.sent()[0] == number
    assert next(h for batch in beside.source().read(EVERYTHING) for h in row_hashes(batch)) == alone


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_an_updated_at_that_is_not_finite_is_counted_and_stops_nobody(table: Table, kind: str) -> None:
    table.fill("int", *"123456")
    table._server.run(f"alter table t alter updated_at type {kind}")
    for number, moment in enumerate(["-infinity", "infinity", "0044-03-15 BC", "10000-01-01", "2026-07-01"], 1):
        table._server.run(f"update t set updated_at = '{moment}' where external_id = {number}")
    assert table.sent() == ["6"]
    for bounds in (EVERYTHING, Bounds(after="2026-01-01T00:00:00.000000Z", up_to=NOW)):
        counts = table.source().count(bounds, position=None, now=NOW)
        assert (counts.in_bounds, counts.future, counts.without_time) == (bounds == EVERYTHING, 1, 4)


def test_a_numeric_identifier_without_a_fraction_is_a_whole_number(table: Table) -> None:
    table.fill("int", "1")
    table._server.run("alter table t alter external_id type numeric using 7.00")
    (batch,) = table.source().read(EVERYTHING)
    assert batch.column("EXTERNAL_ID").to_pylist() == ["7"]
