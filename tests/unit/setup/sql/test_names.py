"""Names from outside: one SQL name each, and the same table for ``source=``."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.bigquery.hook import BIGQUERY
from airflow_provider_cdi.hooks.databricks.hook import DIALECT as DATABRICKS
from airflow_provider_cdi.hooks.redshift.hook import REDSHIFT
from airflow_provider_cdi.hooks.snowflake.hook import SNOWFLAKE
from airflow_provider_cdi.hooks.sql.dialects import DIALECTS
from airflow_provider_cdi.hooks.sql.statements import table_path
from airflow_provider_cdi.setup.sql.names import as_source, as_sql, as_text, path_of

ALL = {
    "snowflake": SNOWFLAKE,
    "redshift": REDSHIFT,
    "bigquery": BIGQUERY,
    "databricks": DATABRICKS,
    "postgres": DIALECTS["postgres"],
    "duckdb": DIALECTS["duckdb"],
}
EVERY = pytest.mark.parametrize("name", ALL)
#: Letters of any script, and everything that means something to SQL.
PARTS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12).filter(str.strip)


@EVERY
@settings(max_examples=40, deadline=None)
@given(st.lists(PARTS.filter(lambda part: "/" not in part), min_size=1, max_size=3))
def test_a_sync_reads_the_table_that_the_script_makes(name, path):
    if len(path) == 2 and path[0].lower() in ALL[name].file_formats:
        return  # parquet.`x` is a file to Databricks, and source= refuses it
    assert table_path(as_source(path, ALL[name]), ALL[name]) == tuple(path)


@EVERY
@settings(max_examples=40, deadline=None)
@given(PARTS.filter(lambda part: not set(part) & set("`\\")))
def test_a_name_is_one_name_of_sql(name, part):
    (token,) = sqlglot.tokenize(as_sql([part], ALL[name]), read=name)
    assert (token.token_type, token.text) == (sqlglot.TokenType.IDENTIFIER, part)


@EVERY
@settings(max_examples=40, deadline=None)
@given(PARTS)
def test_a_text_is_one_text_of_sql(name, value):
    (token,) = sqlglot.tokenize(as_text(value, ALL[name]), read=name)
    assert (token.token_type, token.text) == (sqlglot.TokenType.STRING, value)


@pytest.mark.parametrize(
    ("name", "given_as", "read_as"),
    [
        ("snowflake", "users", ("USERS",)),
        ("snowflake", '"users"', ("users",)),
        ("postgres", "Users", ("users",)),
        ("postgres", '"Us""ers"', ('Us"ers',)),
        ("bigquery", "Users", ("Users",)),
        ("redshift", "IAMR:worker", ("IAMR:worker",)),
    ],
)
def test_a_plain_name_is_folded_as_the_warehouse_does_and_a_quoted_one_is_kept(name, given_as, read_as):
    assert path_of(given_as, ALL[name], "--table", parts=1) == read_as


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\x7fb", "a\u2028b", "a\u202eb", "a\u200bb", "a\tb"])
def test_what_nobody_sees_is_refused_with_the_option_and_the_character(text):
    with pytest.raises(ConfigurationError, match=rf"^--table holds the character U\+{ord(text[1]):04X}"):
        path_of(text, SNOWFLAKE, "--table", parts=1)


def test_an_empty_name_is_refused():
    with pytest.raises(ConfigurationError, match=r"^--user is empty"):
        path_of("  ", SNOWFLAKE, "--user", parts=1)


def test_a_name_with_more_parts_than_it_may_have_is_refused():
    with pytest.raises(ConfigurationError, match=r"^--schema has 2 parts.* give one name"):
        path_of("a.b", SNOWFLAKE, "--schema", parts=1)
    assert path_of('"a.b"', SNOWFLAKE, "--schema", parts=1) == ("a.b",)
