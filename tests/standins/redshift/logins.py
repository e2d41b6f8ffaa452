"""Who may log in: passwords that stay, and temporary ones from IAM."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

#: GetClusterCredentials, DurationSeconds.
LIFETIME = 900


class Logins:
    """Passwords by login. A login ``IAM:name`` works as the user ``name``.

    :param passwords: those that stay.
    """

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = dict(passwords)
        self._temporary: dict[str, dict[str, float]] = {}

    def add(self, user: str, password: str) -> None:
        """Let a user log in."""
        self._passwords[user] = password

    def knows(self, user: str) -> bool:
        """Whether the user exists."""
        return user in self._passwords

    def temporary(self, user: str) -> tuple[str, str, float]:
        """Return a login, its temporary password and when that ends (seconds since 1970)."""
        login, password, end = f"IAM:{user}", secrets.token_urlsafe(24), time.time() + LIFETIME
        self._temporary.setdefault(login, {})[password] = end
        return login, password, end

    def expire(self) -> None:
        """End all temporary passwords."""
        self._temporary.clear()

    def user(self, login: str, salt: bytes, answer: str) -> str | None:
        """Return the user whose password the answer proves, or None."""
        temporary = self._temporary.get(login, {})
        good = [password for password, end in temporary.items() if end > time.time()]
        if login in self._passwords:
            good.append(self._passwords[login])
        if any(hmac.compare_digest(_md5_answer(login, password, salt), answer) for password in good):
            return login.removeprefix("IAM:")
        return None


def _md5_answer(login: str, password: str, salt: bytes) -> str:
    inner = hashlib.md5(f"{password}{login}".encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
