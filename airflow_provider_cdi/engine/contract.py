"""What a data type asks of its source: which columns, under which names."""

from __future__ import annotations

from dataclasses import dataclass

UPDATED_AT = "UPDATED_AT"
PAYLOAD = "PAYLOAD"


@dataclass(frozen=True, slots=True)
class Contract:
    """The columns of one data type. Names match without regard to case; other columns are ignored.

    :param data_type: for messages, for example ``attributes``.
    :param identifiers: columns that say whose row it is; the source must have at least one of them.
    :param has_payload: whether a ``PAYLOAD`` column (or ``payload_columns``) is required.
    :param refuses_payload: whether a source that has a ``PAYLOAD`` column is refused.
    :param optional: further columns that are read when the source has them.
    """

    data_type: str
    identifiers: tuple[str, ...]
    has_payload: bool = True
    refuses_payload: bool = False
    optional: tuple[str, ...] = ()
