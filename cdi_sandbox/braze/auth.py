"""At the door of Braze's API: key, content type, rate and body, in this order, and Braze's words for each."""

from __future__ import annotations

from cdi_sandbox.braze.limits import EMPTY_HEADERS
from cdi_sandbox.http.call import Call, Endpoint, Reply, failure
from cdi_sandbox.http.middleware import Door
from cdi_sandbox.settings import Settings
from cdi_sandbox.world import World


def admit(world: World, call: Call, endpoint: Endpoint | None) -> Reply:
    """Let the endpoint answer, unless the request may not come to it."""
    if endpoint is None:
        return failure(404, "Not Found")
    refusal = _check_key(world.settings, call, endpoint) or _check_type(call, endpoint)
    if refusal is not None:
        return refusal
    passage = world.windows.enter(endpoint.pool, world.settings, world.now())
    if not passage.allowed:
        reply = failure(429, "Rate limited")
    else:
        reply = _check_body(call, endpoint) or endpoint.handle(world, call)
    reply.headers |= passage.headers
    return reply


def _usual(status: int) -> Reply:
    return Reply(status, "")


BRAZE_DOOR = Door(admit, _usual)


def _check_key(settings: Settings, call: Call, endpoint: Endpoint) -> Reply | None:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
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
