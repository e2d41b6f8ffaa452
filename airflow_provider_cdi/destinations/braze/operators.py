"""The operators in a payload that add up: applying them twice is not the same as once."""

from __future__ import annotations

from airflow_provider_cdi.engine.rows.records import Record

#: Braze: ``{"inc": 5}`` counts again and ``{"$add": [...]}`` adds its objects again with every repeat.
_ADDING = (b'"inc"', b'"$add"')


def adds_up(record: Record) -> bool:
    """Whether a record may hold such an operator. A text that only looks like one counts as one."""
    return any(operator in record.body for operator in _ADDING)
