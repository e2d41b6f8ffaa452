"""Service accounts: signed grants are checked, tokens are given out, permissions may lack."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from standins.bigquery.errors import ServiceError

_UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(frozen=True, slots=True)
class Account:
    """A service account.

    :param email: who it is.
    :param public_key: PEM; its private half signs the grants.
    :param lacks: permissions that it does not have (``bigquery.jobs.create``).
    :param hidden: tables that it may not read, as ``dataset.table``.
    """

    email: str
    public_key: str
    lacks: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


class GrantRefused(Exception):
    """The token endpoint's answer to a grant that it does not take."""


class Accounts:
    """All accounts, and the tokens that were given to them."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, Account] = {}
        #: Whether a caller without credentials is let in, as emulators do.
        self.anonymous = False

    def add(self, email: str, public_key: str, lacks: list[str], hidden: list[str]) -> None:
        """Add an account, or change one."""
        self._accounts[email] = Account(email, public_key, frozenset(lacks), frozenset(hidden))

    def expire(self) -> None:
        """Take back all tokens."""
        self._tokens.clear()

    def let_in(self, anonymous: bool) -> None:
        """Open or close the door for callers without credentials."""
        self.anonymous = anonymous

    def grant(self, form: Mapping[str, str]) -> str:
        """Exchange a signed grant for a token (RFC 7523).

        :raises GrantRefused: when nobody here has signed it.
        """
        account = self._signer(form.get("assertion", ""))
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self._tokens[token] = account
        return token

    def caller(self, authorization: str | None) -> Account:
        """Say who sends an ``Authorization`` header: a token from here, or a grant that speaks for itself.

        :raises ServiceError: when it is nobody.
        """
        kind, _, token = (authorization or "").partition(" ")
        if not token and self.anonymous:
            return Account("anonymous", "")
        known = self._tokens.get(token)
        if kind.lower() != "bearer" or (known is None and token.count(".") != 2):
            raise ServiceError("authError", _UNAUTHENTICATED)
        try:
            # The newest form of the account: its grants may have changed since the token was given.
            return self._accounts[known.email] if known else self._signer(token)
        except GrantRefused:
            raise ServiceError("authError", _UNAUTHENTICATED) from None

    def _signer(self, assertion: str) -> Account:
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            account = self._accounts[claims["iss"]]
            options = {"verify_aud": False, "require": ["iat", "exp", "iss"]}
            jwt.decode(assertion, account.public_key, algorithms=["RS256"], options=options)
        except KeyError:
            raise GrantRefused("Invalid grant: account not found") from None
        except jwt.PyJWTError:
            raise GrantRefused("Invalid JWT Signature.") from None
        if claims["exp"] - time.time() > 3700:
            raise GrantRefused("Invalid JWT: Token must be a short-lived token (60 minutes)")
        return account


def check_may(account: Account, permission: str, on: str) -> None:
    """See that an account has a permission.

    :raises ServiceError: in the service's words when it has not.
    """
    if permission not in account.lacks:
        return
    if permission == "bigquery.readsessions.create":
        raise ServiceError(
            "accessDenied",
            f"request failed: the user does not have '{permission}' permission for '{on}'",
        )
    project = on.removeprefix("projects/")
    raise ServiceError(
        "accessDenied",
        f"Access Denied: Project {project}: User does not have {permission} permission in project {project}.",
    )
