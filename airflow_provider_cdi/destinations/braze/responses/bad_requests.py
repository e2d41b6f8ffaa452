"""A request that Braze, or somebody on the way, refused with 400, 413 or 422: whose fault that is.

Only a body in Braze's form that speaks of objects is a verdict on objects. A page of a proxy or a firewall, and JSON of
another form, say nothing about rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.responses.codes import BRAZE_NAMES
from airflow_provider_cdi.destinations.braze.responses.refusals import BRAZE, refusal
from airflow_provider_cdi.destinations.reject_codes import SENTENCE_CHARS
from airflow_provider_cdi.destinations.row_values import without_the_rows
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, Throttled, Verdict

#: What Braze says of a request that it could not read at all: this one text stands in ``error``.
_UNREADABLE = "error while parsing"
#: What it says of a request with too many objects: fewer of them mend it.
_TOO_MANY = ("max input length exceeded", "the max number of")
#: Messages that only put the status into words, as gateways do in the same form.
_STATUS_ONLY = frozenset({"bad request", "invalid request", "unprocessable entity", "unprocessable content"})
#: The members of a refusal that Braze documents.
_MEMBERS = frozenset({"message", "errors", "attributes_processed", "events_processed", "purchases_processed"})

_BAD_REQUEST = "braze_bad_request"
_TOO_LARGE = Rejection("braze_too_large", "Braze answered 413: the request body is too large.")


def read_bad_request(
    status: int, body: dict[str, Any] | None, records: Sequence[Record], endpoint: Endpoint
) -> Verdict:
    """Say what a 400, 413 or 422 means.

    :param body: the answer's decoded JSON object, None when it is none.
    :param records: those of the request.
    :raises DestinationRefused: when it concerns the request, whatever its records are.
    """
    count = len(records)
    if status == 413:
        return BRAZE.too_large(count, _TOO_LARGE, refusal(413, body, endpoint), is_own=bool(_message(body)))
    errors = (body or {}).get("errors")
    if isinstance(errors, list) and errors:
        return _read_errors(errors, records, endpoint)
    said = _message(body)
    if said.lower().startswith(_UNREADABLE) or (count == 1 and _is_too_many(said)):
        raise refusal(status, body, endpoint)
    if not said or said.strip(" .!").lower() in _STATUS_ONLY:
        return BRAZE.foreign(status)
    return refused(braze_rejection(said, *records, unknown=_BAD_REQUEST), count)


def refused(rejection: Rejection, count: int) -> BatchRejected:
    """Refuse a request as a whole. Alone in it, and with a reason that the tables know, a record is named."""
    is_named = count == 1 and rejection.code != _BAD_REQUEST
    return BatchRejected(rejection, {0: rejection} if is_named else {})


def attribute(errors: Any, records: Sequence[Record], array: str | None) -> tuple[dict[int, Rejection], list[Any]]:
    """Map each error to the record it names.

    :param errors: what stands in the place of the list of errors.
    :param records: those of the request.
    :param array: the array of the request that an error must name, if it names any.
    :return: place -> the first error of that record, and the errors that name no record of the request.
    """
    named: dict[int, Rejection] = {}
    loose: list[Any] = []
    for error in errors if isinstance(errors, list) else [errors]:
        index = _index(error, len(records), array)
        if index is None:
            loose.append(error)
        elif index not in named:
            named[index] = braze_rejection(said_of(error), records[index])
    return named, loose


def said_of(error: Any) -> Any:
    """Give Braze's code or sentence for an error: users have it in ``type``, catalogs in ``id``."""
    if isinstance(error, dict):
        return error.get("type") or error.get("id") or error.get("message")
    return error


def _read_errors(errors: list[Any], records: Sequence[Record], endpoint: Endpoint) -> Verdict:
    """Read the list of errors of a 400, which names all objects, some of them, or none."""
    objects = [error for error in errors if isinstance(error, dict) and not error.keys().isdisjoint(("type", "index"))]
    if not objects and not any(isinstance(error, str) for error in errors):
        return Throttled("400 came with errors in another form than Braze's: a proxy or gateway on the way gave it")
    first = braze_rejection(said_of(errors[0]), *records, unknown=_BAD_REQUEST)
    # A bare sentence may be of somebody on the way: it names no row, not even the only one.
    named, _ = attribute(objects, records, endpoint.array)
    if not named:
        return refused(first, len(records))
    return Completed(named) if len(named) == len(records) else BatchRejected(first, named)


def _index(error: Any, count: int, array: str | None) -> int | None:
    if count == 1 and isinstance(error, str) and error.strip():
        return 0
    if not isinstance(error, dict) or error.get("input_array", array) != array:
        return None
    if count == 1 and "index" not in error and isinstance(said_of(error), str):
        return 0
    index = error.get("index")
    is_place = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count
    return index if is_place else None


def _message(body: Mapping[str, Any] | None) -> str:
    """Give what a body in Braze's form says; nothing for any other body."""
    if body is None:
        return ""
    message, error = body.get("message"), body.get("error")
    if isinstance(error, str) and error.lower().startswith(_UNREADABLE):
        return error
    # Spring, Nest and others have a message too, beside members that Braze's answers have not.
    return message if isinstance(message, str) and body.keys() <= _MEMBERS else ""


def _is_too_many(said: str) -> bool:
    return said.lower().startswith(_TOO_MANY)


def braze_rejection(said: Any, *records: Record, unknown: str = "braze_rejected") -> Rejection:
    """Turn what Braze said about an object into a reject.

    :param said: the code or the sentence; anything else counts as unknown.
    :param records: what it may be about; their values are taken out of the sentence, which logs and errors show.
    :param unknown: the code for what the tables do not know.
    :return: a reject whose reason is Braze's own text, cut short.
    """
    if not isinstance(said, str) or not said.strip():
        return Rejection(unknown, "Braze gave no reason.")
    said = said.strip()
    shown = said if said in BRAZE_NAMES else without_the_rows(said, records)
    return Rejection(_code_of(said) or unknown, f"Braze: {shown[:SENTENCE_CHARS]}")


def _code_of(said: str) -> str | None:
    if said in BRAZE_NAMES:
        return BRAZE_NAMES[said]
    sentence = said.lower()
    for parts, code in BRAZE_SENTENCES:
        if all(part in sentence for part in parts):
            return code
    return None


#: The sentences that live answers carry instead; all parts of a sentence must occur, in lower case.
BRAZE_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("'external_id' must be fewer than", "bytes"), "braze_external_id_too_large"),
    (("external_id is blacklisted",), "braze_external_id_blocked"),
    (("'email' field is not a valid email",), "braze_email_invalid"),
    (("'external_id'", "'braze_id'", "'user_alias'", "is required"), "braze_identifier_missing"),
    (("'quantity' is not valid",), "braze_quantity_invalid"),
)
