"""A request that Klaviyo, or somebody on the way, refused: which of its rows are at fault, if any.

Only an error in Klaviyo's form that points at a row is a verdict on that row. One that points elsewhere concerns the
request, whatever its rows are, and so do the words for a member that this revision of the API does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.codes import klaviyo_rejection
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import ApiError, read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import KLAVIYO, contract_refusal, refusal
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Response, Throttled

#: What Klaviyo may say of a request that is too large; in which words, it documents nowhere. Less of it is the cure.
_TOO_MUCH = re.compile(r"\bexceed|\btoo (large|big|many|long)\b|\bat most\b|\bmaximum\b", re.IGNORECASE)
_TOO_LARGE = Rejection("klaviyo_too_large", "Klaviyo refused the request as too large.")


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """Where the rows of a request stand.

    :param root: what lies below this pointer concerns rows.
    :param find: which of them a pointer names: their places, none when it names none.
    """

    root: str
    find: Callable[[str], Sequence[int]]


def read_refusal(
    answer: Response, endpoint: Endpoint, records: Sequence[Record], places: RowPlaces
) -> BatchRejected | Throttled:
    """Read why nothing was applied.

    :param records: those of the request.
    :raises DestinationRefused: when it concerns the request, whatever its rows are.
    """
    errors = read_errors(answer.body)
    for error in errors:
        if (fault := contract_refusal(answer, endpoint, error)) is not None:
            raise fault
    if answer.status == 413:
        return KLAVIYO.too_large(len(records), _TOO_LARGE, refusal(answer, endpoint), is_own=bool(errors))
    if not errors:
        return KLAVIYO.foreign(answer.status)
    named: dict[int, Rejection] = {}
    for error in errors:
        for place in places.find(error.pointer):
            named.setdefault(place, klaviyo_rejection(error, records[place]))
    if named:
        return BatchRejected(next(iter(named.values())), named)
    return _read_unnamed(answer, endpoint, errors, records, places)


def _read_unnamed(
    answer: Response, endpoint: Endpoint, errors: Sequence[ApiError], records: Sequence[Record], places: RowPlaces
) -> BatchRejected:
    """Read errors that name no row: about the rows all the same, about their number, or about the request."""
    about_rows = next((error for error in errors if error.pointer.startswith(places.root)), None)
    of_the_only_one = answer.status == 409 and len(records) == 1
    if about_rows is None and not of_the_only_one:
        if len(records) > 1 and any(map(_is_about_size, errors)):
            return BatchRejected(_TOO_LARGE)
        raise refusal(answer, endpoint)
    only = records[0] if len(records) == 1 else None
    rejection = klaviyo_rejection(about_rows or errors[0], only, unknown="klaviyo_bad_request")
    return BatchRejected(rejection, {0: rejection} if of_the_only_one else {})


def _is_about_size(error: ApiError) -> bool:
    is_elsewhere = bool(error.parameter) or error.pointer.startswith(("/data/relationships", "/data/type"))
    return not is_elsewhere and _TOO_MUCH.search(error.detail) is not None


_PROFILES = "/data/attributes/profiles/data"
_PROFILE = re.compile(rf"{_PROFILES}/(\d+)(?:/|$)", re.ASCII)


def profile_places(count: int) -> RowPlaces:
    """Say where the rows stand in a request that has them one by one in ``profiles.data``.

    :param count: how many they are.
    """

    def find(pointer: str) -> Sequence[int]:
        found = _PROFILE.match(pointer)
        return (int(found[1]),) if found and int(found[1]) < count else ()

    return RowPlaces(f"{_PROFILES}/", find)


def places_of_one(*roots: str) -> RowPlaces:
    """Say where the row stands in a request that has only one.

    :param roots: what lies below one of these pointers concerns it.
    """
    return RowPlaces(roots[0], lambda pointer: (0,) if pointer.startswith(roots) else ())
