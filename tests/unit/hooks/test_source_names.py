"""``source=`` is the name of a table or view: never a file, an address, a stage or a variable of Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sql_world import Database, read

from airflow_provider_cdi.exceptions import ConfigurationError, SourceError
from airflow_provider_cdi.hooks.bigquery.hook import BIGQUERY
from airflow_provider_cdi.hooks.databricks.hook import DIALECT as DATABRICKS
from airflow_provider_cdi.hooks.redshift.hook import REDSHIFT
from airflow_provider_cdi.hooks.snowflake.hook import SNOWFLAKE
from airflow_provider_cdi.hooks.sql import reader as sql_readers
from airflow_provider_cdi.hooks.sql.dialects import DIALECTS, Dialect
from airflow_provider_cdi.hooks.sql.statements import table_relation

CSV = "updated_at,external_id,payload\n2026-01-01 00:00:00,a,{}\n"
ROW = "select timestamp '2026-01-01' as updated_at, 'a' as external_id, '{}' as payload"

OTHERS = ("postgres", "sqlite", "trino")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A DuckDB file, in a working directory that has files beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(CSV)
    (tmp_path / "people.json").write_text('{"updated_at": "2026-01-01 00:00:00", "external_id": "a", "payload": "{}"}')
    return Database("duckdb", tmp_path, monkeypatch).run(
        f"create table t as {ROW}", "copy t to 'people.parquet' (format parquet)"
    )


@pytest.mark.parametrize(
    "source",
    [
        "people.csv",
        '"people.csv"',
        "`people.csv`",
        'people."csv"',
        "./people.csv",
        '"*.csv"',
        "*.parquet",
        "people.parquet",
        "people.json",
        "'people.csv'",
        "/etc/passwd",
        '"/etc/passwd"',
        '"{folder}/people.csv"',
        '"file://{folder}/people.csv"',
        '"s3://bucket/people.parquet"',
        '"https://example.com/people.csv"',
        "warehouse.people.csv",
        'main."people.csv"',
        "read_csv",
        "glob",
        "nothing",
    ],
)
def test_no_file_and_no_address_is_a_source_of_duckdb(database: Database, tmp_path: Path, source: str) -> None:
    with pytest.raises(
        SourceError,
        match=r"through the connection 'w' failed: it does not exist .* and never a file",
    ):
        database.source(source.replace("{folder}", str(tmp_path)))


@pytest.mark.parametrize("name", ["people", "rows", "batches"])
def test_no_variable_of_python_is_a_source_of_duckdb(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import duckdb

    found = duckdb.connect().sql(ROW).to_arrow_table()
    monkeypatch.setattr(sql_readers, name, found, raising=False)
    with pytest.raises(SourceError, match="never a file, an address or a variable of Python"):
        database.source(name)
    with pytest.raises(SourceError, match=r"does not exist|refused"):
        database.source(None, sql=f"select * from {name}")


@pytest.mark.parametrize("name", ['"people.csv"', "t", "main.t", "warehouse.t", "warehouse.main.t", "T", "v", "m.v"])
def test_what_the_catalog_of_duckdb_has_is_a_source_whatever_it_is_called(database: Database, name: str) -> None:
    database.run(
        f'create table "people.csv" as {ROW}',
        "create view v as select * from 'people.csv'",
        "create schema m",
        "create view m.v as select * from read_parquet('people.parquet')",
    )
    assert [row["EXTERNAL_ID"] for row in read(database.source(name))] == ["a"]


def test_a_query_may_read_a_file(database: Database) -> None:
    source = database.source(None, sql="select * from 'people.parquet'")
    assert [row["EXTERNAL_ID"] for row in read(source)] == ["a"]


def test_a_view_of_a_table_that_is_gone_is_told_as_such(database: Database) -> None:
    database.run("create table gone as select * from t", "create view v as select * from gone", "drop table gone")
    with pytest.raises(SourceError, match="does not exist"):
        database.source("v")


@pytest.mark.parametrize(
    "source",
    [
        "parquet.`/mnt/people`",
        "parquet.`s3://bucket/people`",
        "csv.`people.csv`",
        "Delta.`abfss://box@account.dfs.core.windows.net/people`",
        "json.people",
        '"text"."/etc/passwd"',
        "binaryFile.`/Volumes/main/shop/files`",
        "`org.apache.spark.sql.parquet`.`/mnt/people`",
        "/mnt/people",
        "dbfs:/mnt/people",
    ],
)
def test_no_path_is_a_source_of_databricks(source: str) -> None:
    with pytest.raises(ConfigurationError, match="source= is the path of a file and no name of a table or view"):
        table_relation(source, DATABRICKS)


@pytest.mark.parametrize("source", ["main.json.people", "people.csv", "shop.parquet", "delta", "main.delta.t"])
def test_a_table_of_databricks_may_be_called_like_a_format(source: str) -> None:
    assert table_relation(source, DATABRICKS).replace("`", "") == source


@pytest.mark.parametrize(
    ("dialect", "quote"),
    [(SNOWFLAKE, '"'), (REDSHIFT, '"'), (BIGQUERY, "`"), *((DIALECTS[name], '"') for name in OTHERS)],
    ids=lambda value: value.name if isinstance(value, Dialect) else "",
)
@pytest.mark.parametrize("source", ["@stage/people", "/etc/passwd", "s3://bucket/x", "%people", "~/people", "f('x')"])
def test_elsewhere_a_path_is_a_name_in_quotes_which_no_database_reads_as_a_file(
    dialect: Dialect, quote: str, source: str
) -> None:
    assert table_relation(source, dialect) == f"{quote}{source}{quote}"
