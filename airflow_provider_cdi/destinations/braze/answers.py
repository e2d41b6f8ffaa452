"""What an answer of Braze means for the records of its request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.destinations.braze.codes import braze_rejection
from airflow_provider_cdi.destinations.braze.refusals import refusal
from airflow_provider_cdi.destinations.braze.waits import wait_of
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.engine.ports import (
    Answer,
    Busy,
    Refused,
    Settled,
    Unattributed,
    Unclear,
    Verdict,
)
from airflow_provider_cdi.engine.records import Rejection

#: Braze: success; "queued" came with a 202 in maintenance (2020).
_DONE = frozenset({"success", "queued"})
#: 400 is Braze's; 422 is what others answer to the same.
_REFUSED = frozenset({400, 422})
#: The request may or may not have been read to its end. 408 and 425 are not documented.
_UNCLEAR_BELOW_500 = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes.

    :param permission: what an API key needs for it.
    :param array: the array of the request that ``errors[].input_array`` must name; None where there is none.
    """

    method: str
    path: str
    permission: str
    array: str | None = None


def read_answer(answer: Answer, count: int, endpoint: Endpoint, now: Callable[[], float]) -> Verdict:
    """Say what the answer means.

    :param count: records in the request.
    :param now: seconds since the epoch.
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status = answer.status
    body = json_object(answer.body)
    if 200 <= status < 300:
        return _read_success(status, body, count, endpoint)
    if status in _REFUSED:
        return _read_bad_request(body, count, endpoint)
    if status == 413:
        return Refused(Rejection("braze_too_large", "Braze answered 413: the request body is too large."))
    if status == 429:
        return Busy("Braze answered 429: over the rate limit", wait_of(answer.headers, now))
    if status in _UNCLEAR_BELOW_500 or status >= 500:
        return Unclear(f"Braze answered {status}")
    raise refusal(status, body, endpoint.method, endpoint.path, endpoint.permission)


def _read_success(status: int, body: dict[str, Any] | None, count: int, endpoint: Endpoint) -> Verdict:
    if body is None:
        return Unclear(f"Braze answered {status} with a body that is not a JSON object")
    message = body.get("message")
    if not isinstance(message, str) or message.lower() not in _DONE:
        # Not an answer that Braze documents: a proxy's, or a failure in the clothes of a success.
        return Unclear(f"Braze answered {status} without saying success")
    # The counters (attributes_processed, …) are not compared: Braze documents them as numbers of users.
    errors = body.get("errors")
    if not errors:
        return Settled()
    rejected = _by_index(errors, count, endpoint)
    return rejected if isinstance(rejected, Unattributed) else Settled(rejected)


def _read_bad_request(body: dict[str, Any] | None, count: int, endpoint: Endpoint) -> Verdict:
    """Read a 400: all objects invalid and each named, or a request that was refused as a whole."""
    errors = (body or {}).get("errors")
    if errors:
        rejected = _by_index(errors, count, endpoint)
        if not isinstance(rejected, Unattributed) and len(rejected) == count:
            return Settled(rejected)
        if isinstance(errors, list):
            return Refused(braze_rejection(_said(errors[0]), unknown="braze_bad_request"))
    text = (body or {}).get("message") or (body or {}).get("error")
    return Refused(braze_rejection(text, unknown="braze_bad_request"))


def _by_index(errors: Any, count: int, endpoint: Endpoint) -> dict[int, Rejection] | Unattributed:
    """Map each error to the record it names; one that names none makes the whole list useless."""
    if not isinstance(errors, list):
        return Unattributed(braze_rejection(None))
    rejected: dict[int, Rejection] = {}
    for error in errors:
        rejection = braze_rejection(_said(error))
        index = _index(error, count, endpoint)
        if index is None:
            return Unattributed(rejection)
        rejected.setdefault(index, rejection)
    return rejected


def _said(error: Any) -> Any:
    """Give Braze's code or sentence for an error: users have it in ``type``, catalogs in ``id``."""
    if isinstance(error, dict):
        return error.get("type") or error.get("id") or error.get("message")
    return error


def _index(error: Any, count: int, endpoint: Endpoint) -> int | None:
    if not isinstance(error, dict) or error.get("input_array", endpoint.array) != endpoint.array:
        return None
    index = error.get("index")
    is_place = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count
    return index if is_place else None
