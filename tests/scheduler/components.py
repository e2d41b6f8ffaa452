"""Airflow's components and the sandbox as processes of their own, which all end with the tests."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from scheduler.databases import Databases
from scheduler.rest import Rest
from scheduler.waiting import until

from cdi_sandbox.server import SandboxServer

#: The first start compiles all of Airflow.
READY_SECONDS = 240.0
STOP_SECONDS = 10.0
#: After so many seconds without a heartbeat the scheduler takes a task for dead (Airflow: 300).
HEARTBEAT_TIMEOUT = 20
#: The scheduler waits up to 5 minutes where a test wants to see something within seconds.
_EAGER = {
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}
_COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


class SandboxProcess(SandboxServer):
    """The helpers of a sandbox that runs elsewhere.

    :param port: on which it listens.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.state())
        except OSError:
            return False


class Components:
    """All processes of one Airflow and its sandbox.

    :param home: Airflow's folder.
    :param databases: Airflow's own database, and the warehouse.
    :param more: further settings, as environment variables.
    """

    def __init__(self, home: Path, databases: Databases, more: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.dags = home / "dags"
        self.logs = home / "logs"
        port, sandbox_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self.rest = Rest(self.url)
        self.sandbox = SandboxProcess(sandbox_port)
        self._environment = _inherited() | _EAGER | self._settings(port, databases) | dict(more or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start everything, and return when everything is up."""
        self.dags.mkdir()
        self.airflow("db", "migrate")
        sandbox = [sys.executable, "-m", "cdi_sandbox", "--port", str(self.sandbox.port)]
        self._spawn("sandbox", [*sandbox, "--apply-delay", "0"])
        for component, arguments in _COMPONENTS.items():
            self._spawn(component, [_airflow(), component, *arguments])
        until(self._all_up, "Airflow and the sandbox start", seconds=READY_SECONDS, every=0.5)
        self.sandbox.change(klaviyo={"strict": True})
        self.rest.log_in()

    def stop(self) -> None:
        """End everything that was started, tasks included."""
        everything = [child for process in self._processes.values() for child in family(process.pid)]
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            for process in everything:
                _send(process, signal_number)
            _, everything = psutil.wait_procs(everything, STOP_SECONDS)
        for process in self._processes.values():
            process.wait()  # it has ended; this tells Popen

    def airflow(self, *command: str) -> None:
        """Run a command of Airflow's to its end."""
        done = subprocess.run(
            [_airflow(), *command], env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"airflow {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def task_process(self, instance_id: str) -> psutil.Process:
        """Return the process that runs a task instance; its parent is the worker that supervises it."""
        title = f"airflow worker -- {instance_id}"
        (found,) = until(
            lambda: [one for one in self._task_parents() if title in _title(one)],
            f"a process with the title {title!r}",
        )
        return found

    def _task_parents(self) -> list[psutil.Process]:
        """Return the processes among which those of the tasks are."""
        return family(self._processes["scheduler"].pid)

    def _settings(self, port: int, databases: Databases) -> dict[str, str]:
        connections = {
            "WAREHOUSE": databases.connection,
            "BRAZE_DEFAULT": {"conn_type": "braze", "host": self.sandbox.url, "password": self.sandbox.key},
            "KLAVIYO_DEFAULT": {
                "conn_type": "klaviyo",
                "host": self.sandbox.url,
                "password": self.sandbox.klaviyo.key,
            },
        }
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": databases.url,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        } | {f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()}

    def _spawn(self, name: str, command: list[str], more: Mapping[str, str] | None = None) -> None:
        self.logs.mkdir(exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            # A session of its own: Ctrl-C ends the tests, and the tests end the rest in order.
            self._processes[name] = subprocess.Popen(
                command,
                env=self._environment | dict(more or {}),
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
            )

    def _all_up(self) -> bool:
        for name, process in self._processes.items():
            log = self.logs / f"{name}.log"
            assert process.poll() is None, f"{name} ended by itself:\n{log.read_text(errors='replace')[-2000:]}"
        return self.sandbox.is_up() and self.rest.is_up()


def _inherited() -> dict[str, str]:
    # With PYTHONDONTWRITEBYTECODE every process would compile all of Airflow again.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _airflow() -> str:
    """Return the command that stands beside this Python."""
    return str(Path(sys.executable).with_name("airflow"))


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address on which nobody listens."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, none when it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _send(process: psutil.Process, signal_number: int) -> Any:
    try:
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return
