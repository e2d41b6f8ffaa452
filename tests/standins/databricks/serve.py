"""The stand-in's process."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from standins.control import Faults, StatementLog, read_settings, say_ready, serve_control
from standins.databricks.engine import Engine, SessionSettings
from standins.databricks.logins import Logins
from standins.databricks.pieces import Rows, Sizes
from standins.databricks.service import Service
from standins.databricks.web import make_app


def main() -> None:
    """Serve until the process is killed."""
    settings = read_settings()
    listener = _listener()
    port = listener.getsockname()[1]
    engine, faults, log, logins = _engine(settings), Faults(), StatementLog(), Logins(settings.get("lifetime", 3600))
    service = Service(engine, faults, log, Sizes(**settings.get("sizes", {})), f"https://localhost:{port}")
    actions = {
        **faults.actions,
        **log.actions,
        "sql": lambda text: _administer(engine, text),
        "load": engine.load,
        "clear": lambda: (service.clear(), engine.clear()),
        "revoke_tokens": logins.revoke,
        "held": service.held,
        "taken": lambda: service.taken,
    }
    config = uvicorn.Config(
        make_app(service, logins),
        log_level="warning",
        ssl_certfile=settings["tls"]["chain"],
        ssl_keyfile=settings["tls"]["key"],
        timeout_keep_alive=600,
    )
    say_ready(port=port, control_port=serve_control(actions))
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def _listener() -> socket.socket:
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is said: 40 ms for each request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def _engine(settings: dict[str, Any]) -> Engine:
    if settings.get("engine") == "spark":
        from standins.databricks.spark_engine import SparkEngine

        return SparkEngine(settings["folder"])
    from standins.databricks.duckdb_engine import DuckDbEngine

    return DuckDbEngine()


def _administer(engine: Engine, text: str) -> list[list[Any]]:
    result = engine.statement(SessionSettings("administrator")).run(text, [])
    batches = Rows(result.batches).take(10_000)
    return [list(row.values()) for batch in batches for row in batch.to_pylist()]


if __name__ == "__main__":
    main()
