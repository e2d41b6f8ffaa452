"""The commands in processes of their own: Airflow's executable, ``python -m``, and the completion of shells."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import argcomplete
import pytest
from argcomplete import _check_module
from support.command_line import run, write_dags

from airflow_provider_cdi.cli.parser import make_parser
from airflow_provider_cdi.cli.syncs.connection_uses import find_once
from airflow_provider_cdi.version_compat import reads_commands_of_providers

AIRFLOW = (str(Path(sys.executable).with_name("airflow")), "cdi")
MODULE = (sys.executable, "-m", "airflow_provider_cdi")
NEEDS_AIRFLOW = pytest.mark.skipif(
    not reads_commands_of_providers(), reason="this Airflow reads no commands of providers"
)


@pytest.fixture
def shell(tmp_path):
    """Run a program in a home without a database."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    variables |= {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__UNIT_TEST_MODE": "False", "COLUMNS": "120"}
    variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/none.db"
    for name in ("PYTHONDONTWRITEBYTECODE", "_AIRFLOW_PROCESS_CONTEXT"):
        variables.pop(name, None)

    def run(*words, **more):
        return subprocess.run(words, env=variables | more, capture_output=True, text=True, check=False, timeout=300)

    return run


@NEEDS_AIRFLOW
def test_airflow_has_the_commands_with_their_examples(shell):
    ran = shell(*AIRFLOW, "connections", "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: airflow cdi connections ")
    assert "\n  airflow cdi connections --conn-id braze_default\n" in ran.stdout


@pytest.mark.parametrize(
    "program", [pytest.param(AIRFLOW, id="airflow", marks=NEEDS_AIRFLOW), pytest.param(MODULE, id="module")]
)
def test_standard_output_is_the_result_alone_and_no_database_is_needed(shell, program, tmp_path):
    file = write_dags(tmp_path, a='print("loud"); braze("one", source="ONE")')
    found = {"AIRFLOW_CONN_WH": "postgres://host", "AIRFLOW_CONN_BRAZE_DEFAULT": '{"conn_type": "braze"}'}
    ran = shell(*program, "connections", "--dag-file", str(file), "--output", "json", **found)
    assert ran.returncode == 0, ran.stderr
    assert [(one["conn_id"], one["exists"]) for one in json.loads(ran.stdout)] == [
        ("braze_default", True),
        ("wh", True),
    ]
    assert not (tmp_path / "none.db").exists()


@NEEDS_AIRFLOW
def test_a_shell_completes_the_commands_of_airflow(shell, tmp_path):
    asks = {"_ARGCOMPLETE": "1", "COMP_LINE": "airflow cdi conn", "COMP_POINT": "16"}
    shell(AIRFLOW[0], _ARGCOMPLETE_STDOUT_FILENAME=str(tmp_path / "offered"), **asks)
    assert (tmp_path / "offered").read_text().split() == ["connections"]


def test_a_shell_completes_the_commands_of_the_module(monkeypatch):
    finder = argcomplete.CompletionFinder(make_parser())
    assert [one.strip() for one in finder._get_completions(["airflow_provider_cdi"], "conn", "", None)] == [
        "connections"
    ]
    monkeypatch.setattr(sys, "argv", ["check", "airflow_provider_cdi"])
    with redirect_stdout(io.StringIO()):
        _check_module.main()  # raises where a shell would not complete it


def test_a_connection_of_airflow_s_database_is_found(airflow_database, tmp_path, capsys):
    from airflow.models import Connection
    from airflow.utils.session import create_session

    find_once.cache_clear()
    with create_session() as session:
        session.add(Connection(conn_id="of_the_database", conn_type="postgres"))
    file = write_dags(tmp_path, a='braze("one", source="ONE", warehouse_conn_id="of_the_database")')
    ran = run(capsys, ["connections", "--dag-file", str(file), "--conn-id", "of_the_database", "--output", "json"])
    assert [(one["conn_type"], one["exists"]) for one in json.loads(ran.out)] == [("postgres", True)]
