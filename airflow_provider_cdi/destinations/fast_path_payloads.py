"""Payloads of rows that are like most: decoded once, looked at shortly, and spliced, a whole batch in one loop.

What a short look leaves open is for :func:`~airflow_provider_cdi.destinations.payload.read_payload`, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson

from airflow_provider_cdi.destinations.payload import PayloadBounds
from airflow_provider_cdi.engine.rows.records import Record, Rejection

_OPENING, _CLOSING = b"{}"
#: Bytes of ``"":1,``.
_LEAST_MEMBER = 5


class Look(NamedTuple):
    """What a data type looks at in the payloads of rows that are like most.

    :param names: where one of these is among a payload's own, the row is not like most.
    :param flat_names: where one of these is, ``members`` is asked.
    :param flat_bytes: other objects of at most so many bytes, without an object inside, break no rule and go as they
        are.
    :param members: is asked about all other objects within the bounds: by the row's place, the object and its text it
        gives members (each with its comma) that go before the payload's own, or None where a closer look is needed.
    :param flat_arrays: whether an object with an array inside can be one of those that break no rule.
    """

    names: frozenset[str]
    flat_names: frozenset[str]
    flat_bytes: int
    members: Callable[[int, dict[str, Any], bytes], bytes | None]
    flat_arrays: bool = True


def splice_fast(
    heads: Iterable[bytes | None], raws: Iterable[bytes | Rejection | None], bounds: PayloadBounds, look: Look
) -> list[bytes | None]:
    """Put heads before the payloads of a batch, where a short look tells that nothing speaks against it.

    It decides nothing otherwise than a close look would: it only passes over.

    :param heads: what stands before each payload's members, up to the comma; None for a row that is passed over.
    :param raws: as for ``read_payload``.
    :return: for each row the whole object, or None where a closer look is needed.
    """
    loads, no_json, (most_bytes, _, most_brackets) = orjson.loads, orjson.JSONDecodeError, bounds
    most_keys = bounds.most_keys or most_bytes
    flat_brackets = most_brackets if look.flat_arrays else 0
    flat_bytes = min(look.flat_bytes, most_bytes, _LEAST_MEMBER * most_keys)
    is_free, is_free_if_flat = look.names.isdisjoint, (look.names | look.flat_names).isdisjoint
    bodies: list[bytes | None] = []
    for place, (head, raw) in enumerate(zip(heads, raws, strict=True)):
        body = None
        try:
            document = loads(raw)  # type: ignore[arg-type]
        except no_json:
            document = None
        if document and head and raw[0] == _OPENING and raw[-1] == _CLOSING:  # type: ignore[index]
            text: bytes = raw  # type: ignore[assignment]
            # As many brackets as levels at least.
            if (
                len(text) <= flat_bytes
                and text.rfind(b"{") == 0
                and text.count(b"[") <= flat_brackets
                and is_free_if_flat(document)
            ):
                body = head + text[1:]
            elif (
                len(text) <= most_bytes
                and len(document) <= most_keys
                and len(text) - len(text.translate(None, b"{[")) <= most_brackets
                and is_free(document)
            ):
                members = look.members(place, document, text)
                body = None if members is None else head + members + text[1:]
        bodies.append(body)
    return bodies


def fast_records(
    keys: Iterable[str | None], bodies: Iterable[bytes | None], group: str = "", unique: str = ""
) -> list[Record | None]:
    """Make a record of each row that has a key and a body; None for the others, which need a closer look."""
    return [
        None if key is None or body is None else Record(key, body, group, unique)
        for key, body in zip(keys, bodies, strict=True)
    ]
