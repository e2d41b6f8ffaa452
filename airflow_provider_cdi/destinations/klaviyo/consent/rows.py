"""A row of consent: whose it is, for which channels, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.consent.channels import ChannelReader, Choice
from airflow_provider_cdi.destinations.klaviyo.consent.records import BORN, Consent, State, consent_record
from airflow_provider_cdi.destinations.klaviyo.identifiers import KINDS, Identity, identify_rows
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.push_tokens import Tokens, read_tokens
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.destinations.klaviyo.timestamps import moment_text, read_moments
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT

#: Klaviyo takes consent by these; by an external id it does not.
CONTACTS = ("EMAIL", "PHONE_NUMBER")
CONSENTED_AT = "CONSENTED_AT"

_MISSING = Rejection("consented_at_missing", "CONSENTED_AT is NULL, and historical_import needs it.")
_INVALID = Rejection(
    "consented_at_invalid", "CONSENTED_AT cannot be read as a time without doubt; write it as 2026-01-05T09:30:00Z."
)
_IN_FUTURE = Rejection("consented_at_in_future", "CONSENTED_AT lies in the future.")
_NOBODY = Rejection("identifier_missing", "Neither EMAIL nor PHONE_NUMBER holds a value.")
_NOT_BORN = Rejection("date_of_birth_invalid", "AGE_GATED_DATE_OF_BIRTH is not a date such as 1990-01-31.")


class Contacts(NamedTuple):
    """Whose row it is.

    :param identity: by the contacts that can be used.
    :param faults: identifier -> what is wrong with it, of the others.
    """

    identity: Identity
    faults: Mapping[str, Rejection]


class ConsentRows:
    """Reads rows of consent.

    :param channels: which channels a row is for.
    :param is_historical: whether each row must say when the consent was given.
    :param now: seconds since the epoch; nobody has agreed later than that.
    """

    def __init__(
        self,
        state: State,
        channels: ChannelReader,
        limits: KlaviyoLimits,
        phones: Phones,
        *,
        is_historical: bool,
        now: Callable[[], float],
    ) -> None:
        self._state = state
        self._channels = channels
        self._limits = limits
        self._phones = phones
        self._is_historical = is_historical
        self._now = now

    def read(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into consents, or the reasons why they cannot be sent."""
        columns: Iterable[tuple[Any, ...]] = zip(
            self._read_contacts(rows),
            self._channels.read(rows),
            self._read_moments(rows),
            _read_births(rows),
            read_tokens(rows),
            strict=True,
        )
        # What concerns a channel is refused with it; what concerns all of them, with the row.
        return [_first_rejection(row[:3]) or self._record(*row) for row in columns]

    def _record(
        self,
        contacts: Contacts,
        choice: Choice,
        moment: int,
        born: str | Rejection | None,
        tokens: Tokens | Rejection | None,
    ) -> Record | Rejection:
        refused = dict(choice.refused)
        if isinstance(born, Rejection):
            refused[BORN], born = born, None
        moments = dict.fromkeys(choice.channels, moment)
        consent = Consent(self._state, moments, self._is_historical, born, tokens, refused)
        return consent_record(contacts.identity, contacts.faults, consent)

    def _read_contacts(self, rows: pa.RecordBatch) -> list[Contacts | Rejection]:
        """Say whose row each one is. Each contact is read alone, so that a bad one does not take the other along."""
        found = [identify_rows(rows, (name,), self._limits, self._phones) for name in CONTACTS]
        return [_contacts(row) for row in zip(*found, strict=True)]

    def _read_moments(self, rows: pa.RecordBatch) -> list[int | Rejection]:
        """Give the moment of each consent: ``CONSENTED_AT``, or else the last change of the row."""
        changed = read_moments(rows, UPDATED_AT, _INVALID)
        consented = read_moments(rows, CONSENTED_AT, _INVALID)
        return [self._moment(*both) for both in zip(consented, changed, strict=True)]

    def _moment(self, consented: int | Rejection | None, changed: int | Rejection | None) -> int | Rejection:
        if isinstance(consented, int):
            if consented > self._now():
                return _IN_FUTURE
            return _INVALID if moment_text(consented) is None else consented
        if consented is None and isinstance(changed, int) and not self._is_historical:
            return changed
        return consented or _MISSING


def _contacts(found: Sequence[Identity | Rejection]) -> Contacts | Rejection:
    values: dict[str, str] = {}
    faults: dict[str, Rejection] = {}
    for name, one in zip(CONTACTS, found, strict=True):
        if isinstance(one, Identity):
            values |= one.values
        elif one.code != "identifier_missing":
            faults[KINDS[name]] = one
    if values:
        return Contacts(Identity(values), faults)
    return next(iter(faults.values()), _NOBODY)


def _read_births(rows: pa.RecordBatch) -> list[str | Rejection | None]:
    return [
        _NOT_BORN if isinstance(text, str) and text.strip() and not _is_date(text.strip()) else _plain(text)
        for text in text_column(rows, BORN)
    ]


def _plain(text: str | Rejection | None) -> str | Rejection | None:
    return text.strip() or None if isinstance(text, str) else text


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _first_rejection(parts: Iterable[Any]) -> Rejection | None:
    return next((part for part in parts if isinstance(part, Rejection)), None)
