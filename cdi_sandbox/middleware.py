"""The way of one request: read, count, inject faults, let the vendor's API decide, answer.

It speaks ASGI directly: at a million rows the request objects of a framework would cost as much as the work.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from cdi_sandbox.api.call import Call, Reply, failure
from cdi_sandbox.api.endpoint import Endpoint, State, VendorApi
from cdi_sandbox.api.fault import Fault
from cdi_sandbox.api.faults import InjectedFaults
from cdi_sandbox.api.json import Json
from cdi_sandbox.api.request_log import LoggedRequest
from cdi_sandbox.world import World

#: Under this key of the scope the application passes on the connection, so that it can be reset.
TRANSPORT = "cdi.sandbox.transport"
#: More than any limit; what comes beyond is read and thrown away.
_KEEP_BYTES = 8 * 1024 * 1024


class EndpointMiddleware(Generic[State]):
    """The endpoints of one path, as an ASGI application.

    :param api: whose path it is.
    :param state: returns what the API acts on; a reset of the sandbox begins a new one.
    :param endpoints: method -> endpoint.
    """

    def __init__(
        self,
        world: World,
        api: VendorApi[State],
        state: Callable[[], State],
        endpoints: Mapping[str, Endpoint[State]],
    ) -> None:
        self._world = world
        self._api = api
        self._state = state
        self._endpoints = endpoints
        self._route = next((endpoint.path for endpoint in endpoints.values()), "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        world = self._world
        call = await _read(scope, receive)
        self._place(call)
        endpoint = self._endpoints.get(call.method)
        _parse(call, endpoint)
        logged = world.requests.begin(call, world.settings, world.now())
        try:
            # Lets requests that came in at the same moment arrive too, so that the log sees the overlap.
            await asyncio.sleep(0)
            injected = world.faults.inject(call)
            reply = self._decide(call, endpoint, injected, logged)
            wait = world.settings.latency + injected.wait
            if wait > 0:
                await world.clock.sleep(wait)
            await _end(reply, injected.ending, logged, _Wire(scope, receive, send))
        finally:
            world.requests.finish(logged, world.now())

    def _place(self, call: Call) -> None:
        """Say which path it is, and which one it counts to."""
        if self._api.ignores_slash:
            call.path = call.path.rstrip("/")
        call.route = self._route
        call.counted_as = self._route if self._route and self._api.counts_routes else call.path

    def _decide(
        self, call: Call, endpoint: Endpoint[State] | None, injected: InjectedFaults, logged: LoggedRequest
    ) -> Reply:
        """Handle the call, apply what it does, and build its answer, or let a fault answer instead."""
        world = self._world
        world.catch_up()
        ending = injected.ending
        if ending is None or ending.details.get("applied", True):
            call.refused, call.storage_full, call.injected = injected.refused, injected.storage_full, injected.inner
            reply = self._api.authorize(self._state(), call, endpoint)
            if reply.change is not None:
                world.accept(reply.change)
            world.requests.accept(logged, reply.accepted)
            world.store.commit()
        else:
            reply = failure(500, "")  # the fault decides what is sent
        return reply if ending is None or ending.kind != "answer" else self._answer_of(ending, reply)

    def _answer_of(self, fault: Fault, handled: Reply) -> Reply:
        details = fault.details
        usual = self._api.usual(details["status"])
        body = usual.body if details["body"] is None else details["body"]
        wanted = {str(name).lower(): str(value) for name, value in details["headers"].items()}
        kind = {} if details["content_type"] is None else {"content-type": details["content_type"]}
        return Reply(details["status"], body, headers={**handled.headers, **usual.headers, **kind, **wanted})


async def _read(scope: Scope, receive: Receive) -> Call:
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= _KEEP_BYTES:
            parts.append(part)
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Call(
        method=scope["method"],
        path=scope["path"],
        headers=headers,
        params=scope.get("path_params", {}),
        query=scope["query_string"].decode("latin-1"),
        raw=b"".join(parts),
        size=size,
    )


def _parse(call: Call, endpoint: Endpoint[Any] | None) -> None:
    if endpoint is None or not endpoint.has_body:
        return
    if call.size > endpoint.max_bytes:
        call.problem = "size"
        return
    try:
        call.body = orjson.loads(call.raw)
    except orjson.JSONDecodeError:
        call.problem = "syntax"
        return
    if endpoint.read is not None:
        call.body = endpoint.read(call.body)
    if endpoint.objects is not None:
        call.objects, call.identifiers = endpoint.objects(call.body)


class _Wire(NamedTuple):
    """The three parts of an ASGI connection."""

    scope: Scope
    receive: Receive
    send: Send


async def _end(reply: Reply, ending: Fault | None, logged: LoggedRequest, wire: _Wire) -> None:
    """Send the answer, or as much of it as the fault leaves."""
    kind = None if ending is None else ending.kind
    if kind == "reset":
        await _reset(wire)
        return
    body = _encoded(reply.body)
    if kind == "truncate":
        body = body[: len(body) // 2]
    logged.status = reply.status
    headers = _headers(reply, len(body))
    await wire.send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if kind == "cut":
        await wire.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _transport(wire).close()
        await _gone(wire)
        return
    await wire.send({"type": "http.response.body", "body": body})


def _headers(reply: Reply, length: int) -> list[tuple[bytes, bytes]]:
    if reply.status == 204:  # HTTP: it has no body, and says nothing of one
        headers = reply.headers
    else:
        headers = {"content-type": "application/json", **reply.headers, "content-length": str(length)}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _encoded(body: Json) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else orjson.dumps(body)


async def _reset(wire: _Wire) -> None:
    transport = _transport(wire)
    connection = transport.get_extra_info("socket")
    # With a linger time of zero the system sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(wire)


def _transport(wire: _Wire) -> Any:
    transport = wire.scope.get(TRANSPORT)
    if transport is None:
        # Without a socket (an in-process test client) the exception itself is the reset.
        raise ConnectionResetError("The sandbox resets this connection: a fault asks for it.")
    return transport


async def _gone(wire: _Wire) -> None:
    while (await wire.receive())["type"] != "http.disconnect":
        pass
