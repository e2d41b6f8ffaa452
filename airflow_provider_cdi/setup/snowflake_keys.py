"""Key pairs of a Snowflake user: the statements that set them, the rotation without downtime, and which one is in use.

.. seealso:: https://docs.snowflake.com/en/user-guide/key-pair-auth
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.keys import fingerprint, public_text, read_public_key

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

#: A user has room for two keys, so that both are good while one takes the other's place.
SLOTS: Mapping[int, str] = {1: "RSA_PUBLIC_KEY", 2: "RSA_PUBLIC_KEY_2"}
FINGERPRINTS: Mapping[int, str] = {1: "RSA_PUBLIC_KEY_FP", 2: "RSA_PUBLIC_KEY_2_FP"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=")


def set_key(user: str, key: RSAPublicKey, slot: int = 1) -> str:
    """Return the statement that gives a user a key.

    :param user: its name; one that is no plain identifier is quoted.
    :param slot: 1 or 2.
    """
    return f"ALTER USER {quoted_user(user)} SET {SLOTS[slot]} = '{public_text(key)}';"


def unset_key(user: str, slot: int) -> str:
    """Return the statement that takes a key away."""
    return f"ALTER USER {quoted_user(user)} UNSET {SLOTS[slot]};"


def rotation(user: str, key: RSAPublicKey, slot: int, file: Path) -> str:
    """Return the steps that put a new key in the place of the other, as SQL with comments.

    :param slot: which of the two is free.
    :param file: where the new private key is.
    """
    other = 3 - slot
    return "\n".join(
        (
            "-- 1. Both keys are good from here on; nothing else changes.",
            set_key(user, key, slot),
            "",
            f"-- 2. In the Airflow connection name the new key: private_key_file {file}, or its content as",
            "--    private_key_content; the password of the connection is its passphrase, empty without one.",
            f"-- 3. See that it is in use:  airflow cdi keygen in-use --conn-id …  must say {SLOTS[slot]}.",
            "-- 4. Wait for the tasks that began before, and look for everything else that logs in with the old key.",
            "",
            "-- 5. The old key is good no longer. The next rotation takes the place that is free now.",
            unset_key(user, other),
        )
    )


def quoted_user(user: str) -> str:
    """Return a user's name as SQL.

    :raises ConfigurationError: when it is empty.
    """
    if not user.strip():
        raise ConfigurationError("The name of the user is empty: give the name of the Snowflake user.")
    return user if _PLAIN.fullmatch(user) else '"' + user.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """A key beside those of a user.

    :param fingerprint: of the key that was asked about.
    :param registered: slot -> fingerprint of the key in it; None where it is empty.
    """

    fingerprint: str
    registered: Mapping[int, str | None]

    @property
    def slot(self) -> int | None:
        """Which of the two it is; None when it is neither."""
        return next((slot for slot, found in self.registered.items() if found == self.fingerprint), None)


def given_fingerprint(text: str | None) -> str | None:
    """Read a fingerprint that somebody pasted.

    :raises ConfigurationError: when it is none.
    """
    text = (text or "").strip()
    if text in ("", "null"):
        return None
    if not _FINGERPRINT.fullmatch(text):
        raise ConfigurationError(
            f"{text[:60]!r} is no fingerprint: paste what DESC USER shows as {FINGERPRINTS[1]} or {FINGERPRINTS[2]}, "
            "SHA256: and 44 characters."
        )
    return text


def key_of_connection(connection: Connection) -> RSAPublicKey:
    """Return the public half of the key that a connection logs in with.

    :raises ConfigurationError: when it has none, or it cannot be read.
    """
    extra = connection.extra_dejson
    file, content = (
        extra.get(name) or extra.get(f"extra__snowflake__{name}")
        for name in ("private_key_file", "private_key_content")
    )
    named = f"The key of the connection {connection.conn_id!r}"
    if file:
        return key_of_file(Path(file), connection.password)
    if not content:
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} has neither private_key_file nor private_key_content in its extra, "
            "so it does not log in with a key pair."
        )
    return read_public_key(str(content).encode(), connection.password, named)


def key_of_file(path: Path, passphrase: str | None) -> RSAPublicKey:
    """Return the public half of the key in a file.

    :raises ConfigurationError: when it cannot be read.
    """
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from None
    return read_public_key(pem, passphrase, f"The file {path}")


def registered_keys(conn_id: str, user: str | None = None) -> dict[int, str | None]:
    """Ask Snowflake for the fingerprints of a user's two keys.

    :param conn_id: a Snowflake connection; its user may be another that may describe this one.
    :param user: whose; by default the connection's own.
    :raises ConfigurationError: when the connection is none of Snowflake.
    :raises SourceError: when the user may not be described.
    """
    from airflow_provider_cdi.hooks.connections import find_connection
    from airflow_provider_cdi.hooks.sql.reader import Statement
    from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

    connection = find_connection(conn_id)
    if connection.conn_type != "snowflake":
        raise ConfigurationError(
            f"Connection {conn_id!r} has the type {connection.conn_type!r}; name one of Snowflake."
        )
    hook = get_warehouse_hook(conn_id, "cdi_keygen")
    described = Statement(f"DESC USER {quoted_user(user or connection.login or '')}")
    with hook.session.connected("asking for the keys of the user") as opened:
        rows = hook.dialect.reader.fetch(opened, described)
    found = {str(row[0]): row[1] for row in rows}
    return {slot: given_fingerprint(found.get(name)) for slot, name in FINGERPRINTS.items()}


def key_in_use(key: RSAPublicKey, registered: Mapping[int, str | None]) -> KeyInUse:
    """Put a key beside the two of a user."""
    return KeyInUse(fingerprint(key), registered)
