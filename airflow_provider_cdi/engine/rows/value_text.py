"""Columns whose values are not of one type: each value is a text of its own, made from nothing but itself.

Such a column is an Arrow string field with the metadata :data:`VALUES_FIELD`. A text is JSON, or begins with a mark:
``#`` a decimal with all its digits, ``@`` a date or a time in ISO 8601, ``!`` what JSON cannot say (what is
wrong, a bar, and the value).
"""

from __future__ import annotations

#: Metadata of an Arrow string field whose text is JSON.
JSON_FIELD = {b"cdi": b"json"}
#: Metadata of an Arrow string field whose texts are values, each by itself.
VALUES_FIELD = {b"cdi": b"values"}
#: Metadata of the same column where all values of a batch are text, which stands there as it is.
TEXTS_FIELD = {b"cdi": b"texts"}

DECIMAL, TIME, UNFIT = "#@!"
MARKS = frozenset((DECIMAL, TIME, UNFIT))
