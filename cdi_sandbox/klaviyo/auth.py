"""At the door of Klaviyo's API: key, path, scopes, content type, revision, rate and body, in this order."""

from __future__ import annotations

import uuid

from cdi_sandbox.http.call import Call, Endpoint, Reply
from cdi_sandbox.http.middleware import Door
from cdi_sandbox.klaviyo.json_api.bodies import refuse
from cdi_sandbox.klaviyo.json_api.errors import (
    JSON_API,
    Refused,
    error_reply,
    invalid_parameter,
    throttled,
    unauthenticated,
    usual,
)
from cdi_sandbox.klaviyo.json_api.revisions import NEWEST, retirement, serve
from cdi_sandbox.klaviyo.json_api.strict import check_members
from cdi_sandbox.world import World

_OPT_OUT = "x-klaviyo-revision-fall-forward-opt-out"


def admit(world: World, call: Call, endpoint: Endpoint | None) -> Reply:
    """Let the endpoint answer, unless the request may not come to it."""
    granted = _granted(world, call)
    if granted is None:
        return unauthenticated()
    try:
        reply = _enter(world, call, endpoint, granted[0])
    except Refused as refused:
        reply = refused.reply
    if reply.status != 429:
        reply.headers = {**_headers(world, call), **reply.headers}
    return reply


def _enter(world: World, call: Call, endpoint: Endpoint | None, scopes: frozenset[str] | None) -> Reply:
    if endpoint is None:
        known = bool(call.route)
        detail = f"{call.method} is not supported here." if known else "There is nothing at this path."
        return error_reply(405 if known else 404, detail)
    _check_scopes(endpoint, scopes)
    _check_type(call, endpoint)
    _choose_revision(world, call)
    name = f"{endpoint.method} {endpoint.path}"
    passage = world.klaviyo.rates.enter(name, world.settings.klaviyo.rate(endpoint.pool, name), world.now())
    if passage.wait:
        return throttled(passage.wait)
    try:
        _check_body(world, call)
        if world.settings.klaviyo.strict:
            check_members(call, name, world.settings.klaviyo.errors_listed)
        reply = endpoint.handle(world, call)
    except Refused as refused:
        reply = refused.reply
    reply.headers |= passage.headers
    return reply


def _granted(world: World, call: Call) -> tuple[frozenset[str] | None] | None:
    """Return what the key of a call may do, None for everything, in a tuple; None for a wrong key."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    keys = world.settings.klaviyo_keys
    return (keys[key],) if scheme.lower() == "klaviyo-api-key" and key in keys else None


def _check_scopes(endpoint: Endpoint, scopes: frozenset[str] | None) -> None:
    missing = [] if scopes is None else [each for each in endpoint.permission.split() if each not in scopes]
    if missing:
        word = "scope" if len(missing) == 1 else "scopes"
        raise Refused(error_reply(403, f"The key is missing the {word} {', '.join(missing)}."))


def _check_type(call: Call, endpoint: Endpoint) -> None:
    if not endpoint.has_body:
        return
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    # The description asks for the first; recordings show that the second is taken too.
    if kind not in (JSON_API, "application/json"):
        raise Refused(error_reply(415, f"Content-Type must be {JSON_API}."))
    # Whether Klaviyo takes compressed bodies was never confirmed, so nobody should count on it.
    if call.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(error_reply(415, "Content-Encoding must be identity."))


def _choose_revision(world: World, call: Call) -> None:
    wanted = call.headers.get("revision", "")
    forward = world.settings.klaviyo.unknown_revision == "forward" and call.headers.get(_OPT_OUT) != "1"
    served = serve(wanted, world.now(), forward=forward)
    if served.problem == "retired":
        raise Refused(error_reply(410, f"The revision {wanted} has been retired; the newest is {NEWEST}."))
    if served.problem == "missing":
        raise Refused(invalid_parameter("revision", "The header 'revision' is required."))
    if served.problem == "unknown":
        raise Refused(invalid_parameter("revision", f"There is no such revision; the newest is {NEWEST}."))
    call.revision = served.revision


def _check_body(world: World, call: Call) -> None:
    if call.problem == "size":
        status = world.settings.klaviyo.oversize_status
        raise Refused(error_reply(status, "The request body exceeds 5 MB.", "/data"))
    if call.problem == "syntax":
        raise refuse("/data", "The body is not valid JSON")


def _headers(world: World, call: Call) -> dict[str, str]:
    headers = {"x-klaviyo-req-id": str(uuid.uuid4()), "cid": world.settings.klaviyo.account}
    if call.revision:
        headers["x-klaviyo-api-revision"] = call.revision
        headers["x-klaviyo-api-retirement-date"] = retirement(call.revision)
    return headers


KLAVIYO_DOOR = Door(admit, usual, counts_routes=True, ignores_slash=True)
