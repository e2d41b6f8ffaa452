"""PostgreSQL as a source: a private server, both drivers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from support.ports import free_port
from support.postgres_server import PostgresServer, why_not
from support.sql_world import ATTRIBUTES, CATALOG, EVERYTHING, NOW, read

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
TIE = "2026-01-02T00:00:00.000001Z"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


class Postgres:
    def __init__(self, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._server = server
        self._monkeypatch = monkeypatch
        self.connect()

    def connect(self, **fields: Any) -> Postgres:
        where = {"host": "127.0.0.1", "port": self._server.port, "login": "postgres", "schema": "postgres"}
        connection = {"conn_type": "postgres", **where, **fields}
        self._monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))
        return self

    def run(self, *statements: str) -> None:
        self._server.run(*statements)

    def source(self, table: str | None = "t", **kwargs: Any) -> SqlSource:
        source = get_warehouse_hook("w").source(table, **{"contract": ATTRIBUTES, **kwargs})
        assert isinstance(source, SqlSource)
        return source


@pytest.fixture(params=["psycopg 3", "psycopg 2"])
def postgres(request: pytest.FixtureRequest, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    # What the provider itself decides on when it is imported.
    monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", request.param == "psycopg 3")
    postgres = Postgres(server, monkeypatch)
    postgres.run(
        "drop schema public cascade",
        "create schema public",
        "create table t (updated_at timestamp, external_id int, payload jsonb)",
        """insert into t values ('2026-01-02 00:00:00.000001', 2, '{"n": 1.50}'), ('2026-01-01', 1, '{"n": 1}'),
           ('2026-01-02 00:00:00.000001', 1, '{"n": 12345678901234567890}'), (null, 4, '{}'),
           ('2026-07-01', 5, '{}')""",
    )
    return postgres


def test_rows_come_in_order_with_the_databases_own_json_text(postgres: Postgres) -> None:
    rows = [(row["EXTERNAL_ID"], row["PAYLOAD"]) for row in read(postgres.source())]
    assert rows == [("1", '{"n": 1}'), ("1", '{"n": 12345678901234567890}'), ("2", '{"n": 1.50}')]


def test_bounds_are_exact_to_the_microsecond(postgres: Postgres) -> None:
    source = postgres.source()
    assert read(source, Bounds(after=TIE, up_to=NOW)) == []
    assert len(read(source, Bounds(since=TIE, up_to=NOW))) == 2
    assert len(read(source, Bounds(until=TIE))) == 1


def test_one_count_tells_all_there_is_to_know(postgres: Postgres) -> None:
    source = postgres.source()
    assert source.count(EVERYTHING, position=TIE, now=NOW, with_total=True) == Counts(3, 2, 1, 1, 5)
    assert source.count(Bounds(after=TIE, up_to=NOW), position=TIE, now=NOW) == Counts(0, 2, 1, 1)


def test_a_timestamp_with_zone_comes_out_in_utc_whatever_the_zone(postgres: Postgres) -> None:
    postgres.run(
        "create table z as select timestamptz '2026-01-01 02:00:00.5+02' updated_at, 'a' external_id, '{}' payload"
    )
    postgres.connect(extra={"options": "-c TimeZone=Asia/Tokyo"})
    source = postgres.source("z")
    assert read(source)[0]["UPDATED_AT"] == "2026-01-01 00:00:00.500000"
    position = "2026-01-01T00:00:00.500000Z"
    assert source.count(EVERYTHING, position=position, now=NOW).at_position == 1


def test_views_cast_in_utc_whatever_the_zone(postgres: Postgres) -> None:
    postgres.run(
        "create view v as select timestamptz '2026-01-01 00:00+00'::timestamp updated_at, 1 external_id, '{}' payload"
    )
    postgres.connect(extra={"options": "-c TimeZone=Asia/Tokyo"})
    assert read(postgres.source("v"))[0]["UPDATED_AT"] == "2026-01-01 00:00:00.000000"


def test_names_fold_to_lower_case_and_reserved_words_work(postgres: Postgres) -> None:
    postgres.run('create table "order" as select * from t', 'create table "Order" as select * from t where false')
    assert len(read(postgres.source("Public.ORDER"))) == 3
    assert read(postgres.source('"Order"')) == []


def test_a_table_whose_name_is_an_attack_is_only_a_name(postgres: Postgres) -> None:
    with pytest.raises(SourceError, match=r"does not exist.*check the name"):
        postgres.source('"t""; drop table t; --"')
    with pytest.raises(ConfigurationError, match="source= is SQL"):
        postgres.source('t"; drop table t; --')
    assert len(read(postgres.source())) == 3


def test_a_percent_in_a_query_and_in_a_column_is_only_a_percent(postgres: Postgres) -> None:
    sql = """select t.*, external_id as "100%s" from t where payload::text like '%1.5%';"""
    rows = read(postgres.source(None, sql=sql, columns={"EMAIL": "100%s"}))
    assert [row["EMAIL"] for row in rows] == ["2"]
    assert len(read(postgres.source(None, sql=sql), Bounds())) == 1


def test_rows_may_come_as_mappings(postgres: Postgres) -> None:
    postgres.connect(extra={"cursor": "dictcursor"})
    source = postgres.source()
    assert source.count(EVERYTHING, position=TIE, now=NOW).in_bounds == 3
    assert len(read(source)) == 3


def test_a_connection_with_autocommit_streams_too(postgres: Postgres, request: pytest.FixtureRequest) -> None:
    if "psycopg 3" in request.node.name:  # the other one has no such argument
        postgres.connect(extra={"autocommit": True})
    assert len(read(postgres.source())) == 3


def test_a_payload_built_from_columns_keeps_their_types(postgres: Postgres) -> None:
    postgres.run(
        """create table p as select timestamp '2026-01-01' updated_at, 'a' external_id, 1.50::numeric(10,2) price,
        date '2026-01-05' as "day", true as vip, '{"a": 1.0}'::jsonb as raw, array[1,2] as list,
        'b2c0c1f5-7a0f-4b3e-9d0e-1c2d3e4f5a6b'::uuid as uid, 'NaN'::numeric as nan"""
    )
    columns = {name: name for name in ("price", "day", "vip", "raw", "list", "uid", "nan")}
    batch = next(postgres.source("p", payload_columns=columns).read(EVERYTHING))
    payload = batch.schema.field("PAYLOAD").type
    assert payload.field("raw").metadata == {b"cdi": b"json"}
    assert [payload.field(name).type for name in ("day", "vip", "uid")] == [pa.date32(), pa.bool_(), pa.string()]
    assert payload.field("nan").metadata == {b"cdi": b"values"}
    row = batch.column("PAYLOAD")[0].as_py()
    assert (row["price"], row["raw"], row["list"]) == ("#1.50", '{"a": 1.0}', "[1,2]")


@pytest.mark.parametrize(
    ("value", "problem"),
    [("date '2026-01-01'", "is a date"), ("'2026-01-01'::text", "is text"), ("1", "is a number")],
)
def test_updated_at_must_be_a_timestamp(postgres: Postgres, value: str, problem: str) -> None:
    postgres.run(f"create table w as select {value} updated_at, 'a' external_id, '{{}}' payload")
    with pytest.raises(SourceError, match=problem):
        postgres.source("w")


def test_a_query_with_two_columns_of_one_name_is_refused(postgres: Postgres) -> None:
    with pytest.raises(SourceError, match="two columns of one name: external_id"):
        postgres.source(None, sql="select updated_at, external_id, external_id, payload from t")


def test_a_missing_permission_is_told_apart(postgres: Postgres) -> None:
    postgres.run("drop role if exists guest", "create role guest login", "grant usage on schema public to guest")
    postgres.connect(login="guest")
    with pytest.raises(SourceError, match=r"the table t.*'w'.*grant it SELECT"):
        postgres.source()


def test_a_server_that_is_away_may_come_back(postgres: Postgres) -> None:
    port = free_port()
    postgres.connect(port=port, password="hunter2-secret")
    with pytest.raises(RetryLater, match=r"'w'.*a new try may succeed") as error:
        postgres.source()
    assert "hunter2-secret" not in str(error.value)


def test_an_unknown_login_is_for_a_person_to_mend(postgres: Postgres) -> None:
    postgres.connect(login="nobody_here")
    works, sentence = get_warehouse_hook("w").test_connection()
    assert not works
    assert "check the connection's login" in sentence


def test_a_value_that_cannot_be_converted_is_not_quoted(postgres: Postgres) -> None:
    sql = "select updated_at, external_id, ('jane@example.com' || external_id)::int::text payload from t"
    with pytest.raises(SourceError, match="cannot be read or converted") as error:
        read(postgres.source(None, sql=sql))
    assert "jane" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_failure_in_the_middle_of_a_stream_is_reported_as_itself(postgres: Postgres) -> None:
    postgres.run(
        "create view broken as select timestamp '2026-01-01' updated_at, i external_id, (1 / (9000 - i))::text payload "
        "from generate_series(1, 20000) i"
    )
    with pytest.raises(SourceError, match="cannot be read or converted"):
        read(postgres.source("broken", contract=ATTRIBUTES))


def test_a_running_query_stops_when_it_is_cancelled(postgres: Postgres) -> None:
    postgres.run("create view slow as select *, pg_sleep(600)::text as nap from t")
    source, seen = postgres.source("slow", columns={"EMAIL": "nap"}), list[BaseException]()

    def reading() -> None:
        try:
            read(source)
        except Interrupted as error:
            seen.append(error)

    thread = threading.Thread(target=reading)
    thread.start()
    while thread.is_alive():
        if source._session._running:
            source.cancel()
        thread.join(0.05)
    assert len(seen) == 1


def test_the_client_holds_only_what_it_fetched(postgres: Postgres) -> None:
    postgres.run(
        "create view many as select timestamp '2026-01-01' + interval '1 second' * i updated_at, i id, "
        "repeat('x', 1000) payload from generate_series(1, 50000) i"
    )
    batches = postgres.source("many", contract=CATALOG).read(Bounds())
    assert next(batches).num_rows == 500
    assert max(batch.num_rows for batch in batches) <= 2000


def test_the_error_of_a_row_is_not_hidden_by_the_end_of_its_cursor(postgres: Postgres) -> None:
    # psycopg 2 closes a server-side cursor with a statement, which a broken transaction refuses.
    source = postgres.source(None, sql="select updated_at, external_id, (1 / (external_id - 2))::text payload from t")
    with pytest.raises(SourceError, match="A value in it cannot be read or converted"):
        read(source)


def test_the_blanks_that_fill_up_a_text_of_fixed_length_are_no_part_of_an_id(postgres: Postgres) -> None:
    postgres.run(
        "create table padded (updated_at timestamp, external_id char(8), payload text)",
        """insert into padded values ('2026-01-01', 'a', '{}'), ('2026-01-01', 'a b', '{}'), ('2026-01-01', '', '{}'),
           ('2026-01-01', null, '{}')""",
        "create table loose (updated_at timestamp, external_id varchar(8), payload text)",
        "insert into loose values ('2026-01-01', 'a  ', '{}')",
    )
    ids = [row["EXTERNAL_ID"] for row in read(postgres.source("padded"))]
    assert sorted(ids, key=str) == ["", None, "a", "a b"]
    assert [row["EXTERNAL_ID"] for row in read(postgres.source("loose"))] == ["a  "]
    parts = [postgres.source("padded", partition=Partition(number, 3)) for number in range(3)]
    found = [row["EXTERNAL_ID"] for part in parts for row in read(part)]
    assert sorted(found, key=str) == ["", None, "a", "a b"]


def test_a_column_that_a_data_type_reads_itself_has_no_filling_blanks_either(postgres: Postgres) -> None:
    postgres.run(
        "create table items (updated_at timestamp, id char(6), payload text, deleted char(5))",
        "insert into items values ('2026-01-01', 'sku-1', '{}', 'true')",
    )
    (row,) = read(postgres.source("items", contract=CATALOG))
    assert (row["ID"], row["DELETED"]) == ("sku-1", "true")


def test_an_updated_at_that_is_text_of_a_fixed_length_is_named_as_text(postgres: Postgres) -> None:
    postgres.run("create table texts (updated_at char(30), external_id text, payload text)")
    with pytest.raises(SourceError, match="is text and no timestamp"):
        postgres.source("texts")
