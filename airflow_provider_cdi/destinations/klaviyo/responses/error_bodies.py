"""Klaviyo's error bodies: what they say, where they point, and whose data to keep out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.reject_codes import SENTENCE_CHARS
from airflow_provider_cdi.destinations.row_values import leaves
from airflow_provider_cdi.engine.rows.records import Record

_HIDDEN = "…"
_EMAIL = re.compile(r"[^\s@'\"`<>(),;:=]+@[^\s@'\"`<>(),;]+")
_NUMBER = re.compile(r"\+?\d[\d ()./-]{5,}\d")
_KEY = re.compile(r"\bpk_\w+")
#: Shorter values are not looked for: they would blank out words of the sentence.
_SHORTEST_VALUE = 3


class ApiError(NamedTuple):
    """One error of a body.

    :param detail: Klaviyo's sentence, its title where there is no sentence; may hold a person's data.
    :param pointer: where in the request it lies (``/data/attributes/...``); empty when it does not say.
    :param parameter: the parameter of the query or the header that it concerns; empty for none.
    """

    detail: str
    pointer: str
    parameter: str


def read_errors(body: bytes) -> list[ApiError]:
    """Read the errors of an answer. None of its members can be relied on; what is no error of Klaviyo's is left out.

    :return: none for what did not come from Klaviyo: a page of a proxy, JSON of another form.
    """
    errors = (json_object(body) or {}).get("errors")
    found = [read_error(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return [error for error in found if any(error)]


def read_error(error: Mapping[str, Any]) -> ApiError:
    """Read one error: an entry of ``errors``, or the attributes of an import error."""
    source = error.get("source")
    source = source if isinstance(source, dict) else {}
    return ApiError(
        _text(error.get("detail")) or _text(error.get("title")),
        _text(source.get("pointer")),
        _text(source.get("parameter")) or _text(source.get("header")),
    )


def sentence(error: ApiError, record: Record | None = None) -> str:
    """Give Klaviyo's sentence without personal data and secrets, cut short.

    :param record: its values are taken out of the sentence.
    """
    said = error.detail.strip()
    if not said:
        return "no reason given"
    # What is longer than the sentence cannot be in it.
    for value in sorted((value for value in _values(record) if len(value) <= len(said)), key=len, reverse=True):
        said = re.sub(re.escape(value), _HIDDEN, said, flags=re.IGNORECASE)
    for pattern in (_KEY, _EMAIL, _NUMBER):
        said = pattern.sub(_HIDDEN, said)
    return said[:SENTENCE_CHARS]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _values(record: Record | None) -> set[str]:
    if record is None:
        return set()
    return {value for value in leaves(orjson.loads(record.body)) if len(value) >= _SHORTEST_VALUE}
