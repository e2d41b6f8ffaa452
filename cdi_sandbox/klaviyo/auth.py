"""What comes before an endpoint of Klaviyo: key, path, scopes, content type, revision, rate and body, in this order."""

from __future__ import annotations

import uuid

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.endpoint import Endpoint, VendorApi
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.json_api.bodies import refuse
from cdi_sandbox.klaviyo.json_api.errors import (
    JSON_API,
    RequestRefused,
    error_reply,
    invalid_parameter,
    throttled,
    unauthenticated,
    usual,
)
from cdi_sandbox.klaviyo.json_api.revisions import NEWEST, retirement, serve
from cdi_sandbox.klaviyo.json_api.strict import check_members

_OPT_OUT = "x-klaviyo-revision-fall-forward-opt-out"


def authorize(account: Account, call: Call, endpoint: Endpoint[Account] | None) -> Reply:
    """Let the endpoint answer, unless the request may not come to it."""
    granted = _granted(account, call)
    if granted is None:
        return unauthenticated()
    try:
        reply = _enter(account, call, endpoint, granted[0])
    except RequestRefused as refused:
        reply = refused.reply
    if reply.status != 429:
        reply.headers = {**_headers(account, call), **reply.headers}
    return reply


def _enter(account: Account, call: Call, endpoint: Endpoint[Account] | None, scopes: frozenset[str] | None) -> Reply:
    if endpoint is None:
        known = bool(call.route)
        detail = f"{call.method} is not supported here." if known else "There is nothing at this path."
        return error_reply(405 if known else 404, detail)
    _check_scopes(endpoint, scopes)
    _check_type(call, endpoint)
    _choose_revision(account, call)
    name = f"{endpoint.method} {endpoint.path}"
    passage = account.rates.enter(name, account.settings.rate(endpoint.pool, name), account.now())
    if passage.wait:
        return throttled(passage.wait)
    try:
        _check_body(account, call)
        if account.settings.strict:
            check_members(call, name, account.settings.errors_listed)
        reply = endpoint.handle(account, call)
    except RequestRefused as refused:
        reply = refused.reply
    reply.headers |= passage.headers
    return reply


def _granted(account: Account, call: Call) -> tuple[frozenset[str] | None] | None:
    """Return what the key of a call may do, None for everything, in a tuple; None for a wrong key."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    keys = account.sandbox_settings.klaviyo_keys
    return (keys[key],) if scheme.lower() == "klaviyo-api-key" and key in keys else None


def _check_scopes(endpoint: Endpoint[Account], scopes: frozenset[str] | None) -> None:
    missing = [] if scopes is None else [each for each in endpoint.permission.split() if each not in scopes]
    if missing:
        word = "scope" if len(missing) == 1 else "scopes"
        raise RequestRefused(error_reply(403, f"The key is missing the {word} {', '.join(missing)}."))


def _check_type(call: Call, endpoint: Endpoint[Account]) -> None:
    if not endpoint.has_body:
        return
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    # The description asks for the first; recordings show that the second is taken too.
    if kind not in (JSON_API, "application/json"):
        raise RequestRefused(error_reply(415, f"Content-Type must be {JSON_API}."))
    # Whether Klaviyo takes compressed bodies was never confirmed, so nobody should count on it.
    if call.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestRefused(error_reply(415, "Content-Encoding must be identity."))


def _choose_revision(account: Account, call: Call) -> None:
    wanted = call.headers.get("revision", "")
    forward = account.settings.unknown_revision == "forward" and call.headers.get(_OPT_OUT) != "1"
    served = serve(wanted, account.now(), forward=forward)
    if served.problem == "retired":
        raise RequestRefused(error_reply(410, f"The revision {wanted} has been retired; the newest is {NEWEST}."))
    if served.problem == "missing":
        raise RequestRefused(invalid_parameter("revision", "The header 'revision' is required."))
    if served.problem == "unknown":
        raise RequestRefused(invalid_parameter("revision", f"There is no such revision; the newest is {NEWEST}."))
    call.revision = served.revision


def _check_body(account: Account, call: Call) -> None:
    if call.problem == "size":
        status = account.settings.oversize_status
        raise RequestRefused(error_reply(status, "The request body exceeds 5 MB.", "/data"))
    if call.problem == "syntax":
        raise refuse("/data", "The body is not valid JSON")


def _headers(account: Account, call: Call) -> dict[str, str]:
    headers = {"x-klaviyo-req-id": str(uuid.uuid4()), "cid": account.settings.account}
    if call.revision:
        headers["x-klaviyo-api-revision"] = call.revision
        headers["x-klaviyo-api-retirement-date"] = retirement(call.revision)
    return headers


KLAVIYO_API = VendorApi(authorize, usual, counts_routes=True, ignores_slash=True)
