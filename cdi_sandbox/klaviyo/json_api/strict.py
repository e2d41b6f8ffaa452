"""Refusing members that Klaviyo's API does not have, and missing ones, in Klaviyo's own words."""

from __future__ import annotations

from collections.abc import Iterator

from cdi_sandbox.api.call import Call
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery
from cdi_sandbox.klaviyo.json_api.errors import Problem, RequestRefused, invalid, invalid_parameter
from cdi_sandbox.klaviyo.json_api.members import BODIES, Shape
from cdi_sandbox.klaviyo.json_api.revisions import LIST_PAGES


def check_members(call: Call, endpoint: str, listed: int | None) -> None:
    """Refuse a request whose members are not those of the revision that answers.

    :param endpoint: ``"POST /api/..."``.
    :param listed: how many problems one answer lists; None for all.
    :raises RequestRefused: with a pointer to each such member.
    """
    if endpoint == "GET /api/lists" and call.revision < LIST_PAGES and "page[size]" in JsonApiQuery(call).parameters:
        raise RequestRefused(invalid_parameter("page[size]", _unknown("page_size", "list")))
    shape = BODIES.get(endpoint)
    problems = [] if shape is None else list(_problems(call.body, shape, call.revision, ""))
    if problems:
        raise RequestRefused(invalid(problems[:listed]))


def _problems(thing: Json, shape: Shape, revision: str, place: str) -> Iterator[Problem]:
    if not isinstance(thing, dict):
        return  # what has the wrong type, the endpoint itself refuses
    members = {name: member for name, member in shape.members.items() if member.is_in(revision)}
    for name in thing:
        if name not in members:
            yield Problem(f"{place}/{name}", _unknown(name, shape.resource))
    for name, member in members.items():
        value = thing.get(name)
        if value is None:
            if member.is_required:
                yield Problem(f"{place}/{name}", f"'{name}' is a required field for the resource '{shape.resource}'.")
        elif member.shape is not None and isinstance(value, list):
            for index, entry in enumerate(value):
                yield from _problems(entry, member.shape, revision, f"{place}/{name}/{index}")
        elif member.shape is not None:
            yield from _problems(value, member.shape, revision, f"{place}/{name}")


def _unknown(name: str, resource: str) -> str:
    return f"'{name}' is not a valid field for the resource '{resource}'."
