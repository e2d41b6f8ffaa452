"""JSON:API around what the endpoints answer: resources, links, pages, sparse fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.cursors import read_cursor, write_cursor
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.json_api.errors import JSON_API, RequestRefused, invalid_parameter
from cdi_sandbox.klaviyo.json_api.filters import Clause, read_filter

_Entry = TypeVar("_Entry")


class JsonApiQuery:
    """The query of a call: pages, filters, fields.

    :raises RequestRefused: from its methods, with an answer 400 that names the parameter.
    """

    def __init__(self, call: Call) -> None:
        self.parameters = {name: values[-1] for name, values in parse_qs(call.query).items()}

    def listed(self, name: str) -> list[str]:
        """Read a list apart by commas."""
        return [each for each in self.parameters.get(name, "").split(",") if each]

    def includes(self, *allowed: str) -> list[str]:
        """Read ``include``."""
        wanted = self.listed("include")
        for each in wanted:
            if each not in allowed:
                raise RequestRefused(
                    invalid_parameter("include", f"The include parameter '{each}' is not allowed here.")
                )
        return wanted

    def filters(self, allowed: Mapping[str, frozenset[str]]) -> list[Clause]:
        """Read ``filter``; without one there are no conditions."""
        if "filter" not in self.parameters:
            return []
        try:
            return read_filter(self.parameters["filter"], allowed)
        except ValueError as error:
            raise RequestRefused(invalid_parameter("filter", f"{error}.")) from None

    def sort(self, *allowed: str) -> tuple[str, bool]:
        """Read ``sort``.

        :return: the field, the first one allowed unless another is asked for, and whether it goes down.
        """
        wanted = self.parameters.get("sort", allowed[0])
        if wanted.removeprefix("-") not in allowed:
            raise RequestRefused(invalid_parameter("sort", f"It cannot be sorted by '{wanted}' here."))
        return wanted.removeprefix("-"), wanted.startswith("-")

    def page_size(self, default: int, most: int) -> int:
        """Read ``page[size]``."""
        text = self.parameters.get("page[size]", str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise RequestRefused(invalid_parameter("page[size]", f"Page size must be an integer between 1 and {most}."))
        return int(text)

    def start(self) -> int:
        """Read ``page[cursor]`` as the number of the first entry."""
        cursor = self.parameters.get("page[cursor]")
        # Klaviyo's SDK 25.0.0 cuts the cursor out of a link together with the equals sign before it.
        start = 0 if cursor is None else read_cursor(cursor.removeprefix("="))
        if start is None:
            raise RequestRefused(invalid_parameter("page[cursor]", "Invalid cursor."))
        return start


def base_url(call: Call) -> str:
    """Say under which address the client reached the sandbox, so that links lead back to it."""
    host = call.headers.get("host")
    return f"http://{host}" if host else "https://a.klaviyo.com"


def resource(call: Call, kind: str, key: str, attributes: Json, *, path: str = "", relations: Json = None) -> Json:
    """Build a resource object.

    :param kind: its type, for example ``profile``.
    :param path: where it is found, unless under ``/api/<kind>s``.
    :param relations: its relationships; None for a type that has none.
    """
    wanted = JsonApiQuery(call).listed(f"fields[{kind}]")
    shown = {name: value for name, value in attributes.items() if not wanted or name in wanted}
    built = {"type": kind, "id": key, "attributes": shown}
    if relations is not None:
        built["relationships"] = relations
    return {**built, "links": {"self": f"{base_url(call)}{path or f'/api/{kind}s'}/{key}/"}}


def one(call: Call, built: Json, status: int = 200, **more: Json) -> Reply:
    """Build the answer with one resource."""
    links = {"self": f"{base_url(call)}{call.path}"}
    return Reply(status, {"data": built, **more, "links": links}, headers={"content-type": JSON_API})


def nothing(status: int = 202) -> Reply:
    """Build the empty answer of a request that was taken."""
    return Reply(status, "", headers={"content-type": JSON_API})


def page(
    call: Call,
    entries: Sequence[_Entry],
    draw: Callable[[_Entry], Json],
    *,
    size: int = 20,
    most: int = 100,
    included: Callable[[Sequence[_Entry]], list[Json]] | None = None,
) -> Reply:
    """Build one page of a list.

    :param draw: makes the resource of an entry; only those of the page are drawn.
    :param size: entries of a page unless the call asks for another number, **most** of all it may ask for.
    :param included: makes the related resources of the entries of a page.
    :raises RequestRefused: for a page size or a cursor that makes no sense.
    """
    query = JsonApiQuery(call)
    size, start = query.page_size(size, most), query.start()
    chosen = entries[start : start + size]
    body: dict[str, Any] = {"data": [draw(entry) for entry in chosen]}
    if included is not None:
        body["included"] = included(chosen)
    previous = _link(call, query, max(start - size, 0)) if start > 0 else None
    following = _link(call, query, start + size) if start + size < len(entries) else None
    body["links"] = {"self": _link(call, query, None), "next": following, "prev": previous}
    return Reply(200, body, headers={"content-type": JSON_API})


def write_time(moment: float | None, *, exact: bool = False) -> str | None:
    """Write seconds since the epoch as Klaviyo does, with microseconds where it does; None stays None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds" if exact else "seconds")


def _link(call: Call, query: JsonApiQuery, start: int | None) -> str:
    parameters = dict(query.parameters)
    if start is not None:
        parameters["page[cursor]"] = write_cursor(start)
    return f"{base_url(call)}{call.path}" + (f"?{urlencode(parameters)}" if parameters else "")
