"""Klaviyo's error answers: one shape for all, some texts to the letter because clients match on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cdi_sandbox.api.call import Reply
from cdi_sandbox.api.json import Json

JSON_API = "application/vnd.api+json"

# Recorded, or quoted by integrations; everything else in this package is in our words.
BAD_EMAIL = "Invalid email address"
BAD_PHONE = "Invalid phone number format"
INELIGIBLE_PHONE = "The phone number provided either does not exist or is ineligible to receive ChannelType.SMS"
DUPLICATE_PROFILE = "A profile already exists with one of these identifiers."
DUPLICATE_EVENT = "Duplicate unique_id for the same profile and metric"

_RATE_LIMITS = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"
# Status -> code and title. Those of 405 and above, but for 409 and 429, were never seen and are assumed.
_CLASSES: Mapping[int, tuple[str, str]] = {
    400: ("invalid", "Invalid input."),
    401: ("not_authenticated", "Authentication credentials were not provided."),
    403: ("permission_denied", "You do not have permission to perform this action."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    409: ("duplicate_profile", "Conflict."),
    410: ("gone", "Gone."),
    413: ("payload_too_large", "Payload too large."),
    415: ("unsupported_media_type", "Unsupported media type."),
    429: ("throttled", "Request was throttled."),
    500: ("error", "A server error occurred."),
    503: ("service_unavailable", "Service unavailable."),
}


class Problem(NamedTuple):
    """What is wrong with a request, and where: a pointer into the body."""

    pointer: str
    detail: str

    def under(self, place: str) -> Problem:
        """Return the same problem, seen from further up in the body."""
        return Problem(place + self.pointer, self.detail)


class RequestRefused(Exception):
    """The whole request is refused; carries the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def error_reply(status: int, detail: str, pointer: str = "/data/", *, meta: Json = None) -> Reply:
    """Build an answer with one error."""
    return _reply(status, [_error(status, detail, {"pointer": pointer}, meta or {})])


def invalid(problems: Iterable[Problem]) -> Reply:
    """Build an answer 400 that points at each place of the body that is wrong."""
    return _reply(400, [_error(400, problem.detail, {"pointer": problem.pointer}, {}) for problem in problems])


def invalid_parameter(name: str, detail: str) -> Reply:
    """Build an answer 400 about a parameter of the query."""
    return _reply(400, [_error(400, detail, {"parameter": name}, {})])


def throttled(seconds: int) -> Reply:
    """Build an answer 429: nothing but ``Retry-After`` tells of the limit."""
    unit = "second" if seconds == 1 else "seconds"
    reply = error_reply(429, f"Request was throttled. Expected available in {seconds} {unit}.", "/data")
    # Recorded: here ``meta`` is an array, and ``links`` leads to the documentation.
    reply.body["errors"][0] |= {"meta": [], "links": {"type": _RATE_LIMITS}}
    reply.headers["retry-after"] = str(seconds)
    return reply


def unauthenticated() -> Reply:
    """Build an answer 401, the same for a missing and a wrong key."""
    reply = error_reply(401, "Missing or invalid private key.")
    reply.headers["www-authenticate"] = "Bearer, Klaviyo-API-Key"
    return reply


def usual(status: int) -> Reply:
    """Build the answer that a fault of this status sends when it brings none."""
    if status == 429:
        return throttled(1)
    if status == 401:
        return unauthenticated()
    return error_reply(status, "") if status >= 400 else Reply(status, "", headers={"content-type": JSON_API})


def _reply(status: int, errors: list[Json]) -> Reply:
    # Recorded: the id of the errors is that of the request.
    request_id = str(uuid.uuid4())
    body = {"errors": [{"id": request_id, **error} for error in errors]}
    return Reply(status, body, headers={"content-type": JSON_API, "x-klaviyo-req-id": request_id})


def _error(status: int, detail: str, source: dict[str, str], meta: Json) -> Json:
    code, title = _CLASSES.get(status, _CLASSES[500])
    return {
        "status": status,
        "code": code,
        "title": title,
        "detail": detail,
        "source": source,
        "links": {},
        "meta": meta,
    }
