from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.dialects import ANSI, DIALECTS
from airflow_provider_cdi.hooks.sql_statements import finished, query_relation, table_path, table_relation

POSTGRES, SQLITE, DUCKDB, MYSQL = (DIALECTS[name] for name in ("postgres", "sqlite", "duckdb", "mysql"))
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("Users", '"users"'),
        ("public.ORDER", '"public"."order"'),
        ("Db.Public.Users", '"db"."public"."users"'),
        ('"Users"', '"Users"'),
        ('raw."My.Table"', '"raw"."My.Table"'),
        ('"say ""hi"""', '"say ""hi"""'),
        ("my-table", '"my-table"'),
        ("a.b.c.d", '"a.b.c.d"'),
        ('users"; drop table users; --', '"users""; drop table users; --"'),
    ],
)
def test_a_name_becomes_a_quoted_path_folded_as_postgres_folds(name: str, sql: str) -> None:
    assert table_relation(name, POSTGRES) == sql


def test_other_databases_keep_the_case() -> None:
    assert table_relation("Main.Users", DUCKDB) == '"Main"."Users"'


def test_mysql_quotes_with_backticks() -> None:
    assert table_relation("shop.a`b", MYSQL) == "`shop`.`a``b`"


@pytest.mark.parametrize("name", ["", "a\x00b", "\ud800"])
def test_a_text_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name of a table"):
        table_relation(name, POSTGRES)


@given(NAMES)
def test_every_text_becomes_one_path_that_reads_back(name: str) -> None:
    quoted = table_relation(name, ANSI)
    again = table_path(quoted, ANSI)
    assert again == table_path(name, ANSI)
    assert table_relation(quoted, ANSI) == quoted


@given(NAMES)
def test_every_text_names_a_table_in_sqlite_and_nothing_else(name: str) -> None:
    path = table_path(name, SQLITE)
    assume(not path[-1].lower().startswith("sqlite_"))  # SQLite keeps this prefix for itself
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"create table {SQLITE.quoted(path[-1])} (n)")
        found = [row[0] for row in connection.execute("select name from sqlite_master")]
    assert found == [path[-1]]


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_quoted_path_has_exactly_the_parts_that_were_quoted(parts: list[str]) -> None:
    assert table_path(".".join(DUCKDB.quoted(part) for part in parts), DUCKDB) == tuple(parts)


def test_a_query_is_wrapped_without_its_semicolon_and_its_comment_ends() -> None:
    assert query_relation(" select 1 -- all;\n; ") == "(select 1 -- all;\n) cdi_source"


@pytest.mark.parametrize("sql", ["", " ; ", "\x00"])
def test_an_empty_query_is_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no query"):
        query_relation(sql)


def test_a_percent_is_doubled_only_where_the_driver_looks_for_it() -> None:
    text = "a like 'x%' and b = \x00"
    assert finished(text, "%s", bound=True) == "a like 'x%%' and b = %s"
    assert finished(text, "?", bound=True) == "a like 'x%' and b = ?"
    assert finished("a like 'x%'", "%s", bound=False) == "a like 'x%'"
