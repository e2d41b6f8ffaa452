"""Who may come in: tokens, and service principals that fetch one by OAuth."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

#: Personal access token -> user.
TOKENS = {"dapi-reader-token": "reader", "dapi-guest-token": "guest"}
#: Client id -> (secret, user).
PRINCIPALS = {"5b1f-client": ("dose-client-secret", "principal")}


@dataclass
class Logins:
    """Checks what a request brings.

    :param lifetime: seconds that a token of OAuth is good, as it is told to the client.
    """

    lifetime: int = 3600
    _issued: dict[str, str] = field(default_factory=dict)

    def user(self, header: str | None) -> str | None:
        """Return whose token a request brings; None when it brings none that is good."""
        token = (header or "").removeprefix("Bearer ").strip()
        return TOKENS.get(token) or self._issued.get(token)

    def issue(self, header: str | None) -> str | None:
        """Return a new token for the client id and secret of a Basic header; None when they are wrong."""
        client, _, secret = base64.b64decode((header or "").removeprefix("Basic ")).decode().partition(":")
        expected, user = PRINCIPALS.get(client, ("", ""))
        if not expected or secret != expected:
            return None
        token = f"oauth-{secrets.token_hex(16)}"
        self._issued[token] = user
        return token

    def revoke(self) -> None:
        """Forget every token of OAuth: each is as if its time had come."""
        self._issued.clear()
