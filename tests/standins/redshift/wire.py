"""Messages of the PostgreSQL protocol, version 3, as far as the proxy looks into them."""

from __future__ import annotations

import struct
from asyncio import StreamReader

SSL_REQUEST = 80877103
PROTOCOL_3 = 196608
#: (offset of the length) -> the header is one byte of type and four of length, which counts itself.
HEADER = struct.Struct("!ci")


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Put one message together."""
    return HEADER.pack(kind, len(body) + 4) + body


async def read_message(reader: StreamReader) -> tuple[bytes, bytes]:
    """Read one message: its type and its body.

    :raises asyncio.IncompleteReadError: when the other side hung up.
    """
    kind, length = HEADER.unpack(await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


async def read_startup(reader: StreamReader) -> tuple[int, dict[str, str]]:
    """Read the first message, which has no type: its code, and the parameters."""
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    body = await reader.readexactly(length - 4)
    (code,) = struct.unpack_from("!i", body)
    texts = body[4:].decode().split("\0")
    return code, dict(zip(texts[::2], texts[1::2], strict=False))


def startup(**parameters: str) -> bytes:
    """Put the first message together."""
    body = struct.pack("!i", PROTOCOL_3)
    body += b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def error(code: str, text: str, severity: str = "ERROR") -> bytes:
    """Put an ErrorResponse together.

    :param code: SQLSTATE.
    :param severity: ``FATAL`` when the session ends with it.
    """
    fields = {"S": severity, "V": severity, "C": code, "M": text}
    return message(b"E", b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0")


def error_fields(body: bytes) -> dict[str, str]:
    """Take an ErrorResponse apart."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def parameter_status(name: str, value: str) -> bytes:
    """Say a setting of the session to the client."""
    return message(b"S", f"{name}\0{value}\0".encode())


READY_IN_NO_TRANSACTION = message(b"Z", b"I")
READY_IN_FAILED_TRANSACTION = message(b"Z", b"E")
