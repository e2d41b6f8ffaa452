"""Columns whose values are not of one type: each value is a text of its own, made from nothing but itself.

Such a column is an Arrow string field with the metadata :data:`VALUES_FIELD`. A text is JSON, or begins with a mark:
``#`` a decimal with all its digits, ``@`` a date or a time in ISO 8601, ``!`` what JSON cannot say (what is
wrong, a bar, and the value).
"""

from __future__ import annotations

import pyarrow as pa
from pyarrow import types

#: Metadata of an Arrow string field whose text is JSON.
JSON_FIELD = {b"cdi": b"json"}
#: Metadata of an Arrow string field whose texts are values, each by itself.
VALUES_FIELD = {b"cdi": b"values"}
#: Metadata of the same column where all values of a batch are text, which stands there as it is.
TEXTS_FIELD = {b"cdi": b"texts"}

DECIMAL, TIME, UNFIT = "#@!"
MARKS = frozenset((DECIMAL, TIME, UNFIT))

_NO_JSON_FORM = (
    types.is_binary,
    types.is_large_binary,
    types.is_fixed_size_binary,
    types.is_duration,
    types.is_interval,
    types.is_union,
)


def has_no_json_form(kind: pa.DataType) -> bool:
    """Whether no value of a type, nested ones left aside, can be said in JSON."""
    return any(is_kind(kind) for is_kind in _NO_JSON_FORM)
