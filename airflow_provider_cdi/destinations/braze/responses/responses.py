"""What an answer of Braze means for the records of its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.responses.bad_requests import attribute, read_bad_request, said_of
from airflow_provider_cdi.destinations.braze.responses.rate_headers import wait_of
from airflow_provider_cdi.destinations.braze.responses.refusals import BRAZE, refusal
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.row_values import values_of, without_values
from airflow_provider_cdi.destinations.statuses import REFUSALS
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, Response, Unattributed, Verdict

#: Braze: success; "queued" came with a 202 in maintenance (2020).
_DONE = frozenset({"success", "queued"})
#: Braze: 201 for what was queued, 202 for catalogs; 200 is seen from its single calls. A 203 says that a proxy changed
#: the answer, and the others have no body in which success could stand.
_SUCCESSES = frozenset({200, 201, 202})

#: For an error in a form without a text.
_NO_TEXT = "Braze: an error without a text"


def interpret_response(
    answer: Response, records: Sequence[Record], endpoint: Endpoint, now: Callable[[], float]
) -> Verdict:
    """Say what the answer means.

    :param records: those of the request.
    :param now: seconds since the epoch.
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status = answer.status
    if 200 <= status < 300:
        return _read_success(answer, records, endpoint)
    body = json_object(answer.body)
    if status in REFUSALS:
        return read_bad_request(status, body, records, endpoint)
    failure = BRAZE.failure(status, wait_of(answer.headers, now))
    if failure is not None:
        return failure
    raise refusal(status, body, endpoint)


def _read_success(answer: Response, records: Sequence[Record], endpoint: Endpoint) -> Verdict:
    status, body = answer.status, json_object(answer.body)
    if body is None:
        return Ambiguous(f"Braze answered {status} with a body that is not a JSON object")
    message = body.get("message")
    if status not in _SUCCESSES or not isinstance(message, str) or message.lower() not in _DONE:
        # Not an answer that Braze documents: a proxy's, or a failure in the clothes of a success.
        return Ambiguous(f"Braze answered {status} without saying success")
    errors = body.get("errors")
    if not errors:
        if body.get(endpoint.counter) == len(records):
            return Completed()
        return Completed(remarks=_uncounted(body, records, endpoint))
    named, loose = attribute(errors, records, endpoint.array)
    if loose:
        values = values_of(records)
        return Unattributed(named, remarks=dict.fromkeys((_remark(said_of(error), values) for error in loose), 1))
    left = [record for place, record in enumerate(records) if place not in named]
    return Completed(named, remarks=_uncounted(body, left, endpoint))


def _remark(said: Any, values: frozenset[str]) -> str:
    return f"Braze: {without_values(said, values)}" if isinstance(said, str) and said.strip() else _NO_TEXT


def _uncounted(body: Mapping[str, Any], records: Sequence[Record], endpoint: Endpoint) -> dict[str, int]:
    """Compare what the answer counts with what was sent: fewer is worth a word, and no proof that a row is lost.

    Braze documents ``attributes_processed`` as a number of users, so each person counts once; ``events_processed`` and
    ``purchases_processed`` as numbers of events and purchases.
    """
    counted = body.get(endpoint.counter)
    if not isinstance(counted, int) or isinstance(counted, bool):
        return {}
    sent = len(records) if endpoint.counts_rows else len({record.key for record in records})
    missing = sent - counted
    return {f"Braze: {endpoint.counter} is lower than what was sent, by": missing} if missing > 0 else {}
