"""The server process: ``python -m standins.bigquery.serve``."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc

from standins.bigquery.accounts import Accounts
from standins.bigquery.engine import Engine
from standins.bigquery.jobs import Jobs
from standins.bigquery.relay import Relay
from standins.bigquery.rest import Rest, handler_of
from standins.bigquery.storage import Storage
from standins.control import Faults, StatementLog, read_settings, say_ready, serve_control


def main() -> None:
    """Serve until the process is killed."""
    settings = read_settings()
    faults, log, accounts, relay = Faults(), StatementLog(), Accounts(), Relay()
    engine = Engine(settings["project"], settings["dataset"], Path(settings["folder"]))
    jobs = Jobs(engine, log, faults)
    rest = _serve_rest(Rest(engine, jobs, accounts, faults), settings["tls"])
    storage_port, plain_port = _serve_storage(Storage(engine, jobs, accounts, faults, relay), settings["tls"])
    relay.start(storage_port)
    control = serve_control(
        {
            **faults.actions,
            **log.actions,
            "sql": engine.rows_of,
            "load": engine.load,
            "clear": engine.clear,
            "project": engine.add_project,
            "account": accounts.add,
            "anonymous": accounts.let_in,
        }
    )
    say_ready(port=rest.server_port, storage_port=relay.port, plain_port=plain_port, control_port=control)
    rest.serve_forever()


def _serve_rest(rest: Rest, tls: dict[str, str]) -> ThreadingHTTPServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls["chain"], tls["key"])
    server = _Server(("127.0.0.1", 0), handler_of(rest))
    # The handshake is for the connection's own thread, not for the one that accepts.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients may go at any time."""


def _serve_storage(storage: Storage, tls: dict[str, str]) -> tuple[int, int]:
    """Serve with TLS as the service does, and without, as emulators do."""
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((storage.handler(),))
    pair = (Path(tls["key"]).read_bytes(), Path(tls["chain"]).read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    plain_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=server.wait_for_termination, name="storage", daemon=True).start()
    return port, plain_port


if __name__ == "__main__":
    main()
