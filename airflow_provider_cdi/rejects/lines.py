"""Reads one line of a reject file, as a run wrote it or as a hand has left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from airflow_provider_cdi.rejects.stored import OUTCOMES


def parse_line(line: bytes) -> dict[str, Any]:
    """Read a line back, as far as it can be one.

    :param line: with its end of line.
    :raises ValueError: when it is none; the message says what is wrong, without a value of it.
    """
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    found = _object_of(line)
    if wrong := [name for name, kind in _KINDS.items() if not isinstance(found.get(name), kind)]:
        raise ValueError(f"{wrong[0]} is missing, or of another type")
    if found["outcome"] not in OUTCOMES:
        raise ValueError("outcome is none of rejected, unknown, accepted")
    if wrong := [name for name, kind in _KINDS_SINCE.items() if not isinstance(found.get(name, kind()), kind)]:
        raise ValueError(f"{wrong[0]} is of another type")
    return found


def _object_of(line: bytes) -> dict[str, Any]:
    try:
        return dict(orjson.loads(line).items())
    except (orjson.JSONDecodeError, AttributeError):
        raise ValueError("the line is not a JSON object") from None


#: What every line has.
_KINDS: Mapping[str, type] = {
    "outcome": str,
    "code": str,
    "reason": str,
    "identifier": dict,
    "updated_at": str,
}
#: What lines of earlier versions do not have.
_KINDS_SINCE: Mapping[str, type] = {
    "columns": dict,
    "sync_id": str,
    "run_id": str,
    "map_index": int,
    "try_number": int,
    "at": str,
    "part": str,
    "line": int,
}
