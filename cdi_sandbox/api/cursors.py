"""Cursors of lists in pages: opaque to the client, the number of an entry to us."""

from __future__ import annotations

import base64
import binascii


def write_cursor(start: int) -> str:
    """Make the cursor of the page that begins with this entry."""
    return base64.urlsafe_b64encode(f"c{start}".encode()).decode()


def read_cursor(cursor: str) -> int | None:
    """Say with which entry the page begins; None for a cursor that is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return int(text[1:]) if text[:1] == "c" and text[1:].isdecimal() else None
