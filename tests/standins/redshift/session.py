"""One client's session: it logs in here, and what it says goes on to PostgreSQL, put into its words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from standins.control import Asked, Faults, StatementLog
from standins.redshift.dialect import setting, translated
from standins.redshift.logins import Logins
from standins.redshift.results import BINARY, data_row, described
from standins.redshift.rules import Kind, Refusal, kind_of, refused
from standins.redshift.wire import (
    HEADER,
    error,
    error_fields,
    message,
    parameter_status,
    read_message,
    startup,
)

SERVER_VERSION = "8.0.2"
_CHUNK = 256 * 1024
_DATA = ord("D")
_CANCELLED = {"57014", "57P01"}
#: What a transient fault of Redshift's storage looks like.
STORAGE_AWAY = Refusal("XX000", "S3ServiceException:Service Unavailable,Status 503,Error SlowDown,CanRetry 1")
#: A result beyond what the node type's leader holds for all cursors together.
CURSORS_FULL = Refusal("XX000", "exceeded the maximum size allowed for the total set of cursor data: 8000MB.")


@dataclass
class Server:
    """What all sessions share.

    :param socket: PostgreSQL's Unix socket.
    :param fetch_limit: rows of one FETCH; None for a cluster of several nodes.
    """

    socket: str
    logins: Logins
    faults: Faults = field(default_factory=Faults)
    log: StatementLog = field(default_factory=StatementLog)
    fetch_limit: int | None = None


@dataclass
class _Pending:
    text: str
    kind: Kind
    asked: Asked | None


class Session:
    """Carries messages between a client and PostgreSQL.

    :param client: the client's streams, after the TLS handshake.
    """

    def __init__(self, server: Server, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._server = server
        self._from_client, self._to_client = client
        self._protocol = 0
        self._tag = ""
        self._exact_case = False
        self._texts: dict[bytes, str] = {}
        self._scales: dict[bytes, dict[int, int]] = {}
        self._portals: dict[bytes, bytes] = {}
        self._describing: deque[bytes] = deque()
        self._pending: deque[_Pending] = deque()
        self._parsed = ""
        self._active_scales: dict[int, int] = {}
        self._cursor: Asked | None = None
        self._cut: dict[str, Any] | None = None

    async def run(self, parameters: dict[str, str]) -> None:
        """Log the client in and serve it until one side hangs up."""
        user = await self._login(parameters.get("user", ""))
        if user is None:
            return
        self._from_server, self._to_server = await asyncio.open_unix_connection(self._server.socket, limit=2 * _CHUNK)
        database = parameters.get("database") or user
        self._to_server.write(startup(user=user, database=database, client_encoding="UTF8", TimeZone="UTC"))
        self._protocol = min(BINARY, int(parameters.get("client_protocol_version", "0")))
        pumps = [asyncio.create_task(self._carry_questions()), asyncio.create_task(self._carry_answers())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(pumps)

    async def _end(self, pumps: list[asyncio.Task[None]]) -> None:
        self._note_end()
        self._to_server.close()
        self._to_client.close()
        for pump in pumps:
            pump.cancel()
        for outcome in await asyncio.gather(*pumps, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(
                outcome, ConnectionError | asyncio.IncompleteReadError
            ):
                raise outcome

    def _note_end(self) -> None:
        for pending in self._pending:
            if pending.asked is not None:
                pending.asked.state = "cancelled"
        if self._cursor is not None and self._cursor.state == "running":
            self._cursor.state = "cancelled" if self._pending else "finished"

    async def _login(self, login: str) -> str | None:
        salt = os.urandom(4)
        self._to_client.write(message(b"R", struct.pack("!i", 5) + salt))
        _, answer = await read_message(self._from_client)
        user = self._server.logins.user(login, salt, answer.rstrip(b"\0").decode())
        if user is None or self._server.faults.take("unauthorized") is not None:
            self._to_client.write(error("28000", f'password authentication failed for user "{login}"', "FATAL"))
            await self._to_client.drain()
            self._to_client.close()
            return None
        return user

    # --- from the client --------------------------------------------------------------------------

    async def _carry_questions(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                kind, body = await read_message(self._from_client)
                changed = await self._question(kind, body)
                if changed is None:
                    return
                self._to_server.write(changed)
                await self._to_server.drain()
                if kind == b"X":
                    return

    async def _question(self, kind: bytes, body: bytes) -> bytes | None:
        """Return what goes on to PostgreSQL; None when the session is over."""
        if kind == b"P":
            return self._parse(body)
        if kind == b"D" and body[:1] == b"S":
            self._describing.append(body[1:-1])
        elif kind == b"B":
            portal, statement, _ = body.split(b"\0", 2)
            self._portals[portal] = statement
        elif kind == b"E":
            statement = self._portals.get(body.split(b"\0", 1)[0], b"")
            return await self._execute(statement, body)
        elif kind == b"Q":
            raise ConnectionError("a client that speaks the simple protocol")
        return message(kind, body)

    def _parse(self, body: bytes) -> bytes:
        name, text, types = body.split(b"\0", 2)
        self._parsed = self._texts[name] = text.decode()
        sql = translated(self._parsed, exact_case=self._exact_case)
        return message(b"P", b"\0".join((name, sql.encode(), types)))

    async def _execute(self, statement: bytes, body: bytes) -> bytes | None:
        text = self._texts.get(statement, "")
        kind = kind_of(text)
        is_open = self._cursor is not None and self._cursor.state == "running"
        refusal = refused(text, kind, cursor_is_open=is_open, fetch_limit=self._server.fetch_limit)
        if kind == "fetch" and refusal is None:
            refusal = await self._fetch_fault()
            if refusal is not None and refusal.code == "57P01":
                self._to_client.write(error(refusal.code, refusal.text, "FATAL"))
                return None
        self._set(text)
        noted = kind in {"declare", "query"}
        asked = self._server.log.add(text, self._tag) if noted else None
        self._pending.append(_Pending(text, kind, asked))
        self._active_scales = self._scales.get(statement, {}) if self._protocol >= BINARY else {}
        return message(b"E", body) if refusal is None else _raising(refusal)

    async def _fetch_fault(self) -> Refusal | None:
        faults = self._server.faults
        slow = faults.take("chunk_slow")
        if slow is not None:
            await asyncio.sleep(float(slow.get("seconds", 1)))
        self._cut = faults.take("drop")
        if faults.take("expired") is not None:
            return Refusal("57P01", "terminating connection due to session timeout")
        if faults.take("unauthorized") is not None:
            return Refusal("42501", "permission denied for relation t")
        if faults.take("cursors_full") is not None:
            return CURSORS_FULL
        return STORAGE_AWAY if faults.take("chunk_503") is not None else None

    def _set(self, text: str) -> None:
        name, value = setting(text) or ("", "")
        if name == "query_group":
            self._tag = value
        elif name == "enable_case_sensitive_identifier":
            self._exact_case = value.lower() in {"on", "true"}

    # --- from PostgreSQL --------------------------------------------------------------------------

    async def _carry_answers(self) -> None:
        rest = b""
        while chunk := await self._from_server.read(_CHUNK):
            rest += chunk
            out, used = self._answers(rest)
            rest = rest[used:]
            if self._cut is not None and out:
                await self._hang_up(out[: int(self._cut.get("keep", len(out) // 2))])
                return
            self._to_client.write(out)
            await self._to_client.drain()

    async def _hang_up(self, last_words: bytes) -> None:
        self._to_client.write(last_words)
        await self._to_client.drain()
        self._to_client.transport.abort()

    def _answers(self, buffer: bytes) -> tuple[bytes, int]:
        """Return the whole messages of a buffer as the client is to see them, and how much of it they took."""
        parts, at, start, end = list[bytes](), 0, 0, len(buffer)
        plain_rows = not self._active_scales
        while end - at >= 5:
            stop = at + 1 + HEADER.unpack_from(buffer, at)[1]
            if stop > end:
                break
            if buffer[at] != _DATA or not plain_rows:
                changed = self._answer(buffer[at : at + 1], buffer[at + 5 : stop])
                if changed is not None:
                    parts += (buffer[start:at], changed)
                    start = stop
                plain_rows = not self._active_scales
            at = stop
        parts.append(buffer[start:at])
        return b"".join(parts), at

    def _answer(self, kind: bytes, body: bytes) -> bytes | None:
        """Note what an answer says and return what is said instead; None when it stays."""
        if kind == b"D":
            return data_row(body, self._active_scales)
        if kind == b"T":
            seen = described(body, self._protocol)
            self._scales[self._describing.popleft()] = seen.scales
            return seen.message
        if kind == b"n" and self._describing:
            self._describing.popleft()
        if kind == b"S" and body.startswith(b"server_version\0"):
            version = str(self._protocol)
            return parameter_status("server_version", SERVER_VERSION) + parameter_status(
                "server_protocol_version", version
            )
        if kind in {b"C", b"I"} and self._pending:
            self._completed(self._pending.popleft())
        if kind == b"Z" and body == b"I" and self._cursor is not None and self._cursor.state == "running":
            self._cursor.state = "finished"
        return self._failed(body) if kind == b"E" else None

    def _completed(self, done: _Pending) -> None:
        if done.kind == "declare":
            self._cursor = done.asked
        elif done.kind == "close" and self._cursor is not None:
            self._cursor.state = "finished"
        elif done.asked is not None:
            done.asked.state = "finished"

    def _failed(self, body: bytes) -> bytes:
        fields = error_fields(body)
        state = "cancelled" if fields["C"] in _CANCELLED else "failed"
        self._describing.clear()
        if self._pending:
            failing = [pending.asked for pending in self._pending]
            self._pending.clear()
        else:
            failing = [] if state == "cancelled" else [self._server.log.add(self._parsed, self._tag)]
        for asked in (*failing, self._cursor):
            if asked is not None and asked.state == "running":
                asked.state = state  # type: ignore[assignment]
        text = fields["M"].replace("permission denied for table", "permission denied for relation")
        text = text.replace("permission denied for view", "permission denied for relation")
        return error(fields["C"], text, fields["S"])


def _raising(refusal: Refusal) -> bytes:
    """Run a statement that raises, in the place of the one that was asked for."""
    parse = message(b"P", b"\0" + refusal.sql.encode() + b"\0" + struct.pack("!h", 0))
    bind = message(b"B", b"\0\0" + struct.pack("!hhh", 0, 0, 0))
    return parse + bind + message(b"E", b"\0" + struct.pack("!i", 0))


async def serve_client(
    server: Server, parameters: dict[str, str], client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> Any:
    """Serve one client that has said who it is."""
    await Session(server, client).run(parameters)
