"""Whose row it is: the identifier columns, their precedence, and what becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Collection

import pyarrow as pa

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.columns import by_halves, identifier_texts, json_text
from airflow_provider_cdi.engine.rows.records import Rejection

#: Exactly one of these per row (Braze rejects an object with two); each names one profile or none.
PRIMARY = ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID")
#: Identify only where no primary one does, e-mail before phone.
CONTACTS = ("EMAIL", "PHONE")
USER_IDENTIFIERS = PRIMARY + CONTACTS
#: An alias is a name and a label.
PAIRS = (("ALIAS_NAME", "ALIAS_LABEL"),)

#: Never in a payload: they would change whose row it is.
NEVER_IN_PAYLOAD = frozenset({"external_id", "user_alias", "alias_name", "alias_label", "braze_id"})
#: With a contact as the identifier, a contact that ranks as high or higher would take its place.
_FORBIDDEN = {
    "external_id": NEVER_IN_PAYLOAD,
    "user_alias": NEVER_IN_PAYLOAD,
    "braze_id": NEVER_IN_PAYLOAD,
    "email": NEVER_IN_PAYLOAD | {"email"},
    "phone": NEVER_IN_PAYLOAD | {"email", "phone"},
}

_MISSING = Rejection("identifier_missing", "None of the identifier columns holds a value.")
_SEVERAL = Rejection("several_identifiers", "More than one of EXTERNAL_ID, ALIAS_NAME and BRAZE_ID holds a value.")
_INCOMPLETE = Rejection("alias_incomplete", "ALIAS_NAME holds a value and ALIAS_LABEL does not.")
_UNREADABLE = Rejection("identifier_unreadable", "An identifier column holds text that is not UTF-8.")


#: One row's values of ``USER_IDENTIFIERS``.
_Values = tuple[str | None, ...]


class Identity:
    """Whose row it is.

    :param kind: Braze's key for it: ``external_id``, ``user_alias``, ``braze_id``, ``email``, ``phone``.
    :param value: the JSON text of the identifier.
    :param key: the same for all rows of this identifier, see :class:`~airflow_provider_cdi.engine.rows.records.Record`.
    :param contacts: e-mail and phone that do not identify, as (Braze's key, value).
    """

    __slots__ = ("contacts", "key", "kind", "value")

    def __init__(self, kind: str, value: bytes, key: str, contacts: tuple[tuple[str, str], ...] = ()) -> None:
        self.kind = kind
        self.value = value
        self.key = key
        self.contacts = contacts


class Identities:
    """Whose row each one of a batch is. The columns are read at the first need.

    :param rows: columns named as in ``identifiers``; absent ones count as NULL, and so does blank text.
    :param identifiers: the columns that count for this data type, out of ``USER_IDENTIFIERS``.
    """

    def __init__(self, rows: pa.RecordBatch, identifiers: Collection[str], limits: BrazeLimits) -> None:
        self._rows = rows
        self._identifiers = identifiers
        self._limits = limits
        self._values: list[_Values | None] | None = None

    def of(self, row: int) -> Identity | Rejection:
        """Say whose row it is.

        :raises SourceError: when a column's type cannot be an identifier, whatever the row.
        """
        if self._values is None:
            self._values = by_halves(self._rows, self._read, None)
        values = self._values[row]
        return _UNREADABLE if values is None else _identify(values, self._limits.external_id_bytes)

    def _read(self, rows: pa.RecordBatch) -> list[_Values | None]:
        names = (name if name in self._identifiers else None for name in USER_IDENTIFIERS)
        return list(zip(*(identifier_texts(rows, name) for name in names), strict=True))


def identifier_in_payload(identity: Identity, document: dict[str, object]) -> Rejection | None:
    """Refuse a payload that names an identifier too."""
    forbidden = _FORBIDDEN[identity.kind]
    if forbidden.isdisjoint(document):
        return None
    names = ", ".join(sorted(forbidden.intersection(document)))
    return Rejection(
        "identifier_in_payload",
        f"PAYLOAD names {names}, but this row's identifier comes from its columns.",
    )


def needless_contacts(identity: Identity, document: dict[str, object]) -> list[str]:
    """Name the contacts in a payload that say nothing beside the identifier: the same one, or no address at all."""
    return [
        name
        for name in ("email", "phone")
        if name in _FORBIDDEN[identity.kind]
        and name in document
        and (document[name] is None or (name == identity.kind and document[name] == json.loads(identity.value)))
    ]


def _identify(row: _Values, external_id_bytes: int) -> Identity | Rejection:
    """Identify one row by its values of ``USER_IDENTIFIERS``."""
    external_id, alias_name, alias_label, braze_id, email, phone = row
    primaries = (external_id is not None) + (alias_name is not None) + (braze_id is not None)
    if primaries > 1:
        return _SEVERAL
    if primaries == 0:
        return _identify_by_contact(email, phone)
    contacts = _contacts(email, phone)
    if external_id is not None:
        return _identify_by_external_id(external_id, external_id_bytes, contacts)
    if braze_id is not None:
        return Identity("braze_id", json_text(braze_id), f"braze_id:{braze_id}", contacts)
    if alias_label is None:
        return _INCOMPLETE
    return _identify_by_alias(str(alias_name), alias_label, contacts)


def _identify_by_external_id(
    external_id: str, most_bytes: int, contacts: tuple[tuple[str, str], ...]
) -> Identity | Rejection:
    value = json_text(external_id)
    # Two quotes more than the text, or longer still with escapes: a cheap first test.
    if len(value) - 2 > most_bytes and len(external_id.encode()) > most_bytes:
        return Rejection("identifier_too_long", f"EXTERNAL_ID has more than {most_bytes} bytes.")
    return Identity("external_id", value, f"external_id:{external_id}", contacts)


def _identify_by_alias(name: str, label: str, contacts: tuple[tuple[str, str], ...]) -> Identity:
    value = b'{"alias_name":%b,"alias_label":%b}' % (json_text(name), json_text(label))
    return Identity("user_alias", value, f"alias:{label}\x1f{name}", contacts)


def _identify_by_contact(email: str | None, phone: str | None) -> Identity | Rejection:
    if email is not None:
        contacts = () if phone is None else (("phone", phone),)
        # Braze knows no two profiles by the case of an address: one person, one order.
        return Identity("email", json_text(email), f"email:{email.lower()}", contacts)
    if phone is not None:
        return Identity("phone", json_text(phone), f"phone:{phone}")
    return _MISSING


def _contacts(email: str | None, phone: str | None) -> tuple[tuple[str, str], ...]:
    if email is None and phone is None:
        return ()
    pairs = (("email", email), ("phone", phone))
    return tuple((name, value) for name, value in pairs if value is not None)
