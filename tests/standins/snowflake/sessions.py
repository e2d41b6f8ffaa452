"""Sessions: their tokens, their parameters, and the names that are current in them."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from standins.snowflake.accounts import User
from standins.snowflake.translation import Context

_ASSIGNED = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|[^\s;]+)")
_ALTER = re.compile(r"\s*ALTER\s+SESSION\s+(SET|UNSET)\s+(.*)", re.IGNORECASE | re.DOTALL)
_USE = re.compile(r"\s*USE\s+(?:(DATABASE|SCHEMA|WAREHOUSE|ROLE)\s+)?([\w.]+)\s*;?\s*", re.IGNORECASE)


@dataclass(slots=True)
class Session:
    """One login that lasts.

    :param number: its id.
    :param user: whose it is.
    :param parameters: session parameters, names in upper case.
    :param current: DATABASE, SCHEMA, WAREHOUSE, ROLE.
    """

    number: int
    user: User
    parameters: dict[str, Any]
    current: dict[str, str | None]
    token: str = ""
    master: str = ""
    expired: bool = False
    results: list[str] = field(default_factory=list)

    @property
    def context(self) -> Context:
        """What names and times mean here."""
        zone = str(self.parameters.get("TIMEZONE") or "UTC")
        return Context(self.current.get("DATABASE"), self.current.get("SCHEMA"), zone)

    @property
    def tag(self) -> str:
        """The query tag."""
        return str(self.parameters.get("QUERY_TAG") or "")

    def renew(self) -> None:
        """Give it new tokens."""
        self.token, self.master = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.expired = False

    def alter(self, text: str) -> bool:
        """Carry out ALTER SESSION or USE; False when the statement is neither."""
        if found := _ALTER.match(text):
            for name, value in _ASSIGNED.findall(found[2]):
                self.parameters[name.upper()] = value.strip("'").replace("''", "'")
            if found[1].upper() == "UNSET":
                for name in re.split(r"[\s,]+", found[2].strip()):
                    self.parameters.pop(name.upper(), None)
            return True
        if found := _USE.fullmatch(text):
            names = found[2].upper().split(".")
            self.current[(found[1] or "DATABASE").upper()] = names[-1]
            if len(names) == 2:
                self.current["DATABASE"] = names[0]
            return True
        return False


class Sessions:
    """All sessions that are open."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._lock = threading.Lock()
        self._last = 1000

    def open(self, user: User, parameters: dict[str, Any], current: dict[str, str | None]) -> Session:
        """Open one."""
        with self._lock:
            self._last += 1
            session = Session(self._last, user, {k.upper(): v for k, v in parameters.items()}, current)
            session.renew()
            self._sessions[session.number] = session
            return session

    def by_token(self, token: str) -> Session | None:
        """Find a session by its token."""
        return next((found for found in list(self._sessions.values()) if found.token == token), None)

    def by_master(self, token: str) -> Session | None:
        """Find a session by its master token."""
        return next((found for found in list(self._sessions.values()) if found.master == token), None)

    def close(self, session: Session) -> None:
        """Forget one."""
        with self._lock:
            self._sessions.pop(session.number, None)
