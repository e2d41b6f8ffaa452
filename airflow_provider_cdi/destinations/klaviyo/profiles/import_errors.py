"""The errors of an import job carry the profile and no index: finding the row that each one means."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord, comparable, identifiers_in
from airflow_provider_cdi.destinations.klaviyo.responses.codes import klaviyo_rejection
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_error
from airflow_provider_cdi.destinations.row_values import values_of, without_values
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, Unattributed

_NOT_NAMED = Rejection(
    "klaviyo_import_failed", "Klaviyo: the import counted a failure and named no reason that fits a row."
)

_Identifiers = frozenset[tuple[str, str]]


def settle_import(
    errors: Sequence[Mapping[str, Any]], failed: int | None, records: Sequence[Record]
) -> Completed | Unattributed:
    """Say which records a job failed for.

    :param errors: the attributes of all its import errors.
    :param failed: how many profiles it counted as failed; None when it did not say.
    :param records: what it worked on.
    :return: ``Unattributed`` when more failed than can be found among the records.
    """
    rejected: dict[int, Rejection] = {}
    lost: list[Mapping[str, Any]] = []
    rows = _Rows(records)
    for error in errors:
        place = rows.find(error.get("original_payload"))
        if place is None:
            lost.append(error)
        else:
            rejected.setdefault(place, klaviyo_rejection(read_error(error), records[place]))
    # An error about a profile that was never sent loses nothing, as long as all that failed are found.
    is_complete = not lost if failed is None else len(rejected) >= failed
    if is_complete:
        return Completed(rejected)
    if len(records) == 1:
        named = klaviyo_rejection(read_error(lost[0]), unknown="klaviyo_import_failed") if lost else _NOT_NAMED
        return Completed({0: named})
    return Unattributed(rejected, remarks=_remarks(lost, records) or {_NOT_NAMED.reason: 1})


def _remarks(lost: Sequence[Mapping[str, Any]], records: Sequence[Record]) -> Counter[str]:
    """Say what the errors say that fit no row."""
    values = values_of(records, (error.get("original_payload") for error in lost))
    texts = (without_values(read_error(error).detail, values) for error in lost)
    return Counter(f"Klaviyo: {text or 'an import error without a text'}" for text in texts)


class _Rows:
    """The records of a job by their identifiers."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._all: dict[_Identifiers, list[int]] = defaultdict(list)
        self._each: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            if not isinstance(record, PersonRecord):
                raise TypeError("only profiles of this destination have import errors")
            identifiers = _comparable(record.identifiers)
            self._all[identifiers].append(place)
            for identifier in identifiers:
                self._each[identifier].append(place)

    def find(self, payload: Any) -> int | None:
        """Return the place of the one record that a payload can only mean; None when there is none, or several."""
        if not isinstance(payload, dict):
            return None
        identifiers = _comparable(identifiers_in(payload))
        places = set(self._all.get(identifiers, ()))
        if not places:
            places = {place for identifier in identifiers for place in self._each.get(identifier, ())}
        return places.pop() if len(places) == 1 else None


def _comparable(identifiers: Mapping[str, str]) -> _Identifiers:
    return frozenset((kind, comparable(kind, value)) for kind, value in identifiers.items())
