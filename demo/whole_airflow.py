"""``make airflow``: the whole Airflow, its UI included, with the sample warehouse, the sandbox and the DAGs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cdi_sandbox.settings import DEFAULT_KEY
from demo.places import CATALOG, CATALOG_FIELDS, PROJECT, Places, airflow_environment, connections, free_port
from demo.screen import say, show
from demo.warehouse import make_warehouse

USER = "admin"
#: The first start of an API server compiles all of Airflow: about a minute on two slow cores.
READY_SECONDS = 240.0
STOP_SECONDS = 15.0
#: What makes Airflow one that somebody watches: it sees a changed DAG at once and uses little memory.
_EAGER = {
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
}
_COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


class WholeAirflow:
    """Airflow's processes and the sandbox, started and ended together.

    :param places: where the files go; warehouse and Airflow's database are kept from start to start.
    :param port: wanted for the UI.
    :param sandbox_port: wanted for the sandbox.
    """

    def __init__(self, places: Places, port: int, sandbox_port: int) -> None:
        self._places = places
        self._port, self._sandbox_port = free_port(port), _sandbox_port(places, sandbox_port)
        self._url = f"http://127.0.0.1:{self._port}"
        self._environment = airflow_environment(places) | _EAGER | _addresses(self._url, self._port)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self) -> int:
        """Start everything, say where it is, and stay until somebody presses Ctrl-C.

        :return: exit code.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            self._prepare()
            self._start()
            self._await(f"{self._url}/api/v2/monitor/health", READY_SECONDS)
            self._introduce()
            self._watch()
        except KeyboardInterrupt:
            show("")
            return 0
        finally:
            self._stop()

    def _prepare(self) -> None:
        self._places.airflow_home.mkdir(parents=True, exist_ok=True)
        self._places.logs.mkdir(exist_ok=True)
        say("Making Airflow's database and the sample warehouse ...", indent=0)
        if not self._places.warehouse.exists():
            make_warehouse(self._places.warehouse, datetime.now(UTC).replace(tzinfo=None, microsecond=0))
        self._run("db", "migrate")
        listed = self._places.folder / "connections.json"
        listed.write_text(json.dumps(connections(self._places, self._sandbox_port)))
        self._run("connections", "import", "--overwrite", str(listed))

    def _run(self, *command: str) -> None:
        log = self._places.logs / "set-up.log"
        with log.open("ab") as file:
            done = subprocess.run([_airflow(), *command], env=self._environment, stdout=file, stderr=file, check=False)  # noqa: S603 - our own command
        if done.returncode:
            self._give_up(f"airflow {command[0]}", done.returncode, log)

    def _start(self) -> None:
        say("Starting the sandbox, and Airflow: the API server takes its time ...", indent=0)
        sandbox = [sys.executable, "-m", "cdi_sandbox", "--port", str(self._sandbox_port)]
        self._spawn("sandbox", [*sandbox, "--store", str(self._places.folder / "sandbox.db")])
        self._await(f"http://127.0.0.1:{self._sandbox_port}/_sandbox/state", READY_SECONDS)
        self._make_catalog()
        for component in _COMPONENTS:
            self._spawn(component, [_airflow(), component])

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self._places.logs / f"{name}.log").open("ab") as log:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                command, env=self._environment, stdout=log, stderr=log, cwd=PROJECT, start_new_session=True
            )

    def _make_catalog(self) -> None:
        fields = [{"name": name, "type": kind} for name, kind in {"id": "string", **CATALOG_FIELDS}.items()]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._sandbox_port}/catalogs",
            json.dumps({"catalogs": [{"name": CATALOG, "fields": fields}]}).encode(),
            {"authorization": f"Bearer {DEFAULT_KEY}", "content-type": "application/json"},
        )
        try:
            _OPENER.open(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code != 400:  # it is there since an earlier start
                raise

    def _await(self, url: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not _answers(url):
            self._check_alive()
            if time.monotonic() > deadline:
                raise SystemExit(f"{url} did not answer within {seconds:.0f} seconds; see {self._log_folder()}.")
            time.sleep(0.5)

    def _introduce(self) -> None:
        password = _password(self._places.airflow_home)
        show("")
        show(f"   Airflow     {self._url}   user {USER}, password {password}")
        show(f"   Braze       http://127.0.0.1:{self._sandbox_port}   the sandbox: what it holds and what it was sent")
        show(f"   Klaviyo     http://127.0.0.1:{self._sandbox_port}/klaviyo   the same")
        show(f"   Warehouse   {self._places.shown(self._places.warehouse)}   `make change` changes a few rows")
        show(f"   Logs        {self._log_folder()}")
        show(f"   Commands    . {self._places.shown(self._shell_file())}   and then, for example, `airflow cdi syncs`")
        show("")
        say("Switch on a DAG (they are paused) or trigger it. Ctrl-C ends everything and keeps the state.", indent=3)

    def _shell_file(self) -> Path:
        """Write down what a shell needs to reach this Airflow with its commands."""
        said = {name: value for name, value in self._environment.items() if name.startswith("AIRFLOW")}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in said.items()]
        lines.append(f"export PATH={shlex.quote(str(Path(_airflow()).parent))}:$PATH")
        file = self._places.folder / "shell"
        file.write_text("\n".join([*lines, ""]))
        return file

    def _watch(self) -> NoReturn:
        while True:
            self._check_alive()
            time.sleep(1)

    def _check_alive(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                self._give_up(name, process.returncode, self._places.logs / f"{name}.log")

    def _give_up(self, name: str, code: int, log: Path) -> NoReturn:
        for line in _last_lines(log):
            show(f"   | {line}")
        raise SystemExit(f"{name} ended by itself (exit code {code}); all it said is in {self._places.shown(log)}.")

    def _stop(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them behind
        say("Ending ...", indent=0)
        for process in reversed(self._processes.values()):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)

    def _log_folder(self) -> str:
        return f"{self._places.shown(self._places.logs)}/"


def _sandbox_port(places: Places, wanted: int) -> int:
    """Return the port of the earlier starts: for a sync, a Braze at another address is another Braze."""
    noted = places.folder / "sandbox.port"
    if not noted.exists():
        places.folder.mkdir(exist_ok=True)
        noted.write_text(str(free_port(wanted)))
    port = int(noted.read_text())
    if free_port(port) != port:
        raise SystemExit(
            f"Port {port} is taken, where the sandbox of this Airflow has always been. Is another `make airflow` "
            f"running? Free the port, or start afresh: rm -r {places.shown(places.folder)}"
        )
    return port


def _addresses(url: str, port: int) -> dict[str, str]:
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
    }


def _airflow() -> str:
    """Return the command that stands beside this Python."""
    return str(Path(sys.executable).with_name("airflow"))


#: Reaches this machine without a proxy, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _password(airflow_home: Path) -> str:
    stored = airflow_home / "simple_auth_manager_passwords.json.generated"
    return str(json.loads(stored.read_text())[USER])


def _last_lines(log: Path) -> deque[str]:
    with log.open(errors="replace") as lines:
        return deque((line.rstrip() for line in lines), maxlen=15)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The component and the processes that it forked.
    if process.poll() is None:
        os.killpg(process.pid, number)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
