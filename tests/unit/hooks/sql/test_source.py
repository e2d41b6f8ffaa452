"""What every SQL source does, proved on real DuckDB and SQLite files."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.sql_world import CATALOG, EVERYTHING, NOW, Database, read

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.arrow.external_sort import RUN_BYTES, external_sort
from airflow_provider_cdi.hooks.sql.reader import DuckDbReader
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

TABLE = {
    "duckdb": "create table t (updated_at timestamp, external_id varchar, payload varchar)",
    "sqlite": "create table t (updated_at text, external_id text, payload text)",
}
ROWS = """insert into t values
    ('2026-01-02 00:00:00.000001', 'b', '{"n":2}'),
    ('2026-01-01 00:00:00', 'a', '{"n":1}'),
    ('2026-01-02 00:00:00.000001', 'a', '{"n":3}'),
    (null, 'nobody knows when', '{}'),
    ('2026-07-01 00:00:00', 'tomorrow', '{}')"""
TIE = "2026-01-02T00:00:00.000001Z"


@pytest.fixture(params=["duckdb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(request.param, tmp_path, monkeypatch).run(TABLE[request.param], ROWS)


@pytest.fixture
def duckdb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database("duckdb", tmp_path, monkeypatch)


@pytest.fixture
def sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database("sqlite", tmp_path, monkeypatch)


def ids(database: Database, bounds: Bounds) -> list[str]:
    return [row["EXTERNAL_ID"] for row in read(database.source(), bounds)]


# --- reading --------------------------------------------------------------------------------------------


def test_rows_come_in_the_order_of_time_and_then_of_the_identifiers(database: Database) -> None:
    assert [row["PAYLOAD"] for row in read(database.source())] == ['{"n":1}', '{"n":3}', '{"n":2}']


def test_columns_carry_the_contracts_names_and_the_canonical_types(database: Database) -> None:
    batch = next(database.source().read(EVERYTHING))
    assert batch.schema == pa.schema(
        [("UPDATED_AT", pa.timestamp("us")), ("EXTERNAL_ID", pa.string()), ("PAYLOAD", pa.string())]
    )


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (Bounds(after=TIE, up_to=NOW), []),
        (Bounds(since=TIE, up_to=NOW), ["a", "b"]),
        (Bounds(until=TIE), ["a"]),
        (Bounds(up_to=TIE), ["a", "a", "b"]),
        (Bounds(after="2026-01-02T00:00:00.000000Z", until=NOW), ["a", "b"]),
        (Bounds(), ["a", "a", "b", "tomorrow"]),
    ],
)
def test_each_bound_is_exact_to_the_microsecond(database: Database, bounds: Bounds, expected: list[str]) -> None:
    assert ids(database, bounds) == expected


def test_an_empty_table_yields_nothing(database: Database) -> None:
    database.run("delete from t")
    assert read(database.source()) == []


def test_a_query_is_a_source_too(database: Database) -> None:
    source = database.source(None, sql="select * from t where payload like '{\"n\":%' and external_id = 'b';")
    assert [row["EXTERNAL_ID"] for row in read(source)] == ["b"]


def test_a_view_is_a_source_too(database: Database) -> None:
    database.run("create view v as select * from t where external_id = 'b'")
    assert len(read(database.source("v"))) == 1


def test_integer_identifiers_become_text(database: Database) -> None:
    database.run("create table n (id integer, updated_at timestamp, payload varchar)")
    database.run("insert into n values (10, '2026-01-01 00:00:00', '{}')")
    assert read(database.source("n", CATALOG))[0]["ID"] == "10"


def test_a_table_whose_name_is_an_attack_is_only_a_name(database: Database) -> None:
    name = '"t""; drop table t; --"'
    with pytest.raises(SourceError, match="does not exist"):
        database.source(name)
    with pytest.raises(ConfigurationError, match="source= is SQL"):
        database.source('t"; drop table t; --')
    database.run(f"create table {name} as select * from t")
    assert len(read(database.source(name))) == 3
    assert len(read(database.source())) == 3


def test_a_column_whose_name_is_an_attack_is_only_a_name(database: Database) -> None:
    database.run("""create table c as select t.*, 1 as "x"" from t; drop table t; --%s?" from t""")
    rows = read(database.source("c", columns={"EMAIL": 'x" from t; drop table t; --%s?'}))
    assert [row["EMAIL"] for row in rows] == ["1", "1", "1"]


def test_the_reader_may_be_another_thread_than_the_builder(database: Database) -> None:
    source, found = database.source(), list[Any]()
    thread = threading.Thread(target=lambda: found.extend(read(source)))
    thread.start()
    thread.join()
    assert len(found) == 3


def test_reading_asks_airflow_for_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    source = database.source()
    monkeypatch.delenv("AIRFLOW_CONN_W")
    assert len(read(source)) == 3


def test_count_and_read_take_turns_on_one_file(database: Database) -> None:
    source = database.source()
    for _ in range(2):
        assert source.count(EVERYTHING, position=None, now=NOW).in_bounds == 3
        batches = source.read(EVERYTHING)
        next(batches)
        assert source.count(EVERYTHING, position=None, now=NOW).in_bounds == 3
        batches.close()


def test_a_read_that_is_given_up_closes_its_connection(database: Database) -> None:
    batches = database.source().read(EVERYTHING)
    next(batches)
    batches.close()
    database.path.unlink()


def test_a_source_that_was_cancelled_says_so(database: Database) -> None:
    source = database.source()
    source.cancel()
    with pytest.raises(Interrupted, match=r"Reading the table t.*stopped"):
        read(source)


# --- counting -------------------------------------------------------------------------------------------


def test_one_count_tells_all_there_is_to_know(database: Database) -> None:
    counts = database.source().count(EVERYTHING, position=TIE, now=NOW, with_total=True)
    assert counts == Counts(in_bounds=3, at_position=2, future=1, without_time=1, total=5)


def test_a_count_above_a_watermark_still_sees_its_ties_the_future_and_rows_without_time(
    database: Database,
) -> None:
    counts = database.source().count(Bounds(after=TIE, up_to=NOW), position=TIE, now=NOW)
    assert counts == Counts(in_bounds=0, at_position=2, future=1, without_time=1)


def test_a_count_from_beyond_now_still_sees_the_future(database: Database) -> None:
    counts = database.source().count(Bounds(since="2027-01-01T00:00:00.000000Z"), position=None, now=NOW)
    assert (counts.in_bounds, counts.future) == (0, 1)


# --- what is refused ------------------------------------------------------------------------------------


def test_an_unknown_table_is_named_with_its_connection_and_what_to_do(database: Database) -> None:
    with pytest.raises(SourceError, match=r"the table nope.*'w'.*check the name"):
        database.source("nope")


def test_broken_sql_is_told_apart(database: Database) -> None:
    with pytest.raises(SourceError, match=r"the query.*mend"):
        database.source(None, sql="selec 1")


def test_a_view_without_updated_at_is_refused(database: Database) -> None:
    database.run("create view v as select external_id, payload from t")
    with pytest.raises(SourceError, match="no UPDATED_AT column"):
        database.source("v")


def test_a_table_and_a_query_together_are_refused(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        database.source("t", sql="select 1")
    with pytest.raises(ConfigurationError, match="not both"):
        database.source(None)


def test_the_connection_test_is_honest(database: Database) -> None:
    assert get_warehouse_hook("w").test_connection()[0]
    database.path.unlink()
    database.path.mkdir()
    works, sentence = get_warehouse_hook("w").test_connection()
    assert not works
    assert "'w'" in sentence


# --- DuckDB ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("timestamp", "2026-01-01 00:00:00.123456", "2026-01-01 00:00:00.123456"),
        ("timestamp_ns", "2026-01-01 00:00:00.123456789", "2026-01-01 00:00:00.123456789"),
        ("timestamp_s", "2026-01-01 00:00:07", "2026-01-01 00:00:07.000000"),
        ("timestamp_ms", "2026-01-01 00:00:00.125", "2026-01-01 00:00:00.125000"),
        ("timestamptz", "2026-01-01 02:00:00.5+02", "2026-01-01 00:00:00.500000"),
    ],
)
def test_duckdb_timestamps_of_every_kind_come_out_in_utc(
    duckdb_file: Database, kind: str, value: str, text: str
) -> None:
    duckdb_file.run(f"create table t as select '{value}'::{kind} updated_at, 'a' external_id, '{{}}' payload")
    source = duckdb_file.source()
    assert [row["UPDATED_AT"] for row in read(source)] == [text]
    position = text.replace(" ", "T") + "Z"
    assert source.count(EVERYTHING, position=position, now=NOW).at_position == 1
    assert read(source, Bounds(after=position)) == []


def test_duckdb_compares_nanoseconds(duckdb_file: Database) -> None:
    duckdb_file.run(
        "create table t as select '2026-01-01 00:00:00.123456789'::timestamp_ns updated_at, 'a' external_id, "
        "'{}' payload"
    )
    source = duckdb_file.source()
    assert len(read(source, Bounds(after="2026-01-01T00:00:00.123456788Z"))) == 1
    assert len(read(source, Bounds(since="2026-01-01T00:00:00.123456790Z"))) == 0


@pytest.mark.parametrize(
    ("value", "problem"),
    [("'2026-01-01'::date", "is a date"), ("'2026-01-01 00:00:00'", "is text"), ("1767225600", "is a number")],
)
def test_in_duckdb_updated_at_must_be_a_timestamp(duckdb_file: Database, value: str, problem: str) -> None:
    duckdb_file.run(f"create table t as select {value} updated_at, 'a' external_id, '{{}}' payload")
    with pytest.raises(SourceError, match=f"'updated_at'.*{problem}.*view"):
        duckdb_file.source()


def test_duckdb_structs_and_json_stay_what_they_are(duckdb_file: Database) -> None:
    duckdb_file.run(
        "create table s as select timestamp '2026-01-01' updated_at, 'a' external_id, {'n': 1.5, 'l': [1]} payload",
        "create table j as select timestamp '2026-01-01' updated_at, 'a' external_id, '{\"n\": 1.50}'::json payload",
    )
    assert read(duckdb_file.source("s"))[0]["PAYLOAD"] == {"n": 1.5, "l": [1]}
    assert read(duckdb_file.source("j"))[0]["PAYLOAD"] == '{"n": 1.50}'


def test_duckdb_identifiers_of_other_types_become_text(duckdb_file: Database) -> None:
    duckdb_file.run(
        """create table t as select timestamp '2026-01-01' updated_at, '{}' payload,
        '2b0c1f5e-7a0f-4b3e-9d0e-1c2d3e4f5a6b'::uuid external_id, 7.0::double email, 'b'::enum('a','b') phone,
        12345678901234567890::hugeint braze_id"""
    )
    row = read(duckdb_file.source())[0]
    assert [row[name] for name in ("EXTERNAL_ID", "EMAIL", "PHONE", "BRAZE_ID")] == [
        "2b0c1f5e-7a0f-4b3e-9d0e-1c2d3e4f5a6b",
        "7",
        "b",
        "12345678901234567890",
    ]


def test_a_payload_built_from_duckdb_columns_keeps_their_types(duckdb_file: Database) -> None:
    duckdb_file.run(
        """create table t as select timestamp '2026-01-01' updated_at, 'a' external_id, 1.50::decimal(10,2) price,
        date '2026-01-05' as "day", true as vip, '{"a":1}'::json as raw, [1, 2] as list, 'x' as plan"""
    )
    columns = {"price": "order.price", "day": "order.day", "vip": "vip", "raw": "raw", "list": "l", "PLAN": "p"}
    batch = next(duckdb_file.source(payload_columns=columns).read(EVERYTHING))
    payload = batch.schema.field("PAYLOAD").type
    assert payload.field("order").type == pa.struct([("price", pa.decimal128(10, 2)), ("day", pa.date32())])
    assert payload.field("raw").metadata == {b"cdi": b"json"}
    assert [payload.field(name).type for name in ("vip", "p")] == [pa.bool_(), pa.string()]
    assert batch.column("PAYLOAD")[0].as_py()["l"] == [1, 2]


@pytest.mark.parametrize("value", ["'x'::blob", "interval 1 day"])
def test_a_payload_column_without_a_form_in_json_is_refused(duckdb_file: Database, value: str) -> None:
    duckdb_file.run(f"create table t as select timestamp '2026-01-01' updated_at, 'a' external_id, {value} x")
    with pytest.raises(SourceError, match=r"'x'.*no form in JSON"):
        read(duckdb_file.source(payload_columns=["x"]))


def test_duckdb_sorts_more_rows_than_fit_into_one_run(duckdb_file: Database) -> None:
    rows, width = 2 * RUN_BYTES // 1000, 1000
    duckdb_file.run(
        "create table t as select timestamp '2026-01-01' + interval ((i * 7919) % 1000) second updated_at, "
        f"i::varchar external_id, repeat('x', {width}) payload from range({rows}) r(i)"
    )
    seen = [(row["UPDATED_AT"], row["EXTERNAL_ID"]) for row in read(duckdb_file.source())]
    assert len(seen) == rows
    assert seen == sorted(seen)


def test_the_first_rows_of_a_duckdb_table_are_those_of_a_whole_read_and_no_more_are_sorted(
    duckdb_file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb_file.run(
        "create table t as select timestamp '2026-01-01' updated_at, nullif(i, 13) external_id, '{}' payload "
        "from range(3_000) _(i)"
    )
    everything, sorted_rows = read(duckdb_file.source()), []

    def sort(batches: Iterable[pa.RecordBatch], keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
        given = list(batches)
        sorted_rows.append(sum(batch.num_rows for batch in given))
        return external_sort(given, keys)

    monkeypatch.setattr("airflow_provider_cdi.hooks.sql.reader.external_sort", sort)
    assert read(duckdb_file.source(), Bounds(most=11)) == everything[:11]
    assert sorted_rows == [11]


def test_duckdb_takes_more_memory_when_a_view_needs_it(duckdb_file: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DuckDbReader, "STEPS", [("2MB", 1), ("200MB", 1), None])
    duckdb_file.run(
        "create view t as select timestamp '2026-01-01' updated_at, i::varchar external_id, any_value(i) payload "
        "from range(20000) r(i) group by i"
    )
    assert len(read(duckdb_file.source())) == 20_000


def test_duckdb_keeps_the_memory_limit_that_the_connection_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database("duckdb", tmp_path, monkeypatch, memory_limit="1GB", threads=1)
    database.run(TABLE["duckdb"])
    limit = "select timestamp '2026-01-01' updated_at, 'a' external_id, current_setting('memory_limit') payload"
    assert read(database.source(None, sql=limit))[0]["PAYLOAD"] == "953.6 MiB"


def test_duckdb_is_left_with_the_settings_it_had(duckdb_file: Database) -> None:
    import duckdb

    duckdb_file.run(TABLE["duckdb"])
    with duckdb.connect(
        str(duckdb_file.path),
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": True,
            "allow_community_extensions": False,
        },
    ) as other:
        current = "select current_setting('memory_limit'), current_setting('threads')"
        before = other.execute(current).fetchone()
        assert read(duckdb_file.source()) == []
        assert other.execute(current).fetchone() == before


def test_a_duckdb_file_that_is_opened_otherwise_may_be_free_later(duckdb_file: Database) -> None:
    import duckdb

    duckdb_file.run(TABLE["duckdb"])
    with duckdb.connect(str(duckdb_file.path)), pytest.raises(RetryLater, match="Another process or connection"):
        duckdb_file.source()


ENDLESS = {
    "duckdb": "from range(100000000000) r(i) where i < 0",
    "sqlite": "from (with recursive r(i) as (select 1 union all select i + 1 from r) select i from r) where i < 0",
}


def test_a_running_query_stops_when_it_is_cancelled(database: Database) -> None:
    database.run("create view v as select * from t")
    source, seen = database.source("v"), list[BaseException]()
    endless = f"'2026-01-01 00:00:00'::timestamp updated_at, 'a' external_id, '' payload {ENDLESS[database.kind]}"
    if database.kind == "sqlite":
        endless = endless.replace("::timestamp", "")
    database.run("drop view v", f"create view v as select {endless}")

    def count() -> None:
        try:
            source.count(EVERYTHING, position=None, now=NOW)
        except Interrupted as error:
            seen.append(error)

    thread = threading.Thread(target=count)
    thread.start()
    while thread.is_alive():
        if source._session._running:
            source.cancel()
        thread.join(0.01)
    assert len(seen) == 1


# --- SQLite ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["2026-01-01T02:00:00+02:00", "2026-01-01 00:00", "2026-01-01T00:00:00Z", "2025-12-31 19:00:00.0-0500"],
)
def test_sqlite_reads_iso_text_of_any_shape(sqlite_file: Database, value: str) -> None:
    sqlite_file.run(TABLE["sqlite"], f"insert into t values ('{value}', 'a', '{{}}')")
    assert read(sqlite_file.source())[0]["UPDATED_AT"] == "2026-01-01 00:00:00.000000"


def test_sqlite_counts_rows_whose_time_cannot_be_read_as_rows_without_time(sqlite_file: Database) -> None:
    sqlite_file.run(TABLE["sqlite"], ROWS, "insert into t values ('last week', 'x', '{}')")
    assert sqlite_file.source().count(EVERYTHING, position=None, now=NOW).without_time == 2


@pytest.mark.parametrize("value", ["'2026-01-05'", "1767225600", "'last week'"])
def test_sqlite_refuses_a_column_in_which_no_value_is_a_time(sqlite_file: Database, value: str) -> None:
    sqlite_file.run(TABLE["sqlite"], f"insert into t values ({value}, 'a', '{{}}')")
    with pytest.raises(SourceError, match=r"'updated_at'.*view"):
        sqlite_file.source()


def test_a_sqlite_column_of_several_types_becomes_json_text(sqlite_file: Database) -> None:
    sqlite_file.run(
        "create table t (updated_at text, external_id, x)",
        "insert into t values ('2026-01-01 00:00:00', 1, 2), ('2026-01-01 00:00:00', 'a', 'b'), "
        "('2026-01-01 00:00:00', null, null)",
    )
    batch = next(sqlite_file.source(payload_columns=["x"]).read(EVERYTHING))
    assert batch.schema.field("PAYLOAD").type.field("x").metadata == {b"cdi": b"values"}
    assert {row["x"] for row in batch.column("PAYLOAD").to_pylist()} == {"2", '"b"', None}
    assert set(batch.column("EXTERNAL_ID").to_pylist()) == {"1", "a", None}


def test_a_locked_sqlite_file_may_be_free_later(sqlite_file: Database) -> None:
    import sqlite3

    sqlite_file.run(TABLE["sqlite"])
    source = sqlite_file.source()
    source._session._hook.get_conn = lambda: sqlite3.connect(sqlite_file.path, timeout=0)
    connection = sqlite3.connect(sqlite_file.path)
    connection.execute("begin exclusive")
    with pytest.raises(RetryLater, match="Another process or connection"):
        read(source)
    connection.close()


# --- which hook -----------------------------------------------------------------------------------------


def test_a_connection_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.exceptions import AirflowNotFoundException

    from airflow_provider_cdi.version_compat import BaseHook

    def missing(conn_id: str) -> None:
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", missing)
    with pytest.raises(ConfigurationError, match=r"no Airflow connection 'shop'.*AIRFLOW_CONN_SHOP"):
        get_warehouse_hook("shop")


def test_a_connection_of_an_unknown_type_is_named_with_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_W", '{"conn_type": "no_such_thing"}')
    with pytest.raises(ConfigurationError, match="'w' has the type 'no_such_thing'"):
        get_warehouse_hook("w")


def test_a_hook_without_sql_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_W", '{"conn_type": "fs"}')
    with pytest.raises(ConfigurationError, match=r"'w' has the type 'fs'"):
        get_warehouse_hook("w")


def test_deletes_refuse_a_table_with_a_payload(database: Database) -> None:
    deletes = TableContract("user_deletes", ("EXTERNAL_ID",), has_payload=False, refuses_payload=True)
    with pytest.raises(SourceError, match="PAYLOAD"):
        database.source(contract=deletes)


def test_importing_the_hooks_imports_no_driver() -> None:
    import subprocess
    import sys

    code = (
        "import sys, airflow_provider_cdi.hooks.warehouse, airflow_provider_cdi.hooks.sql.hook\n"
        "print([name for name in ('duckdb', 'psycopg', 'psycopg2', 'airflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
