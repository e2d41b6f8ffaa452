"""The hook of the PyPI package airflow-provider-braze, which starts Braze's own CDI and follows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from clients.downloads import BRAZE_PROVIDER, python_package

from cdi_sandbox.braze.cdi.integrations import EXAMPLE_ID
from cdi_sandbox.server import SandboxServer

pytestmark = pytest.mark.clients
SCRIPT = Path(__file__).with_name("braze_hook.py")


@pytest.fixture(scope="module")
def told() -> Any:
    """Do in a process of its own all that the script does, and give what it said."""
    folder = python_package(BRAZE_PROVIDER)
    with SandboxServer(cdi_job_seconds=2) as sandbox:
        connection = json.dumps({"conn_type": "braze", "host": sandbox.url, "password": sandbox.key})
        env = os.environ | {"PYTHONPATH": str(folder), "AIRFLOW_CONN_BRAZE_DEFAULT": connection}
        command = [sys.executable, str(SCRIPT), EXAMPLE_ID]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_sync_is_started_and_a_second_one_meanwhile_is_not(told):
    assert told["connection"] == [True, "Connection successfully tested"]
    assert (told["started"], told["again"]) == ({"message": "success"}, "Another job is in progress")


def test_the_hook_finds_its_own_run_and_waits_for_its_end(told):
    run = told["waited"]
    assert run["job_status"] == "success"
    assert datetime.fromisoformat(run["sync_start_time"]) < datetime.fromisoformat(run["sync_finish_time"])
    assert told["status"] == [run]


@pytest.mark.parametrize(("call", "status"), [("stranger", "404"), ("nonsense", "400")])
def test_an_integration_that_is_none_is_refused(told, call, status):
    assert told[call].startswith(status)
