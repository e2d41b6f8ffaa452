"""What a consent looks like in a request, and two rows of one person as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from airflow_provider_cdi.destinations.klaviyo.consent.channels import Channel
from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity, PersonRecord
from airflow_provider_cdi.destinations.klaviyo.push_tokens import MISSING, Tokens
from airflow_provider_cdi.destinations.klaviyo.timestamps import moment_text
from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection

State = Literal["SUBSCRIBED", "UNSUBSCRIBED"]

#: The column of a date of birth.
BORN = "AGE_GATED_DATE_OF_BIRTH"

#: A person stands only once in a request: in which order Klaviyo works on it is not documented.
_ONCE = "consent"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the rows of one person say.

    :param state: the same for all rows of a sync.
    :param moments: channel -> when the person decided, in seconds since the epoch.
    :param is_historical: whether the moments are sent along.
    :param born: date of birth, for accounts with an age gate.
    :param tokens: the push tokens of the person's devices, or why they cannot be read.
    :param refused: column -> why what it says cannot be delivered. The channels in ``moments`` are delivered all the
        same: no channel is held up by its neighbour.
    """

    state: State
    moments: Mapping[Channel, int]
    is_historical: bool = False
    born: str | None = None
    tokens: Tokens | Rejection | None = None
    refused: Mapping[str, Rejection] = field(default_factory=dict)

    @property
    def shortfall(self) -> Rejection | None:
        """Why the row counts as rejected though the rest of it was delivered; None when nothing was refused.

        It has the code of the first column that was refused, and names all of them, and what was delivered.
        """
        if not self.refused:
            return None
        columns: dict[Rejection, list[str]] = {}
        for column, rejection in self.refused.items():
            columns.setdefault(rejection, []).append(column)
        told = " ".join(f"{', '.join(names)}: {rejection.reason}" for rejection, names in columns.items())
        delivered = tuple(channel.column for channel in self.moments if channel.column not in self.refused)
        return Rejection(next(iter(columns)).code, f"{told} Delivered all the same: {', '.join(delivered)}.", delivered)


class ConsentRecord(PersonRecord):
    """A consent of one person.

    :param keys: all identifiers of the row, whichever of them are sent.
    :param consent: what it says.
    """

    __slots__ = ("consent",)

    def __init__(self, keys: tuple[str, ...], identifiers: dict[str, str], consent: Consent) -> None:
        super().__init__(keys[0], _profile(identifiers, consent), unique=_ONCE, others=keys[1:])
        self.consent = consent

    @property
    def shortfall(self) -> Rejection | None:
        """What of the consent is not sent."""
        return self.consent.shortfall


def consent_record(identity: Identity, faults: Mapping[str, Rejection], consent: Consent) -> Record | Rejection:
    """Make the record of a row.

    Only the identifiers that a channel needs are sent: a consent to e-mail must not give a profile a phone number.

    :param identity: whose row it is; that orders the rows, whatever is sent.
    :param faults: identifier -> what is wrong with it, where the row has one that cannot be used.
    :param consent: what the row says.
    :return: why it cannot be sent, where none of its channels can.
    """
    refused = dict(consent.refused)
    for channel in consent.moments:
        fault = _fault(channel, identity, faults, consent)
        if fault is not None:
            refused[channel.column] = fault
    consent = replace(
        consent,
        moments={channel: moment for channel, moment in consent.moments.items() if channel.column not in refused},
        refused=refused,
    )
    if not consent.moments:
        return next(iter(refused.values()))
    return ConsentRecord((identity.key, *identity.others), _needed(identity.values, consent), consent)


def without(record: ConsentRecord, refused: Mapping[Channel, Rejection], identifiers: Set[str]) -> ConsentRecord | None:
    """Leave out what Klaviyo refuses of a consent.

    :param refused: channel -> why not.
    :param identifiers: those that Klaviyo refuses.
    :return: None when nothing is left.
    """
    consent = record.consent
    moments = {channel: moment for channel, moment in consent.moments.items() if channel not in refused}
    told = {channel.column: rejection for channel, rejection in refused.items()}
    left = replace(consent, moments=moments, refused={**consent.refused, **told})
    values = {kind: value for kind, value in record.identifiers.items() if kind not in identifiers}
    return ConsentRecord(record.keys, _needed(values, left), left) if moments and values else None


def _needed(values: Mapping[str, str], consent: Consent) -> dict[str, str]:
    kinds = {channel.identifier for channel in consent.moments}
    return {kind: value for kind, value in values.items() if None in kinds or kind in kinds}


def _fault(channel: Channel, identity: Identity, faults: Mapping[str, Rejection], consent: Consent) -> Rejection | None:
    """Say why a channel of a row cannot be delivered; None when it can."""
    if channel.medium == "push":
        if isinstance(consent.tokens, Rejection):
            return consent.tokens
        return MISSING if consent.tokens is None and consent.state == "UNSUBSCRIBED" else None
    kind = channel.identifier
    if kind is None or kind in identity.values:
        return consent.refused.get(BORN) if channel.medium == "sms" else None
    fault = f"{kind.upper()} is empty, and {channel.column} needs it."
    return faults.get(kind, Rejection("channel_identifier_missing", fault))


def merge_consents(older: Record, newer: Record) -> Merge | None:
    """Make one consent of two, channel by channel; the newer one counts.

    :return: None when the two name the person by different values, or a part of one is refused: each must be sent, and
        has an outcome of its own.
    """
    older, newer = consent_of(older), consent_of(newer)
    if older.consent.refused or newer.consent.refused:
        return None
    shared = older.identifiers.keys() & newer.identifiers.keys()
    if any(older.identifiers[kind] != newer.identifiers[kind] for kind in shared):
        return None
    below, above = older.consent, newer.consent
    merged = replace(
        above,
        moments={**below.moments, **above.moments},
        born=above.born or below.born,
        tokens=_joined(below.tokens, above.tokens),
    )
    kept = ConsentRecord(newer.keys, older.identifiers | newer.identifiers, merged)
    kept.row, kept.adjusted = newer.row, newer.adjusted
    return Merge(kept, older, "superseded")


def _joined(*rows: Tokens | Rejection | None) -> Tokens | None:
    """Give the tokens of all rows: a device that is named twice is harmless, one that is forgotten is not."""
    return [entry for tokens in rows if isinstance(tokens, list) for entry in tokens] or None


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
    if "push" in told and isinstance(consent.tokens, list):
        told["push"]["tokens"] = consent.tokens
    return told
