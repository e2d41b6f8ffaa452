"""The commands of ``airflow cdi`` in the test's own process, and a folder of DAG files for them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_cdi.cli.command import cdi_command
from airflow_provider_cdi.cli.parser import main
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS

#: What a DAG file begins with.
HEAD = """
from airflow.sdk import DAG, TaskGroup, task
from airflow_provider_cdi import *

def braze(task_id, **arguments):
    usual = {"warehouse_conn_id": "wh", "data_type": "attributes"}
    return WarehouseToBrazeOperator(task_id=task_id, **{**usual, **arguments})

"""


@dataclass(frozen=True)
class Ran:
    """What a command did.

    :param code: its exit code.
    :param out: what it wrote to standard output.
    :param err: what it wrote to standard error.
    """

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> Ran:
    """Run a command.

    :param capsys: pytest's.
    :param words: what follows ``airflow cdi``.
    """
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert isinstance(ended.value.code, int)
    return Ran(ended.value.code, *capsys.readouterr())


def write_dags(folder: Path, name: str = "dags.py", **dags: str) -> Path:
    """Write a DAG file.

    :param folder: where.
    :param name: of the file.
    :param dags: id -> the body of the DAG.
    :return: the file.
    """
    parts = [f"with DAG({dag_id!r}, schedule=None):\n    {body.strip()}\n" for dag_id, body in dags.items()]
    path = folder / name
    path.write_text(HEAD + "\n".join(parts))
    # Python takes a file of the same second and length for the one that it has compiled.
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return path


def sync_options(*words: str) -> argparse.Namespace:
    """Return the options of a command that is about one sync.

    :param words: of its command line.
    """
    command = cdi_command("any", _nothing, help="Any", args=SYNC_ARGS, examples=("",))
    parser = argparse.ArgumentParser()
    for one in command.args:
        one.add_to_parser(parser)
    return parser.parse_args(words)


def _nothing(options: argparse.Namespace) -> None:
    """Do nothing."""
