"""The commands as Airflow gets them: each ``airflow`` command loads them, so they are light; each explains itself."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.definition import get_cdi_commands
from airflow_provider_cdi.cli.parser import make_parser
from airflow_provider_cdi.get_provider_info import get_provider_info

#: What a command imports when it runs.
HEAVY = {"aiohttp", "cryptography", "duckdb", "numpy", "orjson", "pandas", "pyarrow", "requests", "sqlglot"}
LOADED = """
import json, sys
import airflow.cli.cli_config
before = set(sys.modules)
from airflow_provider_cdi.cli.definition import get_cdi_commands
get_cdi_commands()
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def commands(group=None, names=()):
    """Each command with the words that call it."""
    for one in get_cdi_commands()[0].subcommands if group is None else group.subcommands:
        if isinstance(one, GroupCommand):
            yield from commands(one, (*names, one.name))
        else:
            yield pytest.param([*names, one.name], one, id="-".join((*names, one.name)))


COMMANDS = pytest.mark.parametrize(("words", "command"), list(commands()))


def help_of(words, capsys):
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_definition_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "airflow_provider_cdi" in loaded
    assert loaded & HEAVY == set()


def test_the_provider_names_the_definition():
    assert get_provider_info()["cli"] == [f"{get_cdi_commands.__module__}.{get_cdi_commands.__qualname__}"]


@COMMANDS
def test_the_help_of_a_command_has_examples_that_its_parser_takes(words, command, capsys):
    shown = help_of(words, capsys)
    begin = f"python -m airflow_provider_cdi {' '.join(words)}"
    assert f"\n  {begin}" in shown
    assert command.description in shown.replace("\n", " ")
