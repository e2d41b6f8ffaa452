"""A PostgreSQL server of one's own: its socket and files are gone afterwards."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from support.ports import free_port
from support.waiting import wait_until

SERVERS = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def why_not() -> str | None:
    """Say why no server can be started here; None when one can."""
    if not SERVERS:
        return "no PostgreSQL server binaries under /usr/lib/postgresql"
    if AS_ROOT and not shutil.which("runuser"):
        return "a root user needs runuser for the server"
    return None


class PostgresServer:
    """A cluster with a superuser ``postgres`` that needs no password. Use as a context manager.

    It listens on 127.0.0.1 and on a Unix socket in :attr:`folder`, sorts by bytes, and forgets what it has when
    the machine stops.
    """

    def __enter__(self) -> Self:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="cdi-pg-"))
        if AS_ROOT:
            shutil.chown(self.folder, "postgres")
        self._binaries, self._cluster = Path(SERVERS[-1]).parent, self.folder / "cluster"
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _as_server(f"{self._binaries}/pg_ctl", "-D", str(self._cluster), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        with self.connected(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def reload(self) -> None:
        """Let the server read its configuration again, and return when every new connection is served by it."""
        before = self._loaded_at()
        self.run("select pg_reload_conf()")  # answers before it is done
        wait_until(lambda: self._loaded_at() > before)

    def _loaded_at(self) -> Any:
        with self.connected() as connection:
            row = connection.execute("select pg_conf_load_time()").fetchone()
        return row[0]

    @contextlib.contextmanager
    def connected(self, database: str = "postgres") -> Iterator[Any]:
        """Open a connection of the superuser, with autocommit."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        ) as connection:
            yield connection

    def _start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        made = ("-D", str(self._cluster), "-A", "trust", "-U", "postgres", "--locale=C", "--encoding=UTF8", "--no-sync")
        _as_server(f"{self._binaries}/initdb", *made)
        log = f"{self.folder}/log"
        _as_server(f"{self._binaries}/pg_ctl", "-D", str(self._cluster), "-o", options, "-l", log, "-w", "start")


def _as_server(*command: str) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if AS_ROOT else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
