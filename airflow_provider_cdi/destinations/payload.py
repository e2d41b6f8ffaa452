"""The payload of one row: JSON text that is checked once and then spliced, never encoded again.

Splicing keeps every digit that the warehouse wrote: numbers beyond 64 bits, decimals, exponents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from airflow_provider_cdi.engine.rows.records import Rejection

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_MISSING = Rejection("payload_missing", "PAYLOAD is NULL or empty.")
_NOT_OBJECT = Rejection("payload_not_object", "PAYLOAD is JSON, but not an object.")


class PayloadBounds(NamedTuple):
    """How large a payload may be.

    :param most_bytes: bytes of the text, without white space around it.
    :param most_keys: top-level keys; None for no bound.
    :param nesting: levels of objects and arrays inside the payload's own object.
    """

    most_bytes: int
    most_keys: int | None
    nesting: int


class Payload(NamedTuple):
    """A payload that is a JSON object within the bounds.

    :param text: from its opening to its closing brace.
    :param document: the same, decoded (numbers beyond 64 bits only nearly: for checks, not for sending).
    """

    text: bytes
    document: dict[str, Any]


def read_payload(raw: bytes | Rejection | None, bounds: PayloadBounds) -> Payload | Rejection:
    """Check that a row's payload is a JSON object within the bounds.

    :param raw: JSON text in UTF-8, white space and a byte order mark around it are ignored; None for NULL;
        a reject is handed through.
    :return: the payload, or the reason why it cannot be sent.
    """
    if raw is None or isinstance(raw, Rejection):
        return raw or _MISSING
    text = raw.strip(_SPACE)
    if not text.startswith(b"{"):
        text = text.removeprefix(_BOM).lstrip(_SPACE)
    if not text:
        return _MISSING
    if len(text) > bounds.most_bytes:
        return Rejection("payload_too_large", f"PAYLOAD has more than {bounds.most_bytes:,} bytes.")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _unreadable(error, bounds)
    return _fault(text, document, bounds) or Payload(text, document)


def without_nulls(payload: Payload) -> Payload:
    """Leave out top-level keys that are null."""
    return edited(payload, lambda document: {name: value for name, value in document.items() if value is not None})


def edited(payload: Payload, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Payload:
    """Change a payload, and keep every digit of what stays.

    :param edit: gives the document with the change, for a document in which numbers may be of any type.
    """
    document = edit(payload.document)
    # A text that is just what orjson makes of it loses nothing by being decoded: no digit, and no name that it repeats.
    if orjson.dumps(payload.document) == payload.text:
        return Payload(orjson.dumps(document), document)
    fragments = json.loads(payload.text, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    return Payload(orjson.dumps(edit(fragments)), document)


def splice(parts: list[bytes], payload: Payload) -> bytes:
    """Join ``{"key":value`` parts and the payload's members into one object.

    :param parts: members before the payload's, beginning with the opening brace.
    """
    if payload.document:
        parts.append(b",")
        parts.append(payload.text[1:])
    else:
        parts.append(b"}")
    return b"".join(parts)


def _unreadable(error: orjson.JSONDecodeError, bounds: PayloadBounds) -> Rejection:
    # orjson itself stops at 1,024 levels. Its message quotes no value, but only the place is kept.
    if "depth" in error.msg or "ecursion" in error.msg:
        return _too_deep(bounds)
    return Rejection("payload_not_json", f"PAYLOAD is not valid JSON: see character {error.pos + 1}.")


def _fault(text: bytes, document: Any, bounds: PayloadBounds) -> Rejection | None:
    if type(document) is not dict:
        return _MISSING if document is None else _NOT_OBJECT
    if bounds.most_keys is not None and len(document) > bounds.most_keys:
        return Rejection("payload_too_many_keys", f"PAYLOAD has more than {bounds.most_keys} keys.")
    # As many brackets as levels at least: counting them spares nearly every row the walk.
    if text.count(b"{") + text.count(b"[") - 1 > bounds.nesting and _is_deeper(document, bounds.nesting):
        return _too_deep(bounds)
    return None


def _too_deep(bounds: PayloadBounds) -> Rejection:
    return Rejection("payload_too_deep", f"PAYLOAD is nested more than {bounds.nesting} levels deep.")


def _is_deeper(document: dict[str, Any], levels: int) -> bool:
    layer: list[Any] = [document]
    for _ in range(levels + 1):
        layer = [child for value in layer for child in _children(value) if type(child) in (dict, list)]
        if not layer:
            return False
    return True


def _children(value: Any) -> Any:
    return value.values() if type(value) is dict else value
