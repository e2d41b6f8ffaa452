"""Whose row it is: the identifier columns, their order, and what makes them valid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa

from airflow_provider_cdi.destinations.columns import by_halves, identifier_texts
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.engine.rows.records import Notice, Record, Rejection

#: Column -> Klaviyo's name of the identifier. All filled ones are sent, and Klaviyo finds a profile by any of them:
#: rows that have one in common keep their order. The first filled one in this order names the row. Klaviyo documents no
#: order for bulk imports, and recommends the e-mail; an external id takes no part in its merging, so it comes last.
KINDS = {"KLAVIYO_ID": "id", "EMAIL": "email", "PHONE_NUMBER": "phone_number", "EXTERNAL_ID": "external_id"}
IDENTIFIERS = tuple(KINDS)

#: What no address can be without. Klaviyo's own rule is not documented; what passes here is for Klaviyo to judge.
_EMAIL = re.compile(r"[^@\s,;<>()\"\x00-\x1f]+@[^@\s,;<>()\"\x00-\x1f]+\.[^@\s.,;<>()\"\x00-\x1f]+")

_MISSING = Rejection("identifier_missing", "None of the identifier columns holds a value.")
_UNREADABLE = Rejection("identifier_unreadable", "An identifier column holds text that is not UTF-8.")
_BAD_EMAIL = Rejection("email_invalid", "EMAIL is not an e-mail address.")
_BAD_PHONE = Rejection(
    "phone_invalid",
    "PHONE_NUMBER is not a number in the form +4915112345678, or with default_region not one that can exist.",
)
#: Of an accepted row, with ``on_bad_phone="drop"``.
PHONE_DROPPED = Notice("phone_dropped", "PHONE_NUMBER is not a number that can be sent; the row went without it.")
_PHONE = "PHONE_NUMBER"


class Identity:
    """Whose row it is.

    :param values: Klaviyo's name of the identifier -> value, of all that are filled.
    :param adjusted: what was left out of them.
    """

    __slots__ = ("adjusted", "key", "others", "values")

    def __init__(self, values: dict[str, str], adjusted: tuple[Notice, ...] = ()) -> None:
        self.values = values
        self.adjusted = adjusted
        #: By these all rows of this person are found, see :class:`~airflow_provider_cdi.engine.rows.records.Record`.
        self.key, *others = [f"{kind}:{comparable(kind, value)}" for kind, value in values.items()]
        self.others = tuple(others)

    @property
    def attributes(self) -> dict[str, str]:
        """The identifiers that stand among the attributes of a profile: all but Klaviyo's id."""
        attributes = self.values.copy()
        attributes.pop("id", None)
        return attributes


class PersonRecord(Record):
    """A record whose body is a profile's object: it says by which identifiers Klaviyo will see it."""

    __slots__ = ()

    @property
    def identifiers(self) -> dict[str, str]:
        """As :attr:`Identity.values`. Read out of the body, because few ask and thousands of records are held."""
        return identifiers_in(orjson.loads(self.body))


def identifiers_in(profile: dict[str, Any]) -> dict[str, str]:
    """Take the identifiers out of a profile: out of its attributes, or the whole of it."""
    attributes = profile.get("attributes")
    members = {**profile, **attributes} if isinstance(attributes, dict) else profile
    return {kind: members[kind] for kind in KINDS.values() if isinstance(members.get(kind), str) and members[kind]}


def comparable(kind: str, value: str) -> str:
    """Give an identifier as Klaviyo compares it: e-mail addresses without regard to case."""
    return value.lower() if kind == "email" else value


def identify_rows(
    rows: pa.RecordBatch, identifiers: Iterable[str], limits: KlaviyoLimits, phones: Phones
) -> list[Identity | Rejection]:
    """Say whose row each one is.

    :param rows: columns named as in ``identifiers``; absent ones count as NULL, and so does blank text.
    :param identifiers: the columns that count for this data type, out of ``IDENTIFIERS``.
    :return: one entry a row.
    :raises SourceError: when a column's type cannot be an identifier, whatever the row.
    """
    wanted = frozenset(identifiers)

    def identify_all(part: pa.RecordBatch) -> list[Identity | Rejection]:
        columns = [identifier_texts(part, name if name in wanted else None) for name in IDENTIFIERS]
        return [_identify(row, limits, phones) for row in zip(*columns, strict=True)]

    entries: list[Identity | Rejection] = by_halves(rows, identify_all, _UNREADABLE)
    if not phones.drops_bad or _PHONE not in wanted or _UNREADABLE not in entries:
        return entries
    rest = [name for name in identifiers if name != _PHONE]
    return [
        _unless_by_phone(identify_rows(rows.slice(row, 1), rest, limits, phones)[0]) if entry is _UNREADABLE else entry
        for row, entry in enumerate(entries)
    ]


def _unless_by_phone(entry: Identity | Rejection) -> Identity | Rejection:
    """Say whose row it is whose phone number cannot even be read, by its other identifiers."""
    if isinstance(entry, Identity):
        return Identity(entry.values, (PHONE_DROPPED,))
    return _UNREADABLE if entry is _MISSING else entry


def _identify(row: tuple[str | None, ...], limits: KlaviyoLimits, phones: Phones) -> Identity | Rejection:
    """Identify one row by its values of ``IDENTIFIERS``."""
    klaviyo_id, email, phone, external_id = row
    values: dict[str, str] = {}
    adjusted: tuple[Notice, ...] = ()
    if klaviyo_id is not None:
        values["id"] = klaviyo_id
    if email is not None:
        fault = _email_fault(email, limits)
        if fault is not None:
            return fault
        values["email"] = email
    if phone is not None:
        number = phones.e164(phone)
        if number is not None:
            values["phone_number"] = number
        elif phones.drops_bad:
            adjusted = (PHONE_DROPPED,)
        else:
            return _BAD_PHONE
    if external_id is not None:
        if len(external_id) > limits.external_id_chars:
            return Rejection("identifier_too_long", f"EXTERNAL_ID has more than {limits.external_id_chars} characters.")
        values["external_id"] = external_id
    if not values:
        return _BAD_PHONE if adjusted else _MISSING
    return Identity(values, adjusted)


def _email_fault(email: str, limits: KlaviyoLimits) -> Rejection | None:
    if not _EMAIL.fullmatch(email):
        return _BAD_EMAIL
    if len(email) > limits.email_chars:
        return Rejection("identifier_too_long", f"EMAIL has more than {limits.email_chars} characters.")
    return None
