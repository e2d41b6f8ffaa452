"""Who may talk to a sandbox: programs, and pages of its own. No page of another site, and no body without end.

A browser carries requests of any page to addresses of its own machine. So a page of another site could post faults
to a sandbox, or read it after making its own name point here (DNS rebinding). Addresses and loopback names cannot be
taken over like that; other names must be allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import orjson
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a request; the largest that a vendor takes has 5 MB (Klaviyo).
LARGEST_BODY = 16 * 1024 * 1024
_TOO_LARGE = (413, f"A request may have {LARGEST_BODY:,} bytes here.")


class HostCheckMiddleware:
    """Refuses strangers before anything of their request is read.

    :param app: who answers the others.
    :param names: host names beside ``localhost`` and plain addresses under which the sandbox answers.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        await self._app(scope, _bounded(receive), send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host = origin = length = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"content-length":
                length = value
        if host and not self._is_own(host.decode("latin-1")):
            return 421, "This is no name of the sandbox. Use its address, or start it with --allow-host NAME."
        if origin and origin.partition(b"://")[2] != host:
            return 403, "The sandbox takes no requests from pages of other sites."
        if length.isdigit() and int(length) > LARGEST_BODY:
            return _TOO_LARGE
        return None

    def _is_own(self, host: str) -> bool:
        name = _without_port(host).lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _bounded(receive: Receive) -> Receive:
    size = 0

    async def receive_within_bounds() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(*_TOO_LARGE, headers={"connection": "close"})
        return message

    return receive_within_bounds


async def _refuse(send: Send, status: int, message: str) -> None:
    body = orjson.dumps({"message": message})
    # What is left of the body is not read: the connection ends.
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
