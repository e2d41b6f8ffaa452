"""`make airflow` says where it is and leaves nothing running; `make change` works meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from scheduler.waiting import until
from support.shell_session import make_clone

pytestmark = pytest.mark.scheduler
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path)


@pytest.fixture
def airflow(clone: Path) -> Iterator[subprocess.Popen[str]]:
    command = ["make", "airflow", f"AIRFLOW_PORT={_free_port()}", f"SANDBOX_PORT={_free_port()}"]
    process = subprocess.Popen(
        command, cwd=clone, env=_variables(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        _press_ctrl_c(process)


def test_make_airflow_is_ready_when_it_says_so_and_leaves_nothing_running(airflow, clone):
    shown = _read_until(airflow.stdout, "Ctrl-C ends everything")
    addresses = re.findall(r"http://127\.0\.0\.1:\d+(?:/klaviyo)?", shown)
    assert len(addresses) == 3
    assert re.search(r"user admin, password \S+", shown)
    assert [_status(address) for address in addresses] == [200, 200, 200]

    change = subprocess.run(["make", "change"], cwd=clone, env=_variables(), capture_output=True, text=True, check=True)
    assert "The next runs send these rows and no others." in change.stdout

    script = ". .airflow/shell && airflow cdi syncs --output json"
    listed = subprocess.run(
        ["sh", "-c", script], cwd=clone, env=_variables(), capture_output=True, text=True, check=True
    )
    assert {(one["status"], one["paused"]) for one in json.loads(listed.stdout)} == {("never ran", True)}

    _press_ctrl_c(airflow)
    until(lambda: [_status(address) for address in addresses] == [None, None, None], "all servers have ended")


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "VENV"))}


def _read_until(output: IO[str], last: str) -> str:
    shown = ""
    for line in output:
        shown += line
        if last in line:
            return shown
    raise AssertionError(f"It ended by itself:\n{shown}")


def _press_ctrl_c(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)


def _status(address: str) -> int | None:
    try:
        with _OPENER.open(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.URLError:
        return None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
