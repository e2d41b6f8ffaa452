from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.bigquery.hook import BIGQUERY
from airflow_provider_cdi.hooks.databricks.hook import DIALECT as DATABRICKS
from airflow_provider_cdi.hooks.snowflake.hook import SNOWFLAKE
from airflow_provider_cdi.hooks.sql.dialects import ANSI, DIALECTS, Dialect
from airflow_provider_cdi.hooks.sql.names import looks_like_sql
from airflow_provider_cdi.hooks.sql.statements import finished, query_relation, table_path, table_relation

POSTGRES, SQLITE, DUCKDB, MYSQL = (DIALECTS[name] for name in ("postgres", "sqlite", "duckdb", "mysql"))
#: Without what no plain name has; what a name in quotes may have, the test of quoted paths tries.
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)
PLAIN = NAMES.filter(lambda name: bool(name.strip()) and not looks_like_sql(name))


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
        ('"users""; drop table users; --"', '"users""; drop table users; --"'),
        ("`Users`", '"Users"'),
        ("raw.`My.Table`", '"raw"."My.Table"'),
        ("`say ``hi```", '"say `hi`"'),
        ("order items", '"order items"'),
        ("select", '"select"'),
        ("with_totals.from_2024", '"with_totals"."from_2024"'),
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


@given(PLAIN)
def test_every_text_becomes_one_path_that_reads_back(name: str) -> None:
    quoted = table_relation(name, ANSI)
    again = table_path(quoted, ANSI)
    assert again == table_path(name, ANSI)
    assert table_relation(quoted, ANSI) == quoted


@given(PLAIN)
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


@pytest.mark.parametrize(
    "sql",
    [
        " select 1 as n -- all;\n; ",
        "select 1 as n;\n-- the end; of the file",
        "select 1 as n -- the end of the file",
        "\ufeffselect 1 as n",
        "\ufeff\r\nselect 1 as n;\r\n/* the\r\nend; */\r\n-- no line break",
        "select 1 as n ; ;; /* ; */",
        "-- before; it\nselect 1 as n;",
        "select 1 as n /* it's -- ; */ ;",
        "with a as (select 1 as n) select n from a;",
    ],
)
@pytest.mark.parametrize("dialect", [SQLITE, MYSQL, ANSI])
def test_a_query_is_wrapped_without_what_stands_behind_it(sql: str, dialect: Dialect) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"select n from {query_relation(sql, dialect)}").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select 'a;b--c' as n;", "a;b--c"),
        ("select 'it''s; /*' as n -- ;", "it's; /*"),
        ('select 1 as ";n", 2 as n;', 2),
        ("select '$$;' as n", "$$;"),
    ],
)
def test_signs_within_texts_and_names_end_no_query(sql: str, found: object) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"select n from {query_relation(sql, SQLITE)}").fetchall() == [(found,)]


@pytest.mark.parametrize(
    ("sql", "dialect", "query"),
    [
        ("select 'it\\'s;' n; # the end; it's", MYSQL, "select 'it\\'s;' n"),
        ("select 'it\\'s;' n; # the end", BIGQUERY, "select 'it\\'s;' n"),
        ("select '\\' n; -- the end", POSTGRES, "select '\\' n"),
        ("select E'it\\'s;' n; -- the end", POSTGRES, "select E'it\\'s;' n"),
        ("select $a$it's; --$a$ n; -- the end", POSTGRES, "select $a$it's; --$a$ n"),
        ("select 1 n; // the end", SNOWFLAKE, "select 1 n"),
        ("select 'it\\'s;' n;", DATABRICKS, "select 'it\\'s;' n"),
        ("select a # b from t", POSTGRES, "select a # b from t"),
        ("select `a;b` from t;", BIGQUERY, "select `a;b` from t"),
    ],
)
def test_a_query_ends_where_its_own_database_ends_it(sql: str, dialect: Dialect, query: str) -> None:
    assert query_relation(sql, dialect) == f"({query}\n) cdi_source"


@pytest.mark.parametrize("sql", ["", " ; ", "\x00", "-- only a comment", "\ufeff", "/* a\n*/ ;\n-- b\n", "# x"])
def test_an_empty_query_is_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no query"):
        query_relation(sql, MYSQL)


@pytest.mark.parametrize("sql", ["select 1; select 2", "set x = 1; -- then\nselect 2;", "select ';'; drop table t"])
def test_several_statements_are_named_as_such(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="several statements"):
        query_relation(sql, ANSI)


@pytest.mark.parametrize(
    "source",
    [
        "select * from users",
        "  SELECT\n* FROM users",
        "(select 1)",
        "with a as (select 1) select * from a",
        "-- all\nselect 1",
        "/* all */ select 1",
        "\ufeffselect * from users",
        "public.users;",
        "users -- all",
        "users; drop table users",
        'users"; drop table users; --',
        "select * from a.b.c",
        "values (1)",
        "call refresh()",
    ],
)
def test_sql_given_as_the_name_of_a_table_is_named_as_such(source: str) -> None:
    for dialect in (POSTGRES, BIGQUERY):
        with pytest.raises(ConfigurationError, match=r"Give a query as sql= instead of source="):
            table_relation(source, dialect)


@pytest.mark.parametrize(
    ("name", "dialect", "sql"),
    [
        ("`my-project.sales.Users`", BIGQUERY, "`my-project.sales.Users`"),
        ("`my-project`.sales.`Users`", BIGQUERY, "`my-project`.`sales`.`Users`"),
        ("main.`My Table`", DATABRICKS, "`main`.`My Table`"),
        ("shop.`a``b`", MYSQL, "`shop`.`a``b`"),
        ("RAW.`users`", SNOWFLAKE, '"RAW"."users"'),
    ],
)
def test_names_in_backquotes_are_taken_as_they_are(name: str, dialect: Dialect, sql: str) -> None:
    assert table_relation(name, dialect) == sql


def test_a_percent_is_doubled_only_where_the_driver_looks_for_it() -> None:
    text = "a like 'x%' and b = \x00"
    assert finished(text, "%s", bound=True) == "a like 'x%%' and b = %s"
    assert finished(text, "?", bound=True) == "a like 'x%' and b = ?"
    assert finished("a like 'x%'", "%s", bound=False) == "a like 'x%'"
