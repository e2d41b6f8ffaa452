"""What an answer of a service of one's own means: an error names a row by its place, everything else is no row's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.reject_codes import KIT_CODES, SENTENCE_CHARS, Code
from airflow_provider_cdi.destinations.row_values import without_the_rows
from airflow_provider_cdi.destinations.statuses import REFUSALS, Service, retry_after
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, Response, Unattributed, Verdict
from airflow_provider_cdi.exceptions import DestinationRefused

#: With those of rows that are not sent.
CODES: dict[str, Code] = KIT_CODES | {
    "http_rejected": Code(
        "The service refused the row, and its `code` is no word of small letters, digits and `_`. A `code` that is "
        "one becomes a code of its own: `unknown_plan` becomes `http_unknown_plan`.",
        "Read the sentence in the reason.",
    ),
    "http_bad_request": Code(
        "The service refused a request with this row alone, and named no row.", "Read the sentence in the reason."
    ),
    "http_too_large": Code("The service refused a request with this row alone as too large (413).", "Send less."),
}

_SERVICE = Service(
    "The service",
    "the host redirects elsewhere, and a request with rows is not sent on. Put the address that it redirects to into "
    "the connection's host, or into endpoint.",
    {
        401: "it does not accept the credentials. Check password, login and headers of the connection.",
        403: "the credentials may not do this. Check what they are allowed at the service.",
        404: "there is no such path. Check endpoint, and the host of the connection.",
        405: "it does not take this method there. Check method and endpoint.",
    },
)
_TOO_LARGE = Rejection("http_too_large", "The service answered 413: the request body is too large.")
#: Others say that a proxy changed the answer, or have no body.
_SUCCESSES = frozenset({200, 201, 202, 204, 207})
#: Members that speak of a failure: with one of them in another form, an answer says no success.
_FAILURE = frozenset({"error", "errors"})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_NO_ROW = "The service: an error that names no row"


def interpret_response(answer: Response, records: Sequence[Record], request: str) -> Verdict:
    """Say what the answer means.

    :param records: those of the request.
    :param request: method and path.
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status, body = answer.status, json_object(answer.body)
    if 200 <= status < 300:
        return _read_success(answer, body, records)
    refused = _SERVICE.refused(status, request, is_own=body is not None)
    if status in REFUSALS:
        return _read_refusal(status, _errors(body), records, refused)
    failure = _SERVICE.failure(status, retry_after(answer))
    if failure is None:
        raise refused
    return failure


def _read_success(answer: Response, body: dict[str, Any] | None, records: Sequence[Record]) -> Verdict:
    status, errors = answer.status, _errors(body)
    says_nothing = not answer.body.strip() or (body is not None and body.keys().isdisjoint(_FAILURE))
    if status not in _SUCCESSES or (errors is None and (status == 207 or not says_nothing)):
        return Ambiguous(f"The service answered {status} in another form than is documented")
    named, loose = _attribute(errors or [], records)
    return Unattributed(named, remarks={_NO_ROW: loose}) if loose else Completed(named)


def _read_refusal(
    status: int, errors: list[Any] | None, records: Sequence[Record], refused: DestinationRefused
) -> Verdict:
    """Say whose fault a refusal is: of the rows that it names, of one among them all, or of nobody who is known."""
    named, _ = _attribute(errors or [], records)
    if named:
        is_all = len(named) == len(records)
        return Completed(named) if is_all else BatchRejected(next(iter(named.values())), named)
    if status == 413:
        return _SERVICE.too_large(len(records), _TOO_LARGE, refused, is_own=errors is not None)
    if errors is None:
        return _SERVICE.foreign(status)
    return BatchRejected(_rejection(errors[0] if errors else {}, records, unknown="http_bad_request"))


def _errors(body: dict[str, Any] | None) -> list[Any] | None:
    """Return the list of errors; None when the answer has none in the documented form."""
    errors = body.get("errors") if body else None
    return errors if isinstance(errors, list) else None


def _attribute(errors: Sequence[Any], records: Sequence[Record]) -> tuple[dict[int, Rejection], int]:
    """Map each error to the record that it names, and count those that name none."""
    named: dict[int, Rejection] = {}
    loose = 0
    for error in errors:
        index = error.get("index") if isinstance(error, dict) else None
        if type(index) is int and 0 <= index < len(records):
            named.setdefault(index, _rejection(error, [records[index]], unknown="http_rejected"))
        else:
            loose += 1
    return named, loose


def _rejection(error: Any, records: Sequence[Record], *, unknown: str) -> Rejection:
    """Turn what the service said into a reject, without the values of the rows that it may be about."""
    code, message = (error.get(name) if isinstance(error, dict) else None for name in ("code", "message"))
    said = ": ".join(text.strip() for text in (code, message) if isinstance(text, str) and text.strip())
    shown = without_the_rows(said, records)[:SENTENCE_CHARS] or "no reason given"
    is_code = isinstance(code, str) and _CODE.fullmatch(code) and without_the_rows(code, records) == code
    return Rejection(f"http_{code}" if is_code else unknown, f"The service: {shown}")
