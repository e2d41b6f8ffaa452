"""A mail server and a webhook of one's own, which keep what they get."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standins.tls import Tls


class MailSink:
    """Speaks as much SMTP as a client of Python's needs, and keeps each mail.

    :param refuses: whether it refuses every mail.
    """

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refuses = False
        handler = type("Handler", (_Smtp,), {"sink": self})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def connection(self) -> str:
        """The connection to it, as JSON."""
        extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 1, "from_email": "airflow@example.com"}
        host, port = self._server.server_address[:2]
        return json.dumps({"conn_type": "smtp", "host": host, "port": port, "extra": extra})

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Smtp(socketserver.StreamRequestHandler):
    sink: MailSink

    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline():
            verb = line.strip().upper()[:4]
            if verb == b"DATA":
                self._data()
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("550 no" if verb == b"RCPT" and self.sink.refuses else "250 ok")

    def _data(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.sink.mails.append(message_from_bytes(b"".join(lines), policy=default))
        self._say("250 kept")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class WebhookSink:
    """Keeps the body and the path of each request.

    :param status: of its answers.
    :param answer: their body.
    :param tls: with which it speaks; None for plain HTTP.
    """

    def __init__(self, status: int = 204, answer: bytes = b"", tls: Tls | None = None) -> None:
        self.status, self.answer = status, answer
        self._scheme = "https" if tls else "http"
        self.bodies: list[Any] = []
        self.paths: list[str] = []
        handler = type("Handler", (_Webhook,), {"sink": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.chain, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True

    @property
    def connection(self) -> str:
        """The connection to it, as JSON."""
        return json.dumps(
            {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": self._server.server_port}
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Webhook(BaseHTTPRequestHandler):
    sink: WebhookSink

    def do_POST(self) -> None:
        self.sink.paths.append(self.path)
        self.sink.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.sink.status)
        self.send_header("Content-Type", "application/json" if self.sink.answer.startswith(b"{") else "text/html")
        self.send_header("Content-Length", str(len(self.sink.answer)))
        self.end_headers()
        self.wfile.write(self.sink.answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
