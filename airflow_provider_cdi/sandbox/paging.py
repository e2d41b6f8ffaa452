"""Lists in pages: an opaque cursor, and the ``link`` header that leads to the other pages."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qs

from airflow_provider_cdi.sandbox.call import Call, Json, Reply, failure


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a list, and the header that leads on."""

    entries: list[Json]
    headers: dict[str, str]


def page_of(entries: list[Json], call: Call, size: int) -> Page | None:
    """Cut out the page that the call's ``cursor`` asks for; None when the cursor is none of ours."""
    given = parse_qs(call.query).get("cursor")
    start = 0 if given is None else _read_cursor(given[0])
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
    cursor = base64.urlsafe_b64encode(f"c{start}".encode()).decode()
    return f'<{path}?cursor={cursor}>; rel="{relation}"'


def _read_cursor(cursor: str) -> int | None:
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return int(text[1:]) if text[:1] == "c" and text[1:].isdecimal() else None
