"""The script of every warehouse, destination and data type, with every option, can be read by what runs it."""

from __future__ import annotations

import ast
import json
import logging
import re
import shlex
from functools import cache

import pytest
import sqlglot
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.snowflake.hook import SNOWFLAKE
from airflow_provider_cdi.hooks.sql.statements import table_path
from airflow_provider_cdi.setup.sql.choice import DATA_TYPES, WAREHOUSES, setup_script
from airflow_provider_cdi.setup.sql.options import SetupOptions
from airflow_provider_cdi.setup.tables import DIALECTS

EVERY = pytest.mark.parametrize("warehouse", WAREHOUSES)
KINDS = [(name, data_type) for name, data_types in DATA_TYPES.items() for data_type in data_types]
#: What a warehouse must be told.
NEEDED = {"bigquery": {"database": "my-project"}}
#: Each way to ask of every warehouse.
WAYS = {
    "a table": {},
    "a view": {"view_of": "crm.people", "columns": {"UPDATED_AT": "changed_at"}},
    "a table that is there": {"existing_table": True},
    "a view that is there": {"existing_view": True},
    "take-back": {"revoke": True},
}
#: Warehouse -> further ways.
WAYS_OF = {
    "snowflake": [
        {"public_key": "MIIBIjAN", "addresses": ["203.0.113.7", "198.51.100.0/24"]},
        {"login": "token", "role": "r", "user": "u", "compute": "c", "database": "d"},
        {"existing_login": True},
    ],
    "redshift": [
        {"login": "iam", "compute": "shop", "region": "eu-west-1"},
        {"login": "iam"},
        {"login": "serverless", "user": "IAMR:airflow-worker", "compute": "shop"},
        {"login": "serverless"},
        {"group": "readers", "database": "prod"},
        {"group": "readers", "revoke": True},
        {"existing_login": True},
    ],
    "bigquery": [
        {"login": "default", "region": "EU"},
        {"existing_login": True, "user": "cdi-reader@other-project.iam.gserviceaccount.com"},
        {"database": "example.com:my-project"},
    ],
    "databricks": [
        {"user": "11111111-2222-3333-4444-555555555555", "compute": "1234567890abcdef"},
        {"login": "token"},
        {"login": "token", "user": "reader@example.com"},
        {"database": "hive_metastore", "user": "reader@example.com", "login": "token"},
        {"database": "hive_metastore", "revoke": True},
        {"existing_login": True},
    ],
    "postgres": [{"database": "shop"}, {"database": "shop", "revoke": True}, {"existing_login": True}],
    "duckdb": [{"database": "shop.duckdb", "group": "airflow"}],
}


def script(warehouse, destination="braze", data_type="attributes", **given):
    asked = {"warehouse": warehouse, "destination": destination, "data_type": data_type}
    return setup_script(SetupOptions(**{**NEEDED.get(warehouse, {}), **asked, **given}))


@cache
def all_scripts(warehouse):
    """One table's name for all, so that their steps are few and each is parsed once."""
    return [
        script(warehouse, destination, data_type, table="t", **way)
        for destination, data_type in KINDS
        for way in [*WAYS.values(), *WAYS_OF[warehouse]]
    ]


@cache
def statements(text, warehouse):
    # What follows the last semicolon is a comment, which sqlglot takes for a statement too.
    return [one for one in sqlglot.parse(text, dialect=warehouse) if one and not isinstance(one, exp.Semicolon)]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Grants and logins are kept as they stand, with a warning."""
    caplog.set_level(logging.ERROR, logger="sqlglot")


def test_there_is_a_set_up_for_every_warehouse_whose_table_is_known():
    assert list(WAREHOUSES) == list(DIALECTS)


@EVERY
def test_every_step_is_sql_of_its_warehouse(warehouse):
    for made in all_scripts(warehouse):
        for step in made.steps:
            if step.part == "sql" and step.text:
                written = 1 if "\nbegin\n" in step.text else step.text.count(";\n") + 1
                assert len(statements(step.text, warehouse)) >= written, step.text


@EVERY
def test_the_file_as_a_whole_is_what_its_steps_are(warehouse):
    made = script(warehouse)
    steps = [step.text for step in made.steps if step.part == "sql" and not step.is_later]
    assert len(statements(made.as_sql(), warehouse)) == sum(len(statements(text, warehouse)) for text in steps)
    assert len(statements(made.only("sql"), warehouse)) == len(statements(made.as_sql(), warehouse))


@EVERY
def test_what_is_no_sql_and_what_is_for_another_day_is_a_comment(warehouse):
    for made in all_scripts(warehouse):
        shown = [line for line in made.as_sql().splitlines() if line and not line.startswith("--")]
        now = [
            line for step in made.steps if step.part == "sql" and not step.is_later for line in step.text.splitlines()
        ]
        assert shown == [line for line in now if line]


@EVERY
def test_every_command_can_be_read_by_a_shell(warehouse):
    for made in all_scripts(warehouse):
        for step in made.steps:
            if step.part in ("shell", "connection", "check"):
                assert shlex.split(step.text), made.command


@EVERY
def test_the_connection_is_one_that_airflow_reads_and_holds_no_secret(warehouse):
    for made in all_scripts(warehouse):
        for step in made.steps:
            if step.part == "connection":
                *command, conn_id, option, shown = shlex.split(step.text)
                assert (command, conn_id, option) == (
                    ["airflow", "connections", "add"],
                    f"{warehouse}_default",
                    "--conn-json",
                )
                fields = json.loads(shown)
                assert "password" not in fields
                assert not {"token", "keyfile_dict", "private_key_content"} & set(fields.get("extra", {}))


def test_a_catalog_that_is_not_named_stops_the_dag_before_it_runs():
    step = script("postgres", data_type="catalog_items").steps[-1]
    with pytest.raises(SyntaxError):
        ast.parse(step.text)
    assert ast.parse(script("postgres", data_type="catalog_items", braze_catalog="products").steps[-1].text)


@pytest.mark.parametrize(("destination", "data_type"), KINDS)
def test_the_dag_runs_as_it_stands(destination, data_type):
    catalog = {"braze_catalog": "products"} if data_type == "catalog_items" else {}
    made = script("snowflake", destination, data_type, table='"it\'s ""one"""', **catalog).only("dag")
    scope = {}
    exec(compile(made.replace("\n):\n", "\n) as dag:\n"), "dag", "exec"), scope)
    (task,) = scope["dag"].tasks
    assert (task.data_type, task.warehouse_conn_id) == (data_type, "snowflake_default")
    assert table_path(task.source, SNOWFLAKE)[-1] == 'it\'s "one"'


# --- what cannot happen -------------------------------------------------------------------------------------

#: Fields that hold a name, by warehouse.
NAMES = {
    "snowflake": ("database", "schema", "table", "view_of", "role", "user", "compute"),
    "redshift": ("database", "schema", "table", "view_of", "user", "group", "compute", "region"),
    "bigquery": ("schema", "table", "view_of", "region"),
    "databricks": ("database", "schema", "table", "view_of", "user", "compute"),
    "postgres": ("database", "schema", "table", "view_of", "user"),
    "duckdb": ("database", "schema", "table", "view_of", "group"),
}
HOSTILE = st.text(st.sampled_from("ab'\"`\\;$(){}<>-/*#&|%~!. é€"), min_size=1, max_size=10).filter(str.strip)


def quoted(name):
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def shape(made, warehouse):
    """What a script is beyond its names: the kinds of its tokens, the number of its words, the form of its DAG."""
    tokens = [token.token_type for token in sqlglot.tokenize(made.as_sql(), read=warehouse)]
    words = [len(shlex.split(step.text)) for step in made.steps if step.part in ("shell", "connection", "check")]
    (dag,) = [step.text for step in made.steps if step.part == "dag"]
    return tokens, words, re.sub(r"'[^']*'|\"[^\"]*\"", "", ast.dump(_without_texts(ast.parse(dag))))


def _without_texts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = None
    return tree


@EVERY
# To shrink an example would take minutes.
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_no_name_can_become_sql_a_command_or_code(warehouse, data):
    # Words of a shell and lists of workers take them as they are; names of SQL stand in double quotes.
    plain = (
        {"region", "group"}
        if warehouse == "duckdb"
        else {"region", "compute"} - ({"compute"} if warehouse == "snowflake" else set())
    )
    free = {"database"} if warehouse == "duckdb" else {"user"} if warehouse == "databricks" else set()
    hostile, tame = {}, {}
    for name in NAMES[warehouse]:
        text = data.draw(HOSTILE, label=name)
        hostile[name] = text if name in plain | free else quoted(text)
        tame[name] = "x@y" if name == "user" and "@" in text and warehouse == "databricks" else "x"
    try:
        made = script(warehouse, **hostile)
    except ConfigurationError:
        return
    # Not compared by pytest, which would take minutes to show how two lists of tokens differ.
    is_alike = shape(made, warehouse) == shape(script(warehouse, **tame), warehouse)
    assert is_alike, made.as_sql()


@EVERY
def test_an_option_that_means_nothing_there_is_refused_by_its_name(warehouse):
    foreign = {"role": "r", "group": "g", "region": "x", "login": "kerberos", "compute": "c"}
    known = {name for way in WAYS_OF[warehouse] for name in way} - {"login"}
    for name in foreign.keys() - known:
        with pytest.raises(ConfigurationError, match=rf"^--{name} "):
            script(warehouse, **{name: foreign[name]})


def test_an_unknown_warehouse_destination_or_data_type_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match="'oracle' is no warehouse that is set up here; there are snowflake"):
        script("oracle")
    with pytest.raises(ConfigurationError, match=r"'braze' has no data type 'profiles'\. There are braze: attributes"):
        script("postgres", data_type="profiles")


@EVERY
def test_the_script_says_what_it_is_who_runs_it_and_how_it_was_made(warehouse):
    head = script(warehouse).as_sql().split("\n\n")[0]
    assert "to Braze, attributes." in head
    assert f"airflow cdi setup-sql {warehouse} --destination braze --data-type attributes" in head
    assert "-- Run it as " in head


@EVERY
def test_nothing_is_granted_but_reading(warehouse):
    allowed = {"SELECT", "USAGE", "USE CATALOG", "USE SCHEMA", "CONNECT", "`roles/bigquery.dataViewer`", "ROLE"}
    for made in all_scripts(warehouse):
        granted = re.findall(r"^grant (`[^`]+`|use \w+|\w+)", made.only("sql"), re.MULTILINE)
        assert {one if one.startswith("`") else one.upper() for one in granted} <= allowed


def test_the_parsed_table_is_the_one_that_the_contract_wants():
    made = script("snowflake", "klaviyo", "profiles", table="people")
    (create,) = [one for one in statements(made.as_sql(), "snowflake") if one.find(exp.Schema)]
    assert create.find(exp.Table).name == "PEOPLE"
