"""The standard fields of a profile, each from a column of its own."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import column, says_values
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.destinations.structs import StructStyle, column_values
from airflow_provider_cdi.engine.rows.records import Rejection

_LOCATION = ("ADDRESS1", "ADDRESS2", "CITY", "COUNTRY", "REGION", "ZIP", "LATITUDE", "LONGITUDE", "TIMEZONE", "IP")

#: Column -> path among the attributes of a profile (Klaviyo's OpenAPI description, the profile of an import).
STANDARD_FIELDS: dict[str, tuple[str, ...]] = {
    **{name: (name.lower(),) for name in ("FIRST_NAME", "LAST_NAME", "ORGANIZATION", "LOCALE", "TITLE", "IMAGE")},
    **{name: ("location", name.lower()) for name in _LOCATION},
}
#: Klaviyo's own import nests by three underscores, so both spellings are natural.
STANDARD_ALIASES = tuple((name, f"LOCATION___{name}") for name in _LOCATION)

#: Klaviyo takes these as numbers too.
_NUMBERS = frozenset({"LATITUDE", "LONGITUDE"})


class StandardFields:
    """The standard fields of a batch of rows.

    :param rows: with any of the columns of ``STANDARD_FIELDS``.
    :param keeps_nulls: whether a NULL is a member of its own (it clears the field); else it is left out.
    """

    def __init__(self, rows: pa.RecordBatch, *, keeps_nulls: bool) -> None:
        self._keeps_nulls = keeps_nulls
        present = [name for name in STANDARD_FIELDS if name in rows.schema.names]
        self._paths = [STANDARD_FIELDS[name] for name in present]
        self._rows = list(zip(*(_values(rows, name) for name in present), strict=True)) if present else []

    def add_to(self, attributes: dict[str, Any], row: int) -> Rejection | None:
        """Put a row's fields among the attributes of its profile.

        :return: why the row cannot be sent; None when it can.
        """
        if not self._paths:
            return None
        for path, value in zip(self._paths, self._rows[row], strict=True):
            if value is None and not self._keeps_nulls:
                continue
            if isinstance(value, Rejection):
                return value
            target = attributes if len(path) == 1 else attributes.setdefault(path[0], {})
            target[path[-1]] = value
        return None

    def has_null(self, row: int) -> bool:
        """Whether one of the row's fields is NULL."""
        return bool(self._paths) and None in self._rows[row]


def _values(rows: pa.RecordBatch, name: str) -> list[Any]:
    if name in _NUMBERS:
        array = column(rows, name)
        if array is not None and (
            types.is_floating(array.type) or types.is_decimal(array.type) or says_values(rows.schema.field(name))
        ):
            return column_values(rows, name, StructStyle())
    return text_column(rows, name)
