"""The envelope of a request body, and the objects in it. Whatever is wrong with it stops the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdi_sandbox.api.call import Call
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.json_api.errors import Problem, RequestRefused, invalid
from cdi_sandbox.settings.klaviyo import KlaviyoSettings


def refuse(pointer: str, detail: str) -> RequestRefused:
    """Make the refusal of a whole request for one reason."""
    return RequestRefused(invalid([Problem(pointer, detail)]))


def envelope(call: Call, kind: str) -> dict[str, Any]:
    """Return ``data`` of a body.

    :param kind: the type that it must have.
    :raises RequestRefused: when it has another one.
    """
    found = at(call.body, "data")
    if not isinstance(found, dict):
        raise refuse("/data", "The body must have 'data', an object")
    if found.get("type") != kind:
        raise refuse("/data/type", f"The type must be '{kind}'")
    if not isinstance(found.get("attributes", {}), dict):
        raise refuse("/data/attributes", "The attributes must be an object")
    return found


def objects(call: Call, kind: str, names: Sequence[str], most: int) -> list[Json]:
    """Return the objects of a bulk request.

    :param names: the way to them below ``data.attributes``, for example ``profiles`` and ``data``.
    :param most: so many are allowed.
    :raises RequestRefused: when there are none, or too many.
    """
    pointer = "/data/attributes/" + "/".join(names)
    found = at(envelope(call, kind), "attributes", *names)
    if not isinstance(found, list) or not found:
        raise refuse(pointer, "It must be an array with at least one object")
    if len(found) > most:
        raise refuse(pointer, f"At most {most} objects are allowed in one request")
    return found


def at(thing: Json, *names: str) -> Json:
    """Follow names into nested objects; None where there is none."""
    for name in names:
        if not isinstance(thing, dict):
            return None
        thing = thing.get(name)
    return thing


def related(call: Call, name: str, kind: str) -> list[str]:
    """Return the ids of a relationship of the body.

    :raises RequestRefused: when it is no relationship of that type.
    """
    found = at(call.body, "data", "relationships", name, "data")
    entries = found if isinstance(found, list) else [] if found is None else [found]
    for entry in entries:
        if at(entry, "type") != kind or not isinstance(at(entry, "id"), str):
            raise refuse(f"/data/relationships/{name}/data", f"It must name the type '{kind}' and an id")
    return [entry["id"] for entry in entries]


def stop_for(problems: Sequence[Problem], settings: KlaviyoSettings) -> None:
    """Refuse the request when anything is wrong in it: it is taken as a whole or not at all.

    :raises RequestRefused: with as many problems as one answer lists.
    """
    if problems:
        raise RequestRefused(invalid(problems[: settings.errors_listed]))
