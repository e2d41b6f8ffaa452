"""One value never stops a read: each other row comes out, and this one is a reject that names its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.sql_world import EVERYTHING, NOW, Database

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.row_hash import row_hashes


@pytest.fixture
def duckdb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database("duckdb", tmp_path, monkeypatch)


@pytest.fixture
def sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database("sqlite", tmp_path, monkeypatch)


def bodies(database: Database, **kwargs: Any) -> dict[str, Any]:
    """External id -> the object that is sent, as text, or why not."""
    source = database.source(**{"payload_columns": ["x"], **kwargs})
    destination, found = braze_destination("attributes"), dict[str, Any]()
    for batch in source.read(EVERYTHING):
        assert len(list(row_hashes(batch))) == batch.num_rows
        ids = [str(name) for name in batch.column("EXTERNAL_ID").cast("binary").to_pylist()]
        found |= dict(zip(ids, destination.encode(batch), strict=True))
    return {
        name[2:-1]: entry.body.decode() if isinstance(entry, Record) else (entry.code, entry.reason)
        for name, entry in found.items()
    }


DUCKDB = "select timestamp '2026-01-01' updated_at, {name} external_id, {value} x"


def test_integers_of_128_bits_without_a_sign_keep_every_digit(duckdb_file: Database) -> None:
    numbers = [2**127 - 1, 2**127, 2**128 - 1, 0]
    rows = (DUCKDB.format(name=f"'{n}'", value=f"cast('{number}' as uhugeint)") for n, number in enumerate(numbers))
    duckdb_file.run(f"create table t as {' union all '.join(rows)}")
    assert bodies(duckdb_file) == {str(n): f'{{"external_id":"{n}","x":{number}}}' for n, number in enumerate(numbers)}


def test_an_identifier_of_128_bits_without_a_sign_is_itself(duckdb_file: Database) -> None:
    duckdb_file.run(f"create table t as {DUCKDB.format(name=f'cast({2**128 - 1} as uhugeint)', value=1)}")
    assert list(bodies(duckdb_file)) == [str(2**128 - 1)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"cast('{10**59 + 7}' as bignum)", str(10**59 + 7)),
        (f"cast('-{2**127}' as hugeint)", str(-(2**127))),
        (f"[cast('{2**128 - 1}' as uhugeint), null]", f"[{2**128 - 1},null]"),
        ("18446744073709551615::ubigint", "18446744073709551615"),
        ("12345678901234567890.123456789::decimal(38, 9)", "12345678901234567890.123456789"),
        ("'101'::bit", '"101"'),
        ("'12:00:00+02'::timetz", '"12:00:00+02"'),
        ("time '24:00:00'", '"24:00:00"'),
        ("'a'::enum('a', 'b')", '"a"'),
        ("[1.50::decimal(5, 2)]", "[1.50]"),
    ],
)
def test_a_value_of_duckdb_arrives_without_loss(duckdb_file: Database, value: str, expected: str) -> None:
    duckdb_file.run(f"create table t as {DUCKDB.format(name=chr(39) + 'a' + chr(39), value=value)}")
    assert bodies(duckdb_file) == {"a": f'{{"external_id":"a","x":{expected}}}'}


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("date", ["infinity", "-infinity", "0044-03-15 (BC)", "10000-01-01"], "2026-01-05"),
        ("timestamp", ["infinity", "-infinity", "0044-03-15 (BC) 00:00:00", "294246-01-01"], "2026-01-05 09:00:00"),
        ("timestamptz", ["infinity", "-infinity", "10000-01-01 00:00:00+00"], "2026-01-05 09:00:00+00"),
        ("timestamp_s", ["infinity", "-infinity"], "2026-01-05 09:00:00"),
        ("double", ["nan", "inf", "-inf"], "1.5"),
        ("float", ["nan", "inf"], "1.5"),
        ("date[]", ["[infinity]"], "[2026-01-05]"),
    ],
)
def test_a_far_value_of_duckdb_is_a_reject_and_its_neighbours_go_on(
    duckdb_file: Database, kind: str, bad: list[str], good: str
) -> None:
    values = [good, *bad, good]
    rows = (DUCKDB.format(name=f"'{n}'", value=f"cast('{value}' as {kind})") for n, value in enumerate(values))
    duckdb_file.run(f"create table t as {' union all '.join(rows)}")
    found = bodies(duckdb_file)
    assert found["0"].replace('"0"', "") == found[str(len(bad) + 1)].replace(f'"{len(bad) + 1}"', "")
    for n in range(1, len(bad) + 1):
        code, reason = found[str(n)]
        assert code == "payload_type_unsupported"
        assert "PAYLOAD.x" in reason


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp_ns"])
def test_an_updated_at_that_is_not_finite_is_counted_and_stops_nobody(duckdb_file: Database, kind: str) -> None:
    duckdb_file.run(
        f"create table t (updated_at {kind}, external_id varchar, x int)",
        "insert into t values ('-infinity', 'never', 1), ('infinity', 'ever', 1), ('2026-01-01', 'a', 1),"
        " (null, 'n', 1), ('2026-07-01', 'tomorrow', 1)",
    )
    assert list(bodies(duckdb_file)) == ["a"]
    source = duckdb_file.source(payload_columns=["x"])
    for bounds in (EVERYTHING, Bounds(after="2026-01-01T00:00:00.000000Z", up_to=NOW)):
        counts = source.count(bounds, position=None, now=NOW)
        assert (counts.in_bounds, counts.future, counts.without_time) == (bounds == EVERYTHING, 1, 3)


# --- SQLite ---------------------------------------------------------------------------------------------


def sqlite_rows(database: Database, values: list[str], *, column: str = "x") -> None:
    database.run(f"create table t (updated_at text, external_id text, {column})")
    for n, value in enumerate(values):
        database.run(f"insert into t values ('2026-01-01 00:00:00', '{n}', {value})")


def test_numbers_and_texts_of_one_sqlite_column_are_each_themselves(sqlite_file: Database) -> None:
    sqlite_rows(sqlite_file, ["7", "2.5", "'a'", "null", "9007199254740993", "1e300", "x'c0ffee'", "9e999"])
    found = bodies(sqlite_file)
    sent = ["7", "2.5", '"a"', "null", "9007199254740993", "1e+300"]
    assert [found[str(n)] for n in range(6)] == [f'{{"external_id":"{n}","x":{value}}}' for n, value in enumerate(sent)]
    assert "PAYLOAD.x holds binary data" in found["6"][1]
    assert "PAYLOAD.x" in found["7"][1]
    assert {found["6"][0], found["7"][0]} == {"payload_type_unsupported"}


def test_sqlite_text_that_is_not_utf8_is_a_reject_and_its_neighbours_go_on(sqlite_file: Database) -> None:
    sqlite_rows(sqlite_file, ["'a'"] * 600 + ["cast(x'80' as text)"] + ["'a'"] * 10)
    found = bodies(sqlite_file)
    assert len(found) == 611
    assert found.pop("600")[0] == "payload_type_unsupported"
    assert all(isinstance(body, str) for body in found.values())


def test_a_sqlite_payload_that_is_not_utf8_is_a_reject(sqlite_file: Database) -> None:
    sqlite_rows(sqlite_file, ["'{}'", "cast(x'80' as text)", "x'80'"], column="payload")
    found = bodies(sqlite_file, payload_columns=())
    assert (found["0"], found["1"][0], found["2"][0]) == ('{"external_id":"0"}', "payload_not_json", "payload_not_json")


@pytest.mark.parametrize("value", ["x'80'", "cast(x'80' as text)"])
def test_a_sqlite_identifier_that_is_no_text_is_a_reject(sqlite_file: Database, value: str) -> None:
    sqlite_rows(sqlite_file, ["1", "2"])
    sqlite_file.run(f"insert into t values ('2026-01-01 00:00:00', {value}, 3)")
    found = bodies(sqlite_file)
    rejects = [entry for entry in found.values() if not isinstance(entry, str)]
    assert [code for code, _ in rejects] == ["identifier_unreadable"]
    assert len(found) == 3
    assert isinstance(Rejection(*rejects[0]), Rejection)
