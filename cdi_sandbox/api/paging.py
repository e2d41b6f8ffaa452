"""Lists in pages: an opaque cursor, and the ``link`` header that leads to the other pages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from cdi_sandbox.api.call import Call, Reply, failure
from cdi_sandbox.api.cursors import read_cursor, write_cursor
from cdi_sandbox.api.json import Json


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a list, and the header that leads on."""

    entries: list[Json]
    headers: dict[str, str]


def page_of(entries: list[Json], call: Call, size: int) -> Page | None:
    """Cut out the page that the call's ``cursor`` asks for; None when the cursor is none of ours."""
    given = parse_qs(call.query).get("cursor")
    start = 0 if given is None else read_cursor(given[0])
    if start is None or start > len(entries):
        return None
    links = []
    if start > 0:
        links.append(_link(call.path, max(start - size, 0), "prev"))
    if start + size < len(entries):
        links.append(_link(call.path, start + size, "next"))
    return Page(entries[start : start + size], {"link": ", ".join(links)} if links else {})


def bad_cursor() -> Reply:
    """Build the answer to a cursor that leads nowhere."""
    return failure(400, "Invalid cursor")


def _link(path: str, start: int, relation: str) -> str:
    return f'<{path}?cursor={write_cursor(start)}>; rel="{relation}"'
