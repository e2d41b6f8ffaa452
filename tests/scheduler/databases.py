"""Airflow's own database and the warehouse: two databases of a private PostgreSQL, or two SQLite files without one."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_AS_ROOT = os.geteuid() == 0
#: Debian's place for them; a server refuses to run as root.
_BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
#: Set to ``sqlite`` to see what happens on a machine without PostgreSQL.
_WANTED = os.environ.get("CDI_SCHEDULER_DATABASE", "postgresql")


class Databases(Protocol):
    """What the scenarios need of a database."""

    #: What it is, for the head of the test run.
    name: str
    #: For Airflow's own database.
    url: str
    #: Fields of the Airflow connection of the warehouse.
    connection: dict[str, Any]

    def execute(self, statement: str) -> None:
        """Run a statement in the warehouse."""
        ...


@contextmanager
def databases(folder: Path) -> Iterator[Databases]:
    """Make both databases, empty, and remove them afterwards.

    :param folder: for files.
    """
    if _WANTED == "postgresql" and _BINARIES and (not _AS_ROOT or shutil.which("runuser")):
        with _postgresql() as server:
            yield server
    else:
        yield Sqlite(folder)


@dataclass
class Postgresql:
    """A cluster of its own."""

    port: int

    def __post_init__(self) -> None:
        self.name = f"PostgreSQL ({Path(_BINARIES[-1]).parent.name})"
        self.url = f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/airflow"
        self.connection = {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": self.port,
            "login": "postgres",
            "schema": "warehouse",
        }

    def execute(self, statement: str, database: str = "warehouse") -> None:
        import psycopg

        where = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": database}
        with psycopg.connect(**where, autocommit=True) as connection:
            connection.execute(statement)


class Sqlite:
    """Two files. Airflow itself advises against SQLite for more than a try-out."""

    name = "SQLite, because there is no PostgreSQL here: NULLs sort the other way round, which hides some of the traps"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "warehouse.sqlite"
        self.url = f"sqlite:///{folder / 'airflow.sqlite'}"
        self.connection = {"conn_type": "sqlite", "host": str(self._path)}

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            connection.execute(statement)


@contextmanager
def _postgresql() -> Iterator[Postgresql]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="cdi-scheduler-pg-"))
    if _AS_ROOT:
        shutil.chown(folder, "postgres")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    cluster = str(folder / "cluster")
    try:
        _as_server("initdb", "-D", cluster, "-A", "trust", "-U", "postgres")
        _as_server("pg_ctl", "-D", cluster, "-o", options, "-l", f"{folder}/log", "-w", "start")
        server = Postgresql(port)
        for database in ("airflow", "warehouse"):
            server.execute(f"create database {database}", database="postgres")
        yield server
    finally:
        if (folder / "cluster" / "postmaster.pid").exists():
            _as_server("pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _as_server(program: str, *arguments: str) -> None:
    user = ["runuser", "-u", "postgres", "--"] if _AS_ROOT else []
    command = [*user, f"{_BINARIES[-1]}/{program}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{program}: {done.stderr}"
