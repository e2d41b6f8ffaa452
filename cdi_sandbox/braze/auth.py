"""What comes before an endpoint of Braze: key, content type, rate and body, in this order, each in Braze's words."""

from __future__ import annotations

from cdi_sandbox.api.call import Call, Reply, failure
from cdi_sandbox.api.endpoint import Endpoint, VendorApi
from cdi_sandbox.braze.rates import EMPTY_HEADERS
from cdi_sandbox.braze.workspace import Workspace
from cdi_sandbox.settings.sandbox import Settings


def authorize(workspace: Workspace, call: Call, endpoint: Endpoint[Workspace] | None) -> Reply:
    """Let the endpoint answer, unless the request may not come to it."""
    if endpoint is None:
        return failure(404, "Not Found")
    refusal = _check_key(workspace.settings, call, endpoint) or _check_type(call, endpoint)
    if refusal is not None:
        return refusal
    passage = workspace.windows.enter(endpoint.pool, workspace.settings, workspace.now())
    if not passage.allowed:
        reply = failure(429, "Rate limited")
    else:
        reply = _check_body(call, endpoint) or endpoint.handle(workspace, call)
    reply.headers |= passage.headers
    return reply


def _usual(status: int) -> Reply:
    return Reply(status, "")


BRAZE_API = VendorApi(authorize, _usual)


def _check_key(settings: Settings, call: Call, endpoint: Endpoint[Workspace]) -> Reply | None:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key not in settings.keys:
        # Braze repeats the key that it was given: a client must not log this text.
        return Reply(401, {"message": f"Invalid API key: {key}"}, headers=dict(EMPTY_HEADERS))
    permissions = settings.keys[key]
    if permissions is not None and endpoint.permission not in permissions:
        return failure(settings.missing_permission_status, "Access Denied")
    return None


def _check_type(call: Call, endpoint: Endpoint[Workspace]) -> Reply | None:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if endpoint.has_body and kind != "application/json":
        return failure(415, "Unsupported Media Type")
    return None


def _check_body(call: Call, endpoint: Endpoint[Workspace]) -> Reply | None:
    if call.problem == "size":
        return failure(*endpoint.oversize)
    if call.problem == "syntax":
        # Braze: this one text stands in 'error', not in 'message'.
        return Reply(400, {"error": "Error while parsing request body. Please check your syntax."})
    return None
