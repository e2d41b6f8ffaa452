"""Rows that are like most: an external id that JSON says as it stands, and no other primary identifier beside it.

Arrow puts down whose rows they are for a whole batch at once. All other rows are for
:class:`~airflow_provider_cdi.destinations.braze.users.identifiers.Identities`.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.users.identifiers import CONTACTS, PRIMARY, USER_IDENTIFIERS
from airflow_provider_cdi.destinations.columns import (
    fast_texts,
    identifier_array,
    joined,
    joined_texts,
    side_by_side,
    text_scalar,
    where,
)

_ANY_LENGTH = 2**31 - 1


class FastRows(NamedTuple):
    """The usual rows of a batch; None in the place of each other row.

    :param keys: see :class:`~airflow_provider_cdi.engine.rows.records.Record`.
    :param texts: what was made of the identifiers: JSON texts, or beginnings of objects.
    :param has_contacts: whether EMAIL or PHONE stands in one of the texts.
    """

    keys: list[str | None]
    texts: list[bytes | None]
    has_contacts: bool = False


def fast_identifiers(rows: pa.RecordBatch, limits: BrazeLimits) -> FastRows | None:
    """Give the external ids as JSON texts.

    :return: None when no row is usual.
    :raises SourceError: when a column's type cannot be an identifier.
    """
    ids = _fast_ids(_identifiers(rows, PRIMARY), limits)
    return None if ids is None else FastRows(joined_texts("external_id:", ids), joined('"', ids, '"'))


def fast_heads(rows: pa.RecordBatch, limits: BrazeLimits, *, with_contacts: bool, more: str) -> FastRows | None:
    """Give the beginnings of objects, up to the comma before the payload's members.

    :param with_contacts: whether EMAIL and PHONE are members, where they hold a value.
    :param more: members that come last, each with its comma before it.
    :return: None when no row is usual.
    :raises SourceError: when a column's type cannot be an identifier.
    """
    columns = _identifiers(rows, USER_IDENTIFIERS)
    ids = _fast_ids(columns, limits)
    if ids is None:
        return None
    contacts = [name for name in CONTACTS if with_contacts and name in columns]
    members = [_contact_members(name, columns[name]) for name in contacts]
    heads = joined('{"external_id":"', ids, '"', *members, more, ",")
    return FastRows(joined_texts("external_id:", ids), heads, has_contacts=bool(contacts))


def _identifiers(rows: pa.RecordBatch, names: tuple[str, ...]) -> dict[str, pa.Array]:
    """Give the columns in which a row has a value; none at all when one of the values cannot be read."""
    try:
        columns = {name: identifier_array(rows, name) for name in names}
    except pa.ArrowInvalid:
        return {}
    return {name: array for name, array in columns.items() if array is not None and array.null_count < len(array)}


def _fast_ids(columns: dict[str, pa.Array], limits: BrazeLimits) -> pa.Array | None:
    if "EXTERNAL_ID" not in columns:
        return None
    ids = fast_texts(columns["EXTERNAL_ID"], limits.external_id_bytes)
    for name in PRIMARY:
        if name != "EXTERNAL_ID" and name in columns:
            ids = where(columns[name].is_null(), ids)
    return None if ids.null_count == len(ids) else ids


def _contact_members(name: str, values: pa.Array) -> pa.Array:
    """Give a member for each value, no member for NULL, and NULL for values that need a closer look."""
    members = side_by_side(f',"{name.lower()}":"', fast_texts(values, _ANY_LENGTH), '"')
    return pc.if_else(values.is_null(), text_scalar(""), members)
