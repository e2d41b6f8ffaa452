"""Roles that statements make, and what they may read: an administrator's part of Snowflake's access control.

Users that are there from the beginning may read everything; users that a statement makes may read what their roles
have been granted. Privileges are checked for reading alone: usage on warehouse, database and schema, and select on the
object.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from standins.snowflake.accounts import Accounts, User
from standins.snowflake.names import Path

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_PATH = rf"{_NAME}(?:\.{_NAME})*"
#: Who may carry which statements out.
_ROLES = ("sysadmin", "securityadmin")


@dataclass(frozen=True, slots=True)
class Ungranted:
    """The objects that a user may not read, in place of a set of them."""

    may_read: Callable[[Path], bool]

    def __contains__(self, path: Path) -> bool:
        return not self.may_read(path)

    def clear(self) -> None:
        """Grants are taken back one by one."""


class Rights:
    """Carries out what is about roles.

    :param accounts: where users are made.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._current = ""
        self._granted: dict[str, set[tuple[str, str, tuple[str, ...]]]] = {}
        self._roles_of: dict[str, set[str]] = defaultdict(set)
        self._orders = [
            (re.compile(pattern, re.IGNORECASE | re.DOTALL), order)
            for pattern, order in (
                (r"use role (\w+)", self._use),
                (rf"create (?:database|schema|warehouse) if not exists ({_PATH}).*", self._made),
                (rf"create role if not exists ({_NAME})", self._make_role),
                (rf"create user if not exists ({_NAME})\s+type = service\s.*", self._make_user),
                (rf"grant role ({_NAME}) to user ({_NAME})", self._give_role),
                (rf"(grant|revoke) (\w+) on (\w+) ({_PATH}) (?:to|from) role ({_NAME})", self._change),
                (rf"drop user if exists ({_NAME})", self._drop_user),
                (rf"drop role if exists ({_NAME})", self._drop_role),
                (rf"drop warehouse ({_NAME})", self._made),
                (rf"show grants to role ({_NAME})", self._made),
            )
        ]

    def take(self, text: str) -> bool:
        """Carry a statement out, and say whether it was one of these."""
        for pattern, order in self._orders:
            if found := pattern.fullmatch(text.strip()):
                order(*found.groups())
                return True
        return False

    def _use(self, role: str) -> None:
        if role.lower() not in _ROLES:
            raise ValueError(f"There is no role {role}.")
        self._current = role.lower()

    def _made(self, name: str) -> None:
        """Databases and schemas come with their first table; there is one warehouse, and it is always there."""

    def _make_role(self, name: str) -> None:
        self._needs("securityadmin")
        self._granted.setdefault(_read(name), set())

    def _make_user(self, name: str) -> None:
        self._needs("securityadmin")
        user = User(_read(name), roles=self._roles_of[_read(name)])
        user.hidden = Ungranted(lambda path: self._may_read(user, path))
        self._accounts.add(user)

    def _give_role(self, role: str, user: str) -> None:
        self._needs("securityadmin")
        self._roles_of[_read(user)].add(self._known(role))

    def _change(self, verb: str, right: str, kind: str, path: str, role: str) -> None:
        self._needs("securityadmin")
        granted = self._granted[self._known(role)]
        right_on = (right.lower(), "object" if kind.lower() in ("table", "view") else kind.lower(), _parts(path))
        (granted.add if verb.lower() == "grant" else granted.remove)(right_on)

    def _drop_user(self, name: str) -> None:
        self._accounts.remove(_read(name))
        self._roles_of.pop(_read(name), None)

    def _drop_role(self, name: str) -> None:
        self._granted.pop(_read(name), None)

    def _may_read(self, user: User, path: Path) -> bool:
        for role in user.roles:
            granted = self._granted.get(role, set())
            warehouses = any(right[:2] == ("usage", "warehouse") for right in granted)
            needed = {("usage", "database", path[:1]), ("usage", "schema", path[:2]), ("select", "object", path)}
            if warehouses and needed <= granted:
                return True
        return False

    def _known(self, role: str) -> str:
        if _read(role) not in self._granted:
            raise ValueError(f"There is no role {role}.")
        return _read(role)

    def _needs(self, role: str) -> None:
        if self._current != role:
            raise ValueError(f"Insufficient privileges: that is for {role}, and the role is {self._current or 'none'}.")


def _parts(path: str) -> tuple[str, ...]:
    return tuple(_read(name) for name in re.findall(_NAME, path))


def _read(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()
