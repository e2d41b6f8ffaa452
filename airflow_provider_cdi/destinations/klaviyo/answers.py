"""What an answer of Klaviyo means, as far as all its endpoints have it in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from airflow_provider_cdi.destinations.klaviyo.codes import klaviyo_rejection
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.error_bodies import ApiError, read_errors
from airflow_provider_cdi.destinations.klaviyo.refusals import REFUSALS, refusal
from airflow_provider_cdi.engine.ports import Answer, Busy, Refused, Unclear
from airflow_provider_cdi.engine.records import Record, Rejection

#: Where a pointer leads: the places of the records that it names, none when it names none.
Locate = Callable[[str], Sequence[int]]

#: The request may or may not have been read to its end. 408 and 425 are not documented.
_UNCLEAR_BELOW_500 = frozenset({408, 425})
#: Klaviyo's longest window is a day (creating lists); a longer wait comes from a broken header.
_LONGEST_WAIT = 86_400.0

#: Errors that point here concern the request, whatever its rows are.
_OF_THE_REQUEST = ("/data/relationships", "/data/type")
#: An unknown list was also seen with a pointer to ``/data``.
_MISSING_LIST = re.compile(r"\blists?\b.*\b(not found|does not exist|do not exist|not exist)\b", re.IGNORECASE)
_PROFILE = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/|$)", re.ASCII)


def failure_of(answer: Answer, endpoint: Endpoint) -> Busy | Unclear | None:
    """Say whether an answer is neither a success nor a refusal of what was sent.

    :return: None for a success (2xx) and for a refusal (see ``REFUSALS``), which the caller reads.
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status = answer.status
    if 200 <= status < 300 or status in REFUSALS:
        return None
    if status == 429:
        return Busy("Klaviyo answered 429: over the rate limit", wait_of(answer.headers))
    if status in _UNCLEAR_BELOW_500 or status >= 500:
        return Unclear(f"Klaviyo answered {status}")
    raise refusal(answer, endpoint)


def unexpected(answer: Answer, status: int) -> Unclear | None:
    """Doubt a success that is not the empty one that Klaviyo documents: a proxy may have given it.

    :param status: the documented one.
    """
    if answer.status == status and not answer.body.strip():
        return None
    return Unclear(f"Klaviyo answered {answer.status} where {status} and nothing else is documented")


def read_refusal(answer: Answer, endpoint: Endpoint, records: Sequence[Record], locate: Locate) -> Refused:
    """Read why nothing was applied.

    :param records: those of the request.
    :param locate: which of them a pointer names.
    :raises DestinationRefused: when it concerns the request, whatever its rows are.
    """
    if answer.status == 413:
        return Refused(Rejection("klaviyo_too_large", "Klaviyo answered 413: the request body is too large."))
    errors = read_errors(answer.body)
    named: dict[int, Rejection] = {}
    for error in errors:
        for place in locate(error.pointer):
            if place not in named:
                named[place] = klaviyo_rejection(error, records[place])
    if named:
        return Refused(next(iter(named.values())), named)
    if errors and any(map(_concerns_request, errors)):
        raise refusal(answer, endpoint)
    if errors:
        only = records[0] if len(records) == 1 else None
        return Refused(klaviyo_rejection(errors[0], only, unknown="klaviyo_bad_request"))
    return Refused(Rejection("klaviyo_bad_request", f"Klaviyo answered {answer.status} and gave no reason."))


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that a 429 asks to wait; None when it gives no usable number.

    :param headers: names in lower case. Klaviyo sends ``Retry-After`` in whole seconds, and no other header.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None


def locate_profile(count: int) -> Locate:
    """Read pointers into a request that has its records one by one in ``profiles.data``.

    :param count: how many they are.
    """

    def locate(pointer: str) -> Sequence[int]:
        found = _PROFILE.match(pointer)
        return (int(found[1]),) if found and int(found[1]) < count else ()

    return locate


def _concerns_request(error: ApiError) -> bool:
    return (
        bool(error.parameter)
        or error.pointer.startswith(_OF_THE_REQUEST)
        or (error.pointer.rstrip("/") == "/data" and _MISSING_LIST.search(error.detail) is not None)
    )
