"""Profiles that are like most: identifiers and standard fields that JSON says as they stand.

Arrow puts down what stands before the properties for a whole batch at once. All other rows are for
:func:`~airflow_provider_cdi.destinations.klaviyo.identifiers.identify_rows` and
:class:`~airflow_provider_cdi.destinations.klaviyo.profiles.standard_fields.StandardFields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cdi.destinations.columns import (
    USUAL,
    column,
    fast_texts,
    identifier_array,
    is_text,
    joined,
    number_scalar,
    side_by_side,
    text_scalar,
    where,
)
from airflow_provider_cdi.destinations.klaviyo.identifiers import KINDS
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.profiles.standard_fields import STANDARD_FIELDS

_ANY_LENGTH = 2**31 - 1
#: A narrow form of an e-mail address, which JSON says as it stands.
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+"
#: All but what JSON escapes, DEL, and halves of surrogate pairs, which are not UTF-8.
_NO_ESCAPE = r'[^\x00-\x1f"\\\x7f\x{D800}-\x{DFFF}]*'

#: Column -> what its values look like. A batch with values in other columns needs a closer look.
_PATTERNS: Mapping[str, str] = {
    "EMAIL": _EMAIL,
    "EXTERNAL_ID": USUAL,
    **dict.fromkeys(STANDARD_FIELDS, _NO_ESCAPE),
}


class FastProfiles(NamedTuple):
    """The usual rows of a batch.

    :param keys: by which Klaviyo finds the person, the first as the row's key and the others as its ``others``, see
        :class:`~airflow_provider_cdi.engine.rows.records.Record`; none for each other row.
    :param heads: the profile's object up to the comma behind its last attribute, the properties apart.
    """

    keys: list[tuple[str, ...]]
    heads: list[bytes | None]


def fast_profiles(rows: pa.RecordBatch, limits: KlaviyoLimits, phones: Phones) -> FastProfiles | None:
    """Begin the profiles of the usual rows.

    :return: None when no row is usual.
    :raises SourceError: when a column's type cannot be an identifier.
    """
    patterns = _PATTERNS if phones.pattern is None else {**_PATTERNS, "PHONE_NUMBER": phones.pattern}
    given = _given(rows)
    if not KINDS.keys() & given.keys() or not given.keys() <= patterns.keys():
        return None
    bounds = {"EMAIL": limits.email_chars, "EXTERNAL_ID": limits.external_id_chars}
    usual = {name: fast_texts(array, bounds.get(name, _ANY_LENGTH), patterns[name]) for name, array in given.items()}
    kinds = [name for name in KINDS if name in usual]
    is_usual = reduce(pc.and_, (pc.or_(array.is_null(), usual[name].is_valid()) for name, array in given.items()))
    columns = [where(is_usual, _keys(name, usual[name])).to_pylist() for name in kinds]
    keys = list(zip(*columns, strict=True))
    if any(None in column for column in columns):
        keys = [tuple(filter(None, row)) for row in keys]
    return FastProfiles(keys, joined('{"type":"profile","attributes":{', _attributes(usual)))


def _given(rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """Give the columns that hold a value; none at all where one cannot be read as text just like that."""
    given = {}
    for name in (*KINDS, *STANDARD_FIELDS):
        try:
            array = identifier_array(rows, name) if name in KINDS else column(rows, name)
        except pa.ArrowInvalid:
            return {}
        if array is not None and array.null_count < len(array):
            if not is_text(array.type):
                return {}
            given[name] = array.cast(pa.string())
    return given


def _keys(name: str, values: pa.Array) -> pa.Array:
    comparable = pc.ascii_lower(values) if name == "EMAIL" else values
    return side_by_side(f"{KINDS[name]}:", comparable)


def _attributes(usual: Mapping[str, pa.Array]) -> pa.Array:
    """Give the members of the attributes, each with its comma behind it; a field that is NULL is none of them."""
    members = [_member(KINDS[name], usual[name]) for name in KINDS if name in usual]
    paths = [(STANDARD_FIELDS[name], usual[name]) for name in STANDARD_FIELDS if name in usual]
    members += [_member(path[0], values) for path, values in paths if len(path) == 1]
    places = [_member(path[1], values) for path, values in paths if len(path) == 2]
    if places:
        inner = pc.ascii_rtrim(side_by_side(*places), characters=",")
        location = side_by_side('"location":{', inner, "},")
        members.append(pc.if_else(pc.equal(pc.binary_length(inner), number_scalar(0)), text_scalar(""), location))
    return side_by_side(*members)


def _member(name: str, values: pa.Array) -> pa.Array:
    return pc.coalesce(side_by_side(f'"{name}":"', values, '",'), text_scalar(""))
