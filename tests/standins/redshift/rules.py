"""What Redshift refuses and PostgreSQL does not: cursors are dear there.

Source: Database Developer Guide, DECLARE ("Cursor constraints"): one open cursor a session, inside a transaction (which
PostgreSQL wants too), and on a cluster of one node at most 1,000 rows a FETCH.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SINGLE_NODE_ROWS = 1000

_FETCH = re.compile(r"\s*fetch\s+(?:forward\s+)?(all|\d+|next)?", re.IGNORECASE)
_DECLARE = re.compile(r"\s*declare\s", re.IGNORECASE)
_CLOSE = re.compile(r"\s*close\s", re.IGNORECASE)
_SILENT = re.compile(r"\s*(begin|start|commit|end|abort|rollback|set|show|reset)\b", re.IGNORECASE)

Kind = Literal["declare", "fetch", "close", "housekeeping", "query"]


def kind_of(text: str) -> Kind:
    """Say what a statement is to the rules and to the log."""
    for kind, pattern in (("declare", _DECLARE), ("fetch", _FETCH), ("close", _CLOSE), ("housekeeping", _SILENT)):
        if pattern.match(text):
            return kind  # type: ignore[return-value]
    return "query"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that the server answers with.

    :param code: SQLSTATE.
    """

    code: str
    text: str

    @property
    def sql(self) -> str:
        """A statement that raises it, so that the transaction fails with it as it should."""
        text = self.text.replace("%", "%%").replace("'", "''")
        return f"do $refuse$ begin raise exception using errcode = '{self.code}', message = '{text}'; end $refuse$"


def refused(text: str, kind: Kind, *, cursor_is_open: bool, fetch_limit: int | None) -> Refusal | None:
    """Return why Redshift would not run a statement; None when it would.

    :param fetch_limit: rows of one FETCH; None on a cluster of several nodes.
    """
    if kind == "declare" and cursor_is_open:
        return Refusal("0A000", "Only one cursor at a time can be open per session")
    found = _FETCH.match(text) if kind == "fetch" and fetch_limit is not None else None
    if found is None:
        return None
    wanted = (found[1] or "1").lower()
    if wanted == "all":
        return Refusal("0A000", "FETCH ALL is not supported for a single node configuration")
    if wanted.isdigit() and int(wanted) > (fetch_limit or 0):
        return Refusal(
            "XX000",
            f"Fetch size {wanted} exceeds the limit of {fetch_limit} for a single node configuration. "
            "Reduce the client fetch/cache size or upgrade to a multi node installation.",
        )
    return None
