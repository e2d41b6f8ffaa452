"""The way of one request: read, count, strike with faults, check key, rate and body, handle, answer.

It speaks ASGI directly: at a million rows the request objects of a framework would cost as much as the work.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from airflow_provider_cdi.sandbox.call import Call, Endpoint, Json, Reply, failure
from airflow_provider_cdi.sandbox.faults import Blow, Fault
from airflow_provider_cdi.sandbox.ledger import Visit
from airflow_provider_cdi.sandbox.limits import EMPTY_HEADERS
from airflow_provider_cdi.sandbox.world import World

#: Under this key of the scope the application passes on the connection, so that it can be reset.
TRANSPORT = "cdi.sandbox.transport"
#: More than any limit; what comes beyond is read and thrown away.
_KEEP_BYTES = 8 * 1024 * 1024


class Gate:
    """The endpoints of one path, as an ASGI application.

    :param endpoints: method -> endpoint; other methods are answered with 404.
    """

    def __init__(self, world: World, endpoints: Mapping[str, Endpoint]) -> None:
        self._world = world
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        world = self._world
        call = await _read(scope, receive)
        endpoint = self._endpoints.get(call.method)
        _parse(call, endpoint)
        visit = world.ledger.arrive(call, world.settings, world.now())
        try:
            # Lets requests that came in at the same moment arrive too, so that the ledger sees the overlap.
            await asyncio.sleep(0)
            blow = world.faults.strike(call.method, call.path, call.identifiers)
            reply = self._decide(call, endpoint, blow, visit)
            wait = world.settings.latency + blow.wait
            if wait > 0:
                await world.clock.sleep(wait)
            await _end(reply, blow.ending, visit, _Wire(scope, receive, send))
        finally:
            world.ledger.leave(visit, world.now())

    def _decide(self, call: Call, endpoint: Endpoint | None, blow: Blow, visit: Visit) -> Reply:
        """Handle the call, apply what it does, and build its answer, or let a fault answer instead."""
        world = self._world
        world.catch_up()
        ending = blow.ending
        if ending is None or ending.details.get("applied", True):
            call.refused, call.storage_full = blow.refused, blow.storage_full
            reply = self._handle(call, endpoint)
            if reply.change is not None:
                world.accept(reply.change)
            world.ledger.accept(visit, reply.accepted)
            world.store.commit()
        else:
            reply = failure(500, "")  # the fault decides what is sent
        return reply if ending is None or ending.kind != "answer" else _answer_of(ending, reply)

    def _handle(self, call: Call, endpoint: Endpoint | None) -> Reply:
        if endpoint is None:
            return failure(404, "Not Found")
        refusal = self._check_key(call, endpoint) or _check_type(call, endpoint)
        if refusal is not None:
            return refusal
        passage = self._world.windows.enter(endpoint.pool, self._world.settings, self._world.now())
        if not passage.allowed:
            reply = failure(429, "Rate limited")
        else:
            reply = _check_body(call, endpoint) or endpoint.handle(self._world, call)
        reply.headers |= passage.headers
        return reply

    def _check_key(self, call: Call, endpoint: Endpoint) -> Reply | None:
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        settings = self._world.settings
        if scheme.lower() != "bearer" or key not in settings.keys:
            # Braze repeats the key that it was given: a client must not log this text.
            return Reply(401, {"message": f"Invalid API key: {key}"}, headers=dict(EMPTY_HEADERS))
        permissions = settings.keys[key]
        if permissions is not None and endpoint.permission not in permissions:
            return failure(settings.missing_permission_status, "Access Denied")
        return None


def _check_type(call: Call, endpoint: Endpoint) -> Reply | None:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if endpoint.has_body and kind != "application/json":
        return failure(415, "Unsupported Media Type")
    return None


def _check_body(call: Call, endpoint: Endpoint) -> Reply | None:
    if call.problem == "size":
        return failure(*endpoint.oversize)
    if call.problem == "syntax":
        # Braze: this one text stands in 'error', not in 'message'.
        return Reply(400, {"error": "Error while parsing request body. Please check your syntax."})
    return None


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


def _parse(call: Call, endpoint: Endpoint | None) -> None:
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
    if endpoint.objects is not None:
        call.objects, call.identifiers = endpoint.objects(call.body)


def _answer_of(fault: Fault, handled: Reply) -> Reply:
    wanted = {str(name).lower(): str(value) for name, value in fault.details["headers"].items()}
    headers = {**handled.headers, "content-type": fault.details["content_type"], **wanted}
    return Reply(fault.details["status"], fault.details["body"], headers=headers)


class _Wire(NamedTuple):
    """The three parts of an ASGI connection."""

    scope: Scope
    receive: Receive
    send: Send


async def _end(reply: Reply, ending: Fault | None, visit: Visit, wire: _Wire) -> None:
    """Send the answer, or as much of it as the fault leaves."""
    kind = None if ending is None else ending.kind
    if kind == "reset":
        await _reset(wire)
        return
    body = _encoded(reply.body)
    if kind == "truncate":
        body = body[: len(body) // 2]
    visit.status = reply.status
    headers = _headers(reply, len(body))
    await wire.send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if kind == "cut":
        await wire.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _transport(wire).close()
        await _gone(wire)
        return
    await wire.send({"type": "http.response.body", "body": body})


def _headers(reply: Reply, length: int) -> list[tuple[bytes, bytes]]:
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
