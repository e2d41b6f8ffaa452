"""The server process: Redshift's port with TLS, the AWS calls, and the test's orders."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

from standins.control import read_settings, say_ready, serve_control
from standins.redshift.admin import Administrator
from standins.redshift.aws import serve_aws
from standins.redshift.logins import Logins
from standins.redshift.session import Server, serve_client
from standins.redshift.wire import SSL_REQUEST, error, read_startup


def main() -> None:
    """Serve until the process is killed."""
    settings = read_settings()
    logins = Logins({})
    postgres = settings["postgres"]
    administrator = Administrator(postgres["socket"], postgres["port"], settings["database"], logins)
    administrator.prepare(settings["users"])
    socket = f"{postgres['socket']}/.s.PGSQL.{postgres['port']}"
    server = Server(socket, logins, fetch_limit=settings["fetch_limit"])
    asyncio.run(_serve(server, administrator, settings))


async def _serve(server: Server, administrator: Administrator, settings: dict[str, Any]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings["tls"]["chain"], settings["tls"]["key"])

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await _greet(server, context, reader, writer)
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    aws_port = serve_aws(server.logins, serverless_user=next(iter(settings["users"])))
    control_port = serve_control(_actions(server, administrator))
    port = listening.sockets[0].getsockname()[1]
    say_ready(port=port, control_port=control_port, aws_port=aws_port)
    await listening.serve_forever()


async def _greet(
    server: Server, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    code, parameters = await read_startup(reader)
    if code != SSL_REQUEST:
        writer.write(error("28000", "no pg_hba.conf entry for host, SSL off", "FATAL"))
        return
    writer.write(b"S")
    await writer.start_tls(context)
    _, parameters = await read_startup(reader)
    await serve_client(server, parameters, (reader, writer))


def _actions(server: Server, administrator: Administrator) -> dict[str, Any]:
    def limit_fetch(rows: int | None) -> None:
        server.fetch_limit = rows

    return {
        "sql": administrator.sql,
        "load": administrator.load,
        "empty": administrator.empty,
        "add_user": administrator.add_user,
        "limit_fetch": limit_fetch,
        "expire_passwords": server.logins.expire,
        **server.faults.actions,
        **server.log.actions,
    }


if __name__ == "__main__":
    main()
