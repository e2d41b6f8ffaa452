"""The push tokens of a row: without them Klaviyo unsubscribes nobody from push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa

from airflow_provider_cdi.destinations.columns import column
from airflow_provider_cdi.destinations.structs import StructStyle, column_values, json_object_text
from airflow_provider_cdi.engine.rows.records import Rejection

PUSH_TOKENS = "PUSH_TOKENS"

#: Klaviyo's OpenAPI description of 2026-04-15, PushTokenEntry: member -> what it may hold, None for any text.
_REQUIRED: Mapping[str, frozenset[str] | None] = {
    "token": None,
    "platform": frozenset({"ios", "android"}),
    "vendor": frozenset({"apns", "fcm"}),
}
_OPTIONAL = frozenset({"enablement_status", "background", "device_metadata"})

MISSING = Rejection("push_tokens_missing", "PUSH_TOKENS is empty, and unsubscribing from push needs the tokens.")
_INVALID = Rejection(
    "push_tokens_invalid",
    'PUSH_TOKENS is not a list such as [{"token": "…", "platform": "ios", "vendor": "apns"}].',
)

Tokens = list[dict[str, Any]]


def read_tokens(rows: pa.RecordBatch) -> list[Tokens | Rejection | None]:
    """Read the column ``PUSH_TOKENS``: JSON text, or a list of structs.

    :return: one entry a row: its tokens, None where there are none, or why they cannot be read.
    """
    if column(rows, PUSH_TOKENS) is None:
        return [None] * rows.num_rows
    return [_read(value) for value in column_values(rows, PUSH_TOKENS, StructStyle(drop_nulls=True))]


def _read(value: Any) -> Tokens | Rejection | None:
    text = json_object_text({"tokens": value})
    if isinstance(text, Rejection):
        return _INVALID
    tokens = orjson.loads(text)["tokens"]
    if isinstance(tokens, str):
        tokens = _decoded(tokens)
    if tokens is None or tokens == []:
        return None
    is_list = isinstance(tokens, list) and all(map(_is_token, tokens))
    return tokens if is_list else _INVALID


def _decoded(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _is_token(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.keys() - _OPTIONAL != _REQUIRED.keys():
        return False
    return all(
        isinstance(entry[name], str) and bool(entry[name]) and (allowed is None or entry[name] in allowed)
        for name, allowed in _REQUIRED.items()
    )
