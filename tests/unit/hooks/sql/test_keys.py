"""Rows by their keys, on real DuckDB and SQLite files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.sql_world import Database, legible

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.cursor_values import Column
from airflow_provider_cdi.hooks.sql.dialects import DIALECTS
from airflow_provider_cdi.hooks.sql.keys import Key, Lookup, key_test
from airflow_provider_cdi.hooks.sql.source import SqlSource

FROM_THE_SECOND = Bounds(since="2026-01-02T00:00:00.000000Z")


@pytest.fixture(params=["duckdb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(request.param, tmp_path, monkeypatch)


def table(database: Database, columns: str, *rows: str) -> SqlSource:
    database.run(f"create table t ({columns})", *(f"insert into t values ({row})" for row in rows))
    return database.source()


def found(source: SqlSource, *keys: Key, bounds: Bounds = Bounds()) -> list[dict[str, Any]]:  # noqa: B008 - frozen
    batches = source.read_keys([Lookup(keys, bounds)])
    return sorted((row for _, batch in batches for row in legible(batch).to_pylist()), key=str)


def test_the_rows_of_the_keys_come_and_no_others(database: Database) -> None:
    source = table(
        database,
        "updated_at timestamp, external_id varchar, payload varchar",
        "'2026-01-01 00:00:00', 'a', '{}'",
        "'2026-01-02 00:00:00', 'b', '{}'",
        "'2026-01-03 00:00:00', 'c', '{}'",
    )
    assert [row["EXTERNAL_ID"] for row in found(source, {"EXTERNAL_ID": "a"}, {"EXTERNAL_ID": "c"})] == ["a", "c"]


def test_a_key_is_bound_and_no_part_of_the_statement(database: Database) -> None:
    odd = """o'brien"; drop table t; -- % %s ? \\"""
    source = table(
        database,
        "updated_at timestamp, external_id varchar, payload varchar",
        f"'2026-01-01 00:00:00', '{odd.replace(chr(39), chr(39) * 2)}', '{{}}'",
    )
    assert [row["EXTERNAL_ID"] for row in found(source, {"EXTERNAL_ID": odd})] == [odd]


def test_a_number_is_found_by_its_text(database: Database) -> None:
    source = table(
        database, "updated_at timestamp, external_id integer, payload varchar", "'2026-01-01 00:00:00', 12, '{}'"
    )
    assert [row["EXTERNAL_ID"] for row in found(source, {"EXTERNAL_ID": "12"}, {"EXTERNAL_ID": "no number"})] == ["12"]


def test_a_number_with_digits_behind_the_point_is_found_where_they_are_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(
        Database("duckdb", tmp_path, monkeypatch),
        "updated_at timestamp, external_id decimal(10, 2), payload varchar",
        "'2026-01-01 00:00:00', 12, '{}'",
        "'2026-01-01 00:00:00', 12.5, '{}'",
    )
    for key in ("12", "12.50"):
        assert [row["EXTERNAL_ID"] for row in found(source, {"EXTERNAL_ID": key})] == [key]


def test_both_halves_of_an_alias_count(database: Database) -> None:
    source = table(
        database,
        "updated_at timestamp, alias_name varchar, alias_label varchar, payload varchar",
        "'2026-01-01 00:00:00', 'a', 'x', '{}'",
        "'2026-01-01 00:00:00', 'a', 'y', '{}'",
    )
    rows = found(source, {"ALIAS_NAME": "a", "ALIAS_LABEL": "y"}, {"ALIAS_NAME": "b", "ALIAS_LABEL": "x"})
    assert [row["ALIAS_LABEL"] for row in rows] == ["y"]


def test_keys_of_several_identifiers_go_into_one_statement(database: Database) -> None:
    source = table(
        database,
        "updated_at timestamp, external_id varchar, email varchar, payload varchar",
        "'2026-01-01 00:00:00', 'a', null, '{}'",
        "'2026-01-02 00:00:00', null, 'b@x.org', '{}'",
    )
    assert len(found(source, {"EXTERNAL_ID": "a"}, {"EMAIL": "b@x.org"})) == 2


def test_the_bounds_hold_beside_the_keys(database: Database) -> None:
    source = table(
        database,
        "updated_at timestamp, external_id varchar, payload varchar",
        "'2026-01-01 00:00:00', 'a', '{\"n\":1}'",
        "'2026-01-02 00:00:00', 'a', '{\"n\":2}'",
    )
    rows = found(source, {"EXTERNAL_ID": "a"}, bounds=FROM_THE_SECOND)
    assert [row["PAYLOAD"] for row in rows] == ['{"n":2}']


def test_a_name_that_the_source_has_not_finds_nothing(database: Database) -> None:
    source = table(
        database, "updated_at timestamp, external_id varchar, payload varchar", "'2026-01-01 00:00:00', 'a', '{}'"
    )
    assert found(source, {"PHONE": "a"}) == []


def test_a_query_with_names_of_its_own_and_built_payloads_is_read_as_usual(database: Database) -> None:
    database.run(
        "create table t (changed timestamp, who varchar, amount integer)",
        "insert into t values ('2026-01-01 00:00:00', 'a', 7), ('2026-01-01 00:00:00', 'b', 8)",
    )
    source = database.source(
        None,
        sql="select * from t where amount > 0",
        columns={"UPDATED_AT": "changed", "EXTERNAL_ID": "who"},
        payload_columns=["amount"],
    )
    assert [row["PAYLOAD"] for row in found(source, {"EXTERNAL_ID": "b"})] == [{"amount": 8}]


def test_a_partition_has_only_its_own(database: Database) -> None:
    database.run(
        "create table t (updated_at timestamp, external_id varchar, payload varchar)",
        *(f"insert into t values ('2026-01-01 00:00:00', 'c{number}', '{{}}')" for number in range(20)),
    )
    keys = [{"EXTERNAL_ID": f"c{number}"} for number in range(20)]
    numbers = [len(found(database.source(partition=Partition.parse(part)), *keys)) for part in ("0/2", "1/2")]
    assert sum(numbers) == 20
    assert all(numbers)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_text_is_compared_as_it_stands_and_numbers_as_numbers(name: str) -> None:
    dialect = DIALECTS[name]
    columns = {"ID": Column("Id", ColumnType.INTEGER), "EMAIL": Column("mail", ColumnType.TEXT)}
    test, values = key_test([{"ID": "1"}, {"EMAIL": "a"}, {"EMAIL": "b"}], columns, dialect, "?")
    number = dialect.whole.format("?")
    assert test == f"{dialect.quoted('Id')} in ({number}) or {dialect.quoted('mail')} in (?, ?)"
    assert values == ["1", "a", "b"]
