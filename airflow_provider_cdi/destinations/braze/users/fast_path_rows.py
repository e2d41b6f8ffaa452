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
    identifier_arrays,
    joined,
    joined_texts,
    side_by_side,
    text_scalar,
    where,
)

_ANY_LENGTH = 2**31 - 1


class FastRows(NamedTuple):
    """The rows of a batch that are like most; None in the place of each other row.

    :param keys: see :class:`~airflow_provider_cdi.engine.rows.records.Record`.
    :param texts: what was made of the identifiers: JSON texts, or beginnings of objects.
    :param has_contacts: whether EMAIL or PHONE stands in one of the texts.
    """

    keys: list[str | None]
    texts: list[bytes | None]
    has_contacts: bool = False


def fast_identifiers(rows: pa.RecordBatch, limits: BrazeLimits) -> FastRows | None:
    """Give the external ids as JSON texts.

    :return: None when no row is like that.
    :raises SourceError: when a column's type cannot be an identifier.
    """
    ids, _ = _fast_ids(rows, PRIMARY, limits)
    return None if ids is None else FastRows(joined_texts("external_id:", ids), joined('"', ids, '"'))


def fast_heads(rows: pa.RecordBatch, limits: BrazeLimits, *, with_contacts: bool, more: str) -> FastRows | None:
    """Give the beginnings of objects, up to the comma before the payload's members.

    :param with_contacts: whether EMAIL and PHONE are members, where they hold a value.
    :param more: members that come last, each with its comma before it.
    :return: None when no row is like that.
    :raises SourceError: when a column's type cannot be an identifier.
    """
    ids, columns = _fast_ids(rows, USER_IDENTIFIERS, limits)
    if ids is None:
        return None
    has_contacts = with_contacts and not columns.keys().isdisjoint(CONTACTS)
    members = _contact_members(columns) if has_contacts else []
    heads = joined('{"external_id":"', ids, '"', *members, more, ",")
    return FastRows(joined_texts("external_id:", ids), heads, has_contacts=has_contacts)


def _fast_ids(
    rows: pa.RecordBatch, names: tuple[str, ...], limits: BrazeLimits
) -> tuple[pa.Array | None, dict[str, pa.Array]]:
    """Give the external ids of the rows that are like most (None for none), and the columns that hold identifiers."""
    columns = identifier_arrays(rows, names)
    if "EXTERNAL_ID" not in columns:
        return None, columns
    ids = fast_texts(columns["EXTERNAL_ID"], limits.external_id_bytes)
    for name in PRIMARY:
        if name != "EXTERNAL_ID" and name in columns:
            ids = where(columns[name].is_null(), ids)
    return (None if ids.null_count == len(ids) else ids), columns


def _contact_members(columns: dict[str, pa.Array]) -> list[pa.Array]:
    """Give a member for each value, no member for NULL, and NULL for values that need a closer look."""
    members = []
    for name in filter(columns.__contains__, CONTACTS):
        member = side_by_side(f',"{name.lower()}":"', fast_texts(columns[name], _ANY_LENGTH), '"')
        members.append(pc.if_else(columns[name].is_null(), text_scalar(""), member))
    return members
