"""Set-up scripts, carried out as a person would: SQL by the warehouse's own client, commands by a shell."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from airflow_provider_cdi.setup.sql.choice import setup_script
from airflow_provider_cdi.setup.sql.options import SetupOptions
from airflow_provider_cdi.setup.sql.script import Script, Step

#: Prints its last argument instead of adding a connection.
_STUB = 'airflow() { printf "%s" "${@: -1}"; }\n'


def script_of(warehouse: str, destination: str = "braze", data_type: str = "attributes", **given: Any) -> Script:
    """Return a script."""
    return setup_script(SetupOptions(warehouse=warehouse, destination=destination, data_type=data_type, **given))


def statements_of(step: Step) -> list[str]:
    """Return the statements of a step."""
    return step.text.removesuffix(";").split(";\n") if step.text else []


def connection_of(script: Script, **variables: str) -> dict[str, Any]:
    """Run the command that adds the connection, and return the connection.

    :param variables: of the shell, for the gaps.
    """
    environment = {"PATH": os.environ["PATH"], **variables}
    command = ["bash", "-ec", _STUB + script.only("connection")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def task_of(script: Script) -> Any:
    """Run the DAG's file, and return its task."""
    scope: dict[str, Any] = {}
    exec(compile(script.only("dag").replace("\n):\n", "\n) as dag:\n"), "dag", "exec"), scope)
    (task,) = scope["dag"].tasks
    return task
