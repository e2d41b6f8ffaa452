"""The process of the stand-in: ``python -m standins.snowflake.serve <settings as JSON>``."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import uvicorn

from standins.control import Faults, StatementLog, read_settings, say_ready, serve_control
from standins.snowflake.accounts import Accounts
from standins.snowflake.app import Service
from standins.snowflake.engine import Engine
from standins.snowflake.names import Path as Name
from standins.snowflake.queries import Queries
from standins.snowflake.rights import Rights
from standins.snowflake.sessions import Sessions
from standins.snowflake.translation import Context, parse, table_path


class Administrator:
    """Carries out orders of the test process.

    :param home: the database and schema that a short name is completed with.
    """

    def __init__(self, engine: Engine, accounts: Accounts, home: Context) -> None:
        self._engine = engine
        self._accounts = accounts
        self._rights = Rights(accounts)
        self._home = home
        self._lock = threading.Lock()

    def sql(self, text: str) -> list[list[Any]]:
        """Run a statement; each row is a list, values that JSON has no form for are text."""
        if self._accounts.alter(text) or self._rights.take(text):
            return []
        with self._lock:
            result = self._engine.run(self._engine.translated(text, self._home), self._home, lambda _connection: None)
            return [list(row.values()) for batch in result.batches() for row in _legible(batch).to_pylist()]

    def load(self, name: str, path: str) -> None:
        """Make a table of a Parquet file."""
        self._engine.load(self._path(name), Path(path))

    def hide(self, login: str, name: str) -> None:
        """Take a login's grants on an object away."""
        self._accounts.user(login).hidden.add(self._path(name))

    def clean(self) -> None:
        """Drop everything, and give all grants back."""
        with self._lock:
            self._engine.clean()
        self._accounts.show_all()

    def _path(self, name: str) -> Name:
        return table_path(parse(f"select * from {name}"), self._home)


def main() -> None:
    """Serve until the process is ended."""
    settings = read_settings()
    folder = Path(tempfile.mkdtemp(dir=settings["folder"]))
    log, faults, engine = StatementLog(), Faults(), Engine(folder)
    accounts = Accounts(settings["account"], settings["role"], settings["users"])
    queries = Queries(engine, log, faults, folder / "results", accounts.described, settings.get("chunk_rows"))
    service = Service(accounts, Sessions(), queries, faults, settings["patience"], settings["zone"])
    boss = Administrator(engine, accounts, Context(settings["database"], settings["schema"]))
    orders = {
        "sql": boss.sql,
        "load": boss.load,
        "hide": boss.hide,
        "clean": boss.clean,
        "kept": queries.kept,
        "cancel_all": queries.cancel_all,
        **faults.actions,
        **log.actions,
    }
    listener = socket.create_server(("127.0.0.1", 0))
    say_ready(port=listener.getsockname()[1], control_port=serve_control(orders))
    tls = settings["tls"]
    config = uvicorn.Config(
        service.app(), ssl_keyfile=tls["key"], ssl_certfile=tls["chain"], log_level="warning", timeout_keep_alive=60
    )
    uvicorn.Server(config).run(sockets=[listener])


def _legible(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column for column in batch.columns],
        names=[str(place) for place in range(batch.num_columns)],
    )


if __name__ == "__main__":
    main()
