"""Runs the blocks of one page one after the other, as a reader does who copies them into a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings import DEFAULT_KEY, DEFAULT_KLAVIYO_KEY
from support.pages import PROJECT, Block, all_blocks, name_of
from support.waiting import BOUND

BIN = Path(sys.executable).parent
#: On which the pages start the sandbox. The tests take a free port, because somebody may sit on this one.
PORT = "8125"
#: A command of a page that takes so many seconds has met something that it waits for.
HANGS = 600
_SANDBOX = "cdi-sandbox"
_DAG_ID = re.compile(r"airflow (?:dags trigger|backfill create --dag-id) (\w+)")
_TESTED = re.compile(r"airflow connections test (\w+)|Hook\(\"(\w+)\"\)\.test_connection")
#: What a reader types when a program asks for a passphrase, and again.
_TYPED = "secret\n" * 3


def make_clone(folder: Path) -> Path:
    """Return a copy of the project with an environment that counts as ready, for what runs in a clone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target)
    environment = folder / ".venv"
    environment.mkdir()
    for part in BIN.parent.iterdir():
        if not part.name.startswith("."):
            (environment / part.name).symlink_to(part)
    for stamp in (".uv", ".demo", ".dev", ".docs"):
        (environment / stamp).touch()
    return folder


def migrated_home(folder: Path) -> Path:
    """Return a folder with an empty database of Airflow's."""
    _bash("airflow db migrate", folder, _variables(folder, folder))
    return folder


class ShellSession:
    """A terminal in which a page's commands are run.

    :param page: whose commands.
    :param folder: where it stands.
    :param clone: where commands for a clone are run.
    :param home: an Airflow with an empty database, which is copied when the page does not make one.
    """

    def __init__(self, page: Path, folder: Path, clone: Path, home: Path) -> None:
        self._page, self._folder, self._clone, self._home = page, folder, clone, home
        self._state = folder / "exported.sh"
        self._variables = _variables(folder, folder / "airflow")
        self._sandbox = SandboxServer()
        self._port = ""
        self._servers: list[subprocess.Popen[str]] = []
        self._serialized = False
        (folder / "dags").mkdir()
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        self.output = ""

    def __enter__(self) -> Self:
        self._sandbox.__enter__()
        self._port = self._sandbox.url.rpartition(":")[2]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(BOUND)
            if server.stdout is not None:
                server.stdout.close()
        self._sandbox.__exit__(kind, error, trace)

    def save(self, block: Block) -> None:
        """Save a block of Python under the name that the page gives it, and any DAG."""
        if block.file_name or "with DAG(" in block.text:
            target = self._folder / (block.file_name or f"dags/of_line_{block.line}.py")
            target.write_text(block.text)

    def run(self, block: Block) -> None:
        """Run a block of commands; what is exported there is known to the next one."""
        if block.text.startswith(_SANDBOX):
            self._serve(block.text.strip())
            return
        self._prepare(block.text)
        text = block.text.replace(PORT, self._port)
        state = f"touch {self._state}\nsource {self._state}\n"
        in_clone = re.match(r"make |pip |python docs/", text)
        script = f"set -euo pipefail\n{state}{text}\nexport -p | grep -Ev ' (OLD)?PWD=' > {self._state}\n"
        try:
            self.output += _bash(script, self._clone if in_clone else self._folder, self._variables)
        except AssertionError as error:
            raise AssertionError(f"{block.place} failed:\n{error}") from None

    def connections(self) -> list[object]:
        """Return the connections that the page's blocks exported."""
        shell = ["bash", "-c", f"touch {self._state}; source {self._state}; env -0"]
        told = subprocess.run(shell, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True).stdout
        return [json.loads(line.partition("=")[2]) for line in told.split("\0") if line.startswith("AIRFLOW_CONN_")]

    def _prepare(self, text: str) -> None:
        """Do what a reader has done before, as the page says or as it goes without saying."""
        database = self._folder / "airflow" / "airflow.db"
        if re.search(r"\bairflow (?!db )", text) and not database.exists():
            database.parent.mkdir(exist_ok=True)
            shutil.copy2(self._home / "airflow.db", database)
        for found in _TESTED.finditer(text):
            self._point_at_sandbox(found[1] or found[2])
        for dag_id in _DAG_ID.findall(text):
            self._serialize(dag_id)

    def _point_at_sandbox(self, connection: str) -> None:
        """Let the sandbox take the place of the account that a connection of the page leads to."""
        kind = connection.removesuffix("_default")
        key = {"braze": DEFAULT_KEY, "klaviyo": DEFAULT_KLAVIYO_KEY}[kind]
        shown = json.dumps({"conn_type": kind, "host": f"http://127.0.0.1:{self._port}", "password": key})
        with self._state.open("a") as state:
            state.write(f"export AIRFLOW_CONN_{connection.upper()}='{shown}'\n")

    def _serialize(self, dag_id: str) -> None:
        """Make a DAG known to Airflow's database, as its DAG processor does."""
        folder = self._folder / "dags"
        if not any(f'"{dag_id}"' in path.read_text() for path in folder.glob("*.py")):
            shown = (
                block for block in all_blocks("python") if f'"{dag_id}"' in block.text and "with DAG(" in block.text
            )
            (folder / "of_another_page.py").write_text(next(shown).text)
        if not self._serialized:
            _bash("airflow dags reserialize", self._folder, self._variables)
            self._serialized = True

    def _serve(self, command: str) -> None:
        """Start a sandbox as the page says, on a free port, and wait until it has told its address."""
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command} --port 0"],
            cwd=self._folder,
            env=self._variables,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._servers.append(server)
        assert server.stdout is not None
        for line in server.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self._port = found[1]
                return
        raise AssertionError(f"{name_of(self._page)}: {command} ended by itself")


def _variables(folder: Path, airflow_home: Path) -> dict[str, str]:
    """Return what a reader's terminal knows: nothing of the tests' own Airflow."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "PIP_"))
    }
    return inherited | {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "CURL_HOME": str(folder),
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1,localhost",
        "PATH": f"{BIN}:{os.environ['PATH']}",
        # What is installed by hand is here already: pip looks only whether it could be.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_DRY_RUN": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
    }


def _bash(text: str, folder: Path, variables: dict[str, str]) -> str:
    """Run commands in a terminal of their own, and return what it shows."""
    script = folder / "block.sh"
    script.write_text(text)
    terminal = ["script", "--quiet", "--return", "--command", f"bash {script}", "/dev/null"]
    done = subprocess.run(
        terminal, cwd=folder, env=variables, input=_TYPED, capture_output=True, text=True, check=False, timeout=HANGS
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr
    assert "does not provide the extra" not in done.stdout
    return done.stdout
