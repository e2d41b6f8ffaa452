"""An example of a row that would be set aside, for people who may see a part of it."""

from __future__ import annotations

from typing import Any

import orjson

from airflow_provider_cdi.engine.rows.plain_row import PlainRow
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.preview.masks import Mask


def shown_example(row: RejectedRow, mask: Mask) -> dict[str, Any]:
    """Return what people may see of a row.

    :param row: with everything that was read of it.
    :param mask: what they may not.
    :return: ``reason``, ``identifier`` and ``payload``, the last as text; columns besides are not shown.
    """
    cover = mask.over([PlainRow(row.identifier, row.updated_at, row.payload, row.columns)])
    payload = row.payload
    if payload is not None and not isinstance(payload, str):
        payload = orjson.dumps(payload).decode()
    return {
        "reason": cover.text(row.reason),
        "identifier": {name: cover.value(name, value) for name, value in row.identifier.items()},
        "payload": None if payload is None else cover.json(payload),
    }
