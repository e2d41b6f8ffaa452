"""RSA key pairs: made, kept in a file that nobody else reads, and told apart by their fingerprints.

The private half goes into its file and nowhere else: no result and no message of this module holds any of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

#: What Snowflake asks for at least, and as much as anybody has a use for.
FEWEST_BITS, MOST_BITS = 2048, 8192


def make_key(path: Path, *, bits: int = FEWEST_BITS, passphrase: str | None = None) -> rsa.RSAPublicKey:
    """Make a key pair and write the private key into a new file, as PKCS#8 in PEM with the mode 0600.

    :param path: of the file; its folder must be there.
    :param bits: 2048 to 8192, in steps of 256.
    :param passphrase: encrypts the file; None leaves it in the clear.
    :return: the public key.
    :raises ConfigurationError: when the file exists or cannot be written, or the arguments make no sense.
    """
    if not FEWEST_BITS <= bits <= MOST_BITS or bits % 256:
        raise ConfigurationError(f"A key has {FEWEST_BITS} to {MOST_BITS} bits, in steps of 256, and not {bits}.")
    if passphrase == "":
        raise ConfigurationError("The passphrase is empty: give one, or leave it out.")
    descriptor = _new_file(path)
    try:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _locked_by(passphrase))
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
    except BaseException as error:
        with suppress(FileNotFoundError):
            path.unlink()  # half a key
        if isinstance(error, OSError):
            raise ConfigurationError(
                f"The key could not be written to {path}: {os.strerror(error.errno or 0)}."
            ) from None
        raise
    finally:
        os.close(descriptor)
    return key.public_key()


def read_public_key(pem: bytes, passphrase: str | None, named: str) -> rsa.RSAPublicKey:
    """Return the public half of a private key, or of a public one.

    :param pem: PEM, or base64 of it, as Airflow takes it for ``private_key_content``.
    :param passphrase: of the private key; None or empty for none.
    :param named: what it is, for messages (``The file rsa_key.p8``).
    :raises ConfigurationError: when it is no RSA key, or the passphrase does not open it.
    """
    secret = passphrase.encode() if passphrase else None
    for text in (pem, _decoded(pem)):
        if b"-----BEGIN PUBLIC KEY" in text:
            with suppress(ValueError, UnsupportedAlgorithm):
                return _rsa(serialization.load_pem_public_key(text), named)
        elif b"-----BEGIN" in text:
            # A key in the clear is one whatever passphrase a connection has.
            for phrase in (secret, None):
                with suppress(ValueError, TypeError, UnsupportedAlgorithm):
                    return _rsa(serialization.load_pem_private_key(text, phrase).public_key(), named)
    raise ConfigurationError(
        f"{named} is no key in PEM form that {'its' if secret else 'no'} passphrase opens: check the key and, where it "
        "is encrypted, its passphrase."
    ) from None


def public_text(key: rsa.RSAPublicKey) -> str:
    """Return a public key as Snowflake takes it: base64 of its DER form, on one line."""
    return base64.b64encode(_der(key)).decode()


def fingerprint(key: rsa.RSAPublicKey) -> str:
    """Return a key's fingerprint as Snowflake shows it: ``SHA256:`` and base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(_der(key)).digest()).decode()


def _der(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _rsa(key: object, named: str) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigurationError(f"{named} holds a key that is not RSA: Snowflake takes RSA alone.")
    return key


def _locked_by(passphrase: str | None) -> KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(passphrase.encode())


def _new_file(path: Path) -> int:
    try:
        # Neither an old file nor what a link leads to is ever written over.
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists, and a key is never written over: name another file, or take that one away."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from None


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return b""
