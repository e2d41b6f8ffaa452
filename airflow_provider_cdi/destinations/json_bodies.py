"""Bodies of answers, which may be anything."""

from __future__ import annotations

from typing import Any

import orjson


def json_object(text: bytes) -> dict[str, Any] | None:
    """Decode an answer's body; None when it is not a JSON object (empty, HTML, cut off)."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def member(thing: Any, name: str) -> dict[str, Any]:
    """Return a member that is an object; an empty one when there is none."""
    found = thing.get(name) if isinstance(thing, dict) else None
    return found if isinstance(found, dict) else {}
