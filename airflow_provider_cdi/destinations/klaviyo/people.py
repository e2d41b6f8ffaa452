"""Asking which people Klaviyo does not know yet: ``GET /api/profiles``, by every identifier of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord
from airflow_provider_cdi.destinations.klaviyo.responses.lookups import Lookup
from airflow_provider_cdi.destinations.klaviyo.responses.sub_batches import verdict_of_part
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Completed, Verdict

#: Says by which identifiers Klaviyo will see a record's person.
IdentifiersOf = Callable[[Record], Mapping[str, str]]


def new_profiles(records: Sequence[Record], identifiers_of: IdentifiersOf, most_ids: int) -> Verdict:
    """Begin the conversation of :meth:`~airflow_provider_cdi.engine.abilities.KnowsPeople.ask_who_is_new`.

    A row that has Klaviyo's own id and nothing else makes no profile: nobody is asked about it.

    :param records: some records.
    :param identifiers_of: gives the identifiers of one.
    :param most_ids: identifiers that one request asks about.
    """
    people, places = [], []
    for place, record in enumerate(records):
        identifiers = dict(identifiers_of(record))
        if identifiers.keys() - {"id"}:
            people.append(PersonRecord(record.key, _profile(identifiers), others=record.others))
            places.append(place)
    if not people:
        return Completed()
    first = Lookup(people, most_ids, lambda _known: Completed()).first()
    return verdict_of_part(first, places, skipped={}, rejected={})


def _profile(identifiers: dict[str, str]) -> bytes:
    klaviyo_id = identifiers.pop("id", None)
    named = {} if klaviyo_id is None else {"id": klaviyo_id}
    return orjson.dumps({**named, "attributes": identifiers})
