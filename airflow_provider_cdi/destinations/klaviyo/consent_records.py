"""What a consent looks like in a request, and two rows of one person as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from airflow_provider_cdi.destinations.klaviyo.channels import Channel
from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity, PersonRecord
from airflow_provider_cdi.destinations.klaviyo.moments import moment_text
from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.engine.records import Record, Rejection

State = Literal["SUBSCRIBED", "UNSUBSCRIBED"]

#: A person stands only once in a request: in which order Klaviyo works on it is not documented.
_ONCE = "consent"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the rows of one person say.

    :param state: the same for all rows of a sync.
    :param moments: channel -> when the person decided, in seconds since the epoch.
    :param is_historical: whether the moments are sent along.
    :param born: date of birth, for accounts with an age gate.
    """

    state: State
    moments: Mapping[Channel, int]
    is_historical: bool = False
    born: str | None = None


class ConsentRecord(PersonRecord):
    """A consent of one person.

    :param keys: all identifiers of the row, whichever of them are sent.
    :param consent: what it says.
    """

    __slots__ = ("consent",)

    def __init__(self, keys: tuple[str, ...], identifiers: dict[str, str], consent: Consent) -> None:
        super().__init__(keys[0], _profile(identifiers, consent), unique=_ONCE, others=keys[1:])
        self.consent = consent


def consent_record(identity: Identity, consent: Consent) -> Record | Rejection:
    """Make the record of a row.

    Only the identifiers that a channel needs are sent: a consent to e-mail must not give a profile a phone number.

    :param identity: whose row it is; that orders the rows, whatever is sent.
    :return: why it cannot be sent, where a channel has no identifier.
    """
    needed = {channel.identifier for channel in consent.moments}
    for channel in consent.moments:
        if channel.identifier is not None and channel.identifier not in identity.values:
            fault = f"{channel.identifier.upper()} is empty, and {channel.column} needs it."
            return Rejection("channel_identifier_missing", fault)
    sent = {kind: value for kind, value in identity.values.items() if None in needed or kind in needed}
    return ConsentRecord((identity.key, *identity.others), sent, consent)


def merge_consents(older: Record, newer: Record) -> Merge | None:
    """Make one consent of two, channel by channel; the newer one counts.

    :return: None when the two name the person by different values: each must be sent.
    """
    older, newer = consent_of(older), consent_of(newer)
    shared = older.identifiers.keys() & newer.identifiers.keys()
    if any(older.identifiers[kind] != newer.identifiers[kind] for kind in shared):
        return None
    below, above = older.consent, newer.consent
    merged = Consent(above.state, {**below.moments, **above.moments}, above.is_historical, above.born or below.born)
    kept = ConsentRecord(newer.keys, older.identifiers | newer.identifiers, merged)
    kept.block, kept.row = newer.block, newer.row
    return Merge(kept, older, "superseded")


def consent_of(record: Record) -> ConsentRecord:
    """Return a record as the consent that it is."""
    if not isinstance(record, ConsentRecord):
        raise TypeError("only consents of this destination can be sent here")
    return record


def consent_body(kind: str, records: Sequence[Record], *, attributes: Mapping[str, Any], list_id: str | None) -> bytes:
    """Join consents into the body of a request.

    :param kind: the type of the job.
    :param attributes: further ones of the job.
    :param list_id: the list that it is about; None for none.
    """
    profiles = b",".join([record.body for record in records])
    head = orjson.dumps(dict(attributes))[1:-1]
    comma = b"," if head else b""
    lists = b',"relationships":{"list":{"data":%b}}' % orjson.dumps({"type": "list", "id": list_id}) if list_id else b""
    return b'{"data":{"type":"%b","attributes":{%b%b"profiles":{"data":[%b]}}%b}}' % (
        kind.encode(),
        head,
        comma,
        profiles,
        lists,
    )


def _profile(identifiers: Mapping[str, str], consent: Consent) -> bytes:
    attributes: dict[str, Any] = {**identifiers, "subscriptions": _subscriptions(consent)}
    if consent.born is not None:
        attributes["age_gated_date_of_birth"] = consent.born
    return orjson.dumps({"type": "profile", "attributes": attributes})


def _subscriptions(consent: Consent) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for channel, moment in consent.moments.items():
        choice = {"consent": consent.state}
        text = moment_text(moment) if consent.is_historical and channel.has_moment else None
        told.setdefault(channel.medium, {})[channel.purpose] = (
            choice if text is None else choice | {"consented_at": text}
        )
    return told
