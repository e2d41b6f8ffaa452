"""Partitions of a table, on real DuckDB and SQLite files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sql_world import EVERYTHING, NOW, Database, read

from airflow_provider_cdi.engine.reading.partition import Partition, partitions
from airflow_provider_cdi.exceptions import ConfigurationError

TABLE = {
    "duckdb": "create table t as select timestamp '2026-01-01' + interval (i) second as updated_at, "
    "'c-' || (i % 700) as external_id, '{}' as payload from range(1000) as numbers(i)",
    "sqlite": "create table t as with recursive n(i) as (select 0 union all select i + 1 from n where i < 999) "
    "select datetime('2026-01-01', '+' || i || ' seconds') as updated_at, 'c-' || (i % 700) as external_id, "
    "'{}' as payload from n",
}


@pytest.fixture(params=["duckdb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(request.param, tmp_path, monkeypatch).run(TABLE[request.param])


def ids(database: Database, text: str) -> list[str]:
    return [row["EXTERNAL_ID"] for row in read(database.source(partition=Partition.parse(text)))]


def test_each_row_is_in_exactly_one_partition(database: Database) -> None:
    parts = [ids(database, text) for text in partitions(7)]
    assert sum(len(part) for part in parts) == 1000
    assert min(len(part) for part in parts) > 80


def test_one_person_stays_in_one_partition(database: Database) -> None:
    people = [set(ids(database, text)) for text in partitions(5)]
    assert sum(len(part) for part in people) == len(set.union(*people)) == 700


def test_counts_are_of_the_partition_alone(database: Database) -> None:
    counts = [
        database.source(partition=Partition.parse(text)).count(EVERYTHING, position=None, now=NOW).in_bounds
        for text in partitions(3)
    ]
    assert sum(counts) == 1000
    assert counts == [len(ids(database, text)) for text in partitions(3)]


def test_both_databases_agree_so_that_the_digest_is_nothing_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        sorted(ids(Database(kind, tmp_path, monkeypatch).run(statement), "1/4")) for kind, statement in TABLE.items()
    ]
    assert found[0] == found[1]


def test_people_without_the_first_identifier_are_told_apart_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database("duckdb", tmp_path, monkeypatch).run(
        "create table t as select timestamp '2026-01-01' as updated_at, '' as external_id, "
        "'u' || i || '@example.com' as email, '{}' as payload from range(300) as numbers(i)"
    )
    sizes = [len(read(database.source(partition=Partition.parse(text)))) for text in partitions(3)]
    assert sum(sizes) == 300
    assert min(sizes) > 50


@given(st.integers(1, 500))
def test_partitions_cover_all_digests_without_a_gap(count: int) -> None:
    found = [Partition.parse(text) for text in partitions(count)]
    assert found[0].lower == "00000000"
    assert found[-1].upper is None
    assert [one.upper for one in found[:-1]] == [following.lower for following in found[1:]]


@pytest.mark.parametrize("text", ["", "1", "2/2", "-1/2", "a/b", "0/0"])
def test_what_is_no_partition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="0/8"):
        Partition.parse(text)


def test_no_partitions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        partitions(0)
