"""Who may log in, with what, and what they may see."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from standins.snowflake import faults
from standins.snowflake.names import Path


@dataclass(slots=True)
class User:
    """A login.

    :param password: or None when it has none.
    :param public_key: PEM, or None.
    :param token: an OAuth access token or programmatic access token that is taken for the user's, or None.
    :param hidden: objects that it has no grant for.
    """

    name: str
    password: str | None = None
    public_key: str | None = None
    token: str | None = None
    hidden: set[Path] = field(default_factory=set)


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
        if role and role.upper() != self._role:
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
        if user is None or user.public_key is None:
            raise faults.wrong_key(session)
        key = serialization.load_pem_public_key(user.public_key.encode())
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        subject = f"{self._account}.{user.name.upper()}"
        try:
            jwt.decode(token, key, algorithms=["RS256"], issuer=f"{subject}.SHA256:{fingerprint}", subject=subject)
        except jwt.InvalidTokenError:
            raise faults.wrong_key(session) from None
        return user

    def _by_token(self, token: str, method: str) -> User:
        for user in self._users.values():
            if user.token == token:
                return user
        if method == "OAUTH":
            raise faults.SnowflakeError("390303", "Invalid OAuth access token. ", "08004")
        raise faults.SnowflakeError("390192", "Programmatic access token is invalid.", "08004")
