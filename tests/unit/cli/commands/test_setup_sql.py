"""``setup-sql``: its options reach the script, parts can be had alone, and what makes no sense is wrong usage."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from airflow_provider_cdi.cli.commands import setup_sql
from airflow_provider_cdi.cli.parser import main
from airflow_provider_cdi.setup.sql.choice import WAREHOUSES, setup_script
from airflow_provider_cdi.setup.sql.options import SetupOptions

PEM = "-----BEGIN PUBLIC KEY-----\nMIIBIjAN\nBgkq\n-----END PUBLIC KEY-----\n"


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["setup-sql", *words])
    return ended.value.code, capsys.readouterr()


def asked(warehouse="postgres", *more):
    return [warehouse, "--destination", "braze", "--data-type", "attributes", *more]


def test_it_knows_the_warehouses_that_there_are():
    assert list(WAREHOUSES) == list(setup_sql.WAREHOUSES)


def test_every_option_of_a_set_up_can_be_given():
    known = {arg.kwargs.get("dest") or arg.flags[0].strip("-").replace("-", "_") for arg in setup_sql.COMMAND.args}
    assert {one.name for one in fields(SetupOptions)} - {"public_key"} <= known
    assert "public_key_file" in known


def test_it_prints_the_script(capsys):
    code, printed = run(capsys, *asked("postgres", "--schema", "mkt", "--user", "reader"))
    options = SetupOptions(
        warehouse="postgres", destination="braze", data_type="attributes", schema="mkt", user="reader"
    )
    assert (code, printed.out, printed.err) == (0, setup_script(options).as_sql(), "")


@pytest.mark.parametrize(
    ("part", "begins"),
    [
        ("sql", "-- The schema\ncreate schema if not exists"),
        ("connection", "# The connection in Airflow\nairflow connections add"),
        ("check", "# Check it, and look at the first rows\nairflow cdi check --warehouse-conn-id postgres_default"),
        ("dag", '# The DAG\n"""Braze'),
        ("shell", "\n"),
    ],
)
def test_a_part_stands_alone(part, begins, capsys):
    code, printed = run(capsys, *asked("postgres", "--part", part))
    assert code == 0
    assert printed.out.startswith(begins)


def test_json_has_the_steps(capsys):
    _, printed = run(capsys, *asked("duckdb", "--output", "json"))
    assert [step["part"] for step in json.loads(printed.out)["steps"]] == [
        "sql",
        "sql",
        "shell",
        "connection",
        "check",
        "dag",
    ]


def test_a_public_key_is_read_from_its_file(tmp_path, capsys):
    (tmp_path / "cdi_key.pub").write_text(PEM)
    _, printed = run(capsys, *asked("snowflake", "--public-key-file", str(tmp_path / "cdi_key.pub"), "--part", "sql"))
    assert """alter user "CDI_SVC" set rsa_public_key = 'MIIBIjANBgkq';""" in printed.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (asked("bigquery"), "--database is missing: name the project"),
        (asked("postgres", "--role", "r"), "--role means nothing for PostgreSQL"),
        (asked("postgres", "--view-of", "t", "--column", "EMAIL"), "--column 'EMAIL' is no pair"),
        (asked("postgres", "--view-of", "t", "--column", "A=b", "--column", "A=c"), "--column names A twice"),
        (asked("snowflake", "--public-key-file", "nowhere.pub"), "'nowhere.pub' cannot be read: No such file"),
        (["postgres", "--destination", "braze", "--data-type", "profiles"], "'braze' has no data type 'profiles'"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage_and_says_what_to_do(words, told, capsys):
    code, printed = run(capsys, *words)
    assert (code, printed.out) == (2, "")
    assert told in printed.err
