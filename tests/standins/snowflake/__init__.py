"""A local Snowflake: the connector's HTTP interface over DuckDB.

What it cannot show: a real query planner and its costs, the offset that a TIMESTAMP_TZ was written with (all show
two hours), a TIMESTAMP_NTZ(9) column that holds nanoseconds *and* the year 9999, rights other than to read, and how
the service sizes its chunks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from standins.process import StandIn

LOGIN, PASSWORD = "CDI_SYNC", "correct horse 'battery' staple"
KEY_LOGIN, TOKEN_LOGIN, TOKEN = "CDI_KEY", "CDI_TOKEN", "an-access-token"
PASSPHRASE = 'open "sesame"'
GUEST, GUEST_PASSWORD = "CDI_GUEST", "a guest's password"
ACCOUNT, DATABASE, SCHEMA = "CDI-TEST", "CDI_DB", "INGESTION"
WAREHOUSE, ROLE = "CDI_WH", "CDI_ROLE"


class SnowflakeStandIn(StandIn):
    """A Snowflake account on localhost, with users that log in by password, key pair and token.

    :param settings: ``chunk_rows`` (every chunk holds so many rows), ``patience`` (seconds until a statement that
        runs is answered with "in progress"; 45 as in the service), ``zone`` (the account's TIMEZONE).
    """

    name = "snowflake"
    conn_type = "snowflake"

    def prepare(self) -> None:
        """Make the key pair of a user, plain and encrypted, and one that nobody knows."""
        self.strange_key = pem(new_key(), None)
        self.key = new_key()
        self.private_key = pem(self.key, None)
        self.encrypted_key = pem(self.key, PASSPHRASE)
        self.private_key_file = self.folder / "rsa_key.p8"
        self.private_key_file.write_text(self.encrypted_key)

    def settings(self) -> dict[str, Any]:
        """Add the account and its users."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        users = [
            {"name": LOGIN, "password": PASSWORD},
            {"name": GUEST, "password": GUEST_PASSWORD},
            {"name": KEY_LOGIN, "public_key": public.decode()},
            {"name": TOKEN_LOGIN, "token": TOKEN},
        ]
        home = {"account": ACCOUNT, "role": ROLE, "database": DATABASE, "schema": SCHEMA}
        return {"patience": 45.0, "zone": "America/Los_Angeles", "users": users, **home, **super().settings()}

    def usual_connection(self) -> dict[str, Any]:
        """Log in by password."""
        extra = {
            "account": ACCOUNT,
            "database": DATABASE,
            "warehouse": WAREHOUSE,
            "host": "localhost",
            "port": self.port,
        }
        return {"login": LOGIN, "password": PASSWORD, "schema": SCHEMA, "extra": extra}

    def kept(self) -> int:
        """Return how many chunks the server keeps."""
        found: int = self.control("kept")
        return found

    @property
    def environment(self) -> Mapping[str, str]:
        """Let the connector believe our authority, and look for no cloud around it: that waits for DNS."""
        return {"REQUESTS_CA_BUNDLE": str(self.tls.authority), "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}

    def hide(self, name: str, login: str = LOGIN) -> None:
        """Take a login's grants on a table away, until :meth:`clean`."""
        self.control("hide", login=login, name=name)

    def clean(self) -> None:
        """Drop all tables and views, and give grants back."""
        self.control("clean")


def new_key() -> rsa.RSAPrivateKey:
    """Make a key as ``openssl genrsa 2048`` does."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey, passphrase: str | None) -> str:
    """Return a private key as a PEM file holds it."""
    how: Any = serialization.NoEncryption()
    if passphrase is not None:
        how = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()
