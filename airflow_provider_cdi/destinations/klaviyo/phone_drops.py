"""``on_bad_phone="drop"``: a row whose phone number Klaviyo refuses is sent once more without it.

Klaviyo refuses a profile for a number that is only stored, and with it the whole request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import overload

import orjson

from airflow_provider_cdi.destinations.klaviyo.events.requests import EventRecord
from airflow_provider_cdi.destinations.klaviyo.identifiers import (
    KINDS,
    PHONE_DROPPED,
    Identity,
    PersonRecord,
    identifiers_in,
)
from airflow_provider_cdi.destinations.klaviyo.profiles.merge import decoded_profile
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, Unattributed, Verdict

#: The rejections that are about the number, and about nothing else of the row.
_ABOUT_PHONE = frozenset({"klaviyo_phone_invalid", "klaviyo_phone_ineligible"})
_PHONE = KINDS["PHONE_NUMBER"]

#: Gives a record without its phone number; None when nothing else would say whose it is.
WithoutPhone = Callable[[Record], Record | None]


@overload
def drop_phones(verdict: BatchRejected, records: Sequence[Record], without: WithoutPhone) -> BatchRejected: ...


@overload
def drop_phones(verdict: Verdict, records: Sequence[Record], without: WithoutPhone) -> Verdict: ...


def drop_phones(verdict: Verdict, records: Sequence[Record], without: WithoutPhone) -> Verdict:
    """Mend the records that were refused for their phone number alone.

    :param verdict: about the records; one that goes on asking stays as it is.
    """
    if isinstance(verdict, Completed):
        mended = _mended(verdict.rejected, records, without)
        rejected = _others(verdict.rejected, mended)
        return replace(verdict, rejected=rejected, mended=mended)
    if isinstance(verdict, Unattributed):
        mended = _mended(verdict.named, records, without)
        return replace(verdict, named=_others(verdict.named, mended), mended=mended)
    if isinstance(verdict, BatchRejected):
        alone = {0: verdict.rejection} if len(records) == 1 else {}
        mended = _mended(verdict.named or alone, records, without)
        return BatchRejected(verdict.rejection, _others(verdict.named, mended), mended)
    return verdict


def _mended(rejected: Mapping[int, Rejection], records: Sequence[Record], without: WithoutPhone) -> dict[int, Record]:
    found = {place: without(records[place]) for place, why in rejected.items() if why.code in _ABOUT_PHONE}
    return {place: record for place, record in found.items() if record is not None}


def _others(rejected: Mapping[int, Rejection], mended: Mapping[int, Record]) -> dict[int, Rejection]:
    return {place: why for place, why in rejected.items() if place not in mended}


def profile_without_phone(record: Record) -> Record | None:
    """Take the phone number out of a profile."""
    profile = decoded_profile(record)
    if profile["attributes"].pop(_PHONE, None) is None or not identifiers_in(profile):
        return None
    return _noted(PersonRecord(record.key, orjson.dumps(profile), record.group, record.unique, record.others))


def event_without_phone(record: Record) -> Record | None:
    """Take the phone number out of the profile of an event."""
    if not isinstance(record, EventRecord):
        raise TypeError("only events of this destination can be mended here")
    entry = orjson.loads(record.body)["attributes"]
    values = identifiers_in(entry["profile"]["data"])
    if values.pop(_PHONE, None) is None or not values:
        return None
    mended = EventRecord(Identity(values), record.event, record.unique, is_backfill=entry.get("backfill", False))
    # Its place among the rows of this person stays that of the whole row.
    mended.key, mended.others = record.key, record.others
    return _noted(mended)


def _noted(mended: Record) -> Record:
    mended.adjusted = (PHONE_DROPPED,)
    return mended
