"""Who may log in, with what, and what they may see."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from standins.snowflake import faults


@dataclass(slots=True)
class User:
    """A login.

    :param password: or None when it has none.
    :param public_key: PEM, or what is between its first line and its last, or None.
    :param second_key: another one, that is as good.
    :param token: an OAuth access token or programmatic access token that is taken for the user's, or None.
    :param hidden: objects that it has no grant for.
    :param roles: that statements have given to it; None for who is there from the beginning and has the one role.
    """

    name: str
    password: str | None = None
    public_key: str | None = None
    second_key: str | None = None
    token: str | None = None
    hidden: Any = field(default_factory=set)
    roles: set[str] | None = None

    def registered(self) -> Iterator[tuple[str, Any, str]]:
        """Name the keys that it has, each with itself and its fingerprint."""
        for name, text in (("RSA_PUBLIC_KEY", self.public_key), ("RSA_PUBLIC_KEY_2", self.second_key)):
            if text is not None:
                der = base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))
                fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
                yield name, serialization.load_der_public_key(der), fingerprint


_SET_KEY = re.compile(r"alter user (\S+) set (rsa_public_key(?:_2)?) ?= ?'([A-Za-z0-9+/=]+)' ?;?", re.IGNORECASE)
_UNSET_KEY = re.compile(r"alter user (\S+) unset (rsa_public_key(?:_2)?) ?;?", re.IGNORECASE)
_DESCRIBE = re.compile(r"desc(?:ribe)? user (\S+)", re.IGNORECASE)


class Accounts:
    """The users of the one account.

    :param role: the one role that there is.
    :param users: fields of :class:`User`, a mapping each.
    """

    def __init__(self, account: str, role: str, users: list[dict[str, Any]]) -> None:
        self._account = account.upper()
        self._role = role
        self._users = {fields["name"].upper(): User(**fields) for fields in users}

    def user(self, name: str) -> User:
        """Return a user by name, in any case."""
        return self._users[name.upper()]

    def add(self, user: User) -> None:
        """Add a user, unless it is there."""
        self._users.setdefault(user.name.upper(), user)

    def remove(self, name: str) -> None:
        """Remove a user."""
        self._users.pop(name.upper(), None)

    def alter(self, text: str) -> bool:
        """Set or unset a user's key, when a statement does that."""
        found = _SET_KEY.fullmatch(text.strip()) or _UNSET_KEY.fullmatch(text.strip())
        if found is None:
            return False
        place = "second_key" if found[2].endswith("_2") else "public_key"
        setattr(self.user(found[1].strip('"')), place, found[3] if found.re is _SET_KEY else None)
        return True

    def described(self, text: str) -> str:
        """Return ``DESC USER`` as a query; other statements as they are."""
        found = _DESCRIBE.fullmatch(text.strip())
        if found is None:
            return text
        prints = {f"{name}_FP": fingerprint for name, _, fingerprint in self.user(found[1].strip('"')).registered()}
        rows = [(name, prints.get(name, "null")) for name in ("RSA_PUBLIC_KEY_FP", "RSA_PUBLIC_KEY_2_FP")]
        return " union all ".join(f"select '{name}' as \"property\", '{value}' as \"value\"" for name, value in rows)

    def show_all(self) -> None:
        """Give every user all grants."""
        for user in self._users.values():
            user.hidden.clear()

    def check(self, login: dict[str, Any], role: str | None, session: str) -> User:
        """Return who logs in.

        :param login: the ``data`` of a login request.
        :param role: which role it is to have.
        :raises SnowflakeError: when the credentials or the role are wrong.
        """
        user = self._identified(login, session)
        known = {self._role} if user.roles is None else user.roles
        if role and (role.strip('"') if role.startswith('"') else role.upper()) not in known:
            raise faults.unknown_role(role)
        return user

    def _identified(self, login: dict[str, Any], session: str) -> User:
        user = self._users.get(str(login.get("LOGIN_NAME", "")).upper())
        method = str(login.get("AUTHENTICATOR", "")).upper()
        if method == "SNOWFLAKE_JWT":
            return self._by_key(user, str(login.get("TOKEN")), session)
        if method in ("OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
            return self._by_token(str(login.get("TOKEN")), method)
        if user is None or user.password is None or login.get("PASSWORD") != user.password:
            raise faults.wrong_password()
        return user

    def _by_key(self, user: User | None, token: str, session: str) -> User:
        if user is None:
            raise faults.wrong_key(session)
        subject = f"{self._account}.{user.name.upper()}"
        for _, key, fingerprint in user.registered():
            with suppress(jwt.InvalidTokenError):
                jwt.decode(token, key, algorithms=["RS256"], issuer=f"{subject}.{fingerprint}", subject=subject)
                return user
        raise faults.wrong_key(session)

    def _by_token(self, token: str, method: str) -> User:
        for user in self._users.values():
            if user.token == token:
                return user
        if method == "OAUTH":
            raise faults.SnowflakeError("390303", "Invalid OAuth access token. ", "08004")
        raise faults.SnowflakeError("390192", "Programmatic access token is invalid.", "08004")
