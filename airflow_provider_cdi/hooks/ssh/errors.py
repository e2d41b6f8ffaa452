"""What an error on the way through SSH means: cause, cure, and whether a new try may succeed.

Of the other side's text nothing is repeated but reasons of the operating system and of RFC 4254.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import socket
from typing import Any

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, RetryLater

#: RFC 4254, 5.1
_PROHIBITED, _CONNECT_FAILED = 1, 2
_FILES = (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR)


def as_cdi_error(error: BaseException, conn_id: str, host: str, port: int) -> CdiError:
    """Say what an error of connecting and logging in means.

    :param conn_id: the SSH server's connection.
    """
    named = f"The SSH server of the connection {conn_id!r} ({host}, port {port})"
    told = _of_host_key(error, named, host, port) or _of_login(error, named)
    if told is not None:
        return ConfigurationError(told).of_kind("connection")
    if isinstance(error, OSError) and error.errno in _FILES:
        return ConfigurationError(
            f"{named} cannot be logged in to: a file of the connection {conn_id!r} (key_file, or the ProxyCommand of "
            f"~/.ssh/config) is not there for the worker's user. It says: {os.strerror(error.errno or 0)}."
        )
    if type(error).__name__ == "IncompatiblePeer":
        return ConfigurationError(
            f"{named} and this worker have no algorithm in common: look at ciphers and disabled_algorithms in the "
            "connection's extra, or bring the server up to date."
        ).of_kind("connection")
    return RetryLater(
        f"{named} cannot be reached: {_reason(error)}. Check host and port, the firewall between worker and server, "
        "and that sshd runs there. A new try may succeed."
    ).of_kind("connection")


def of_channel(error: BaseException, conn_id: str, host: str, port: int) -> CdiError:
    """Say why the server opened no way to the database.

    :param conn_id: the SSH server's connection.
    :param host: of the database, as the SSH server is to see it.
    """
    named = f"The SSH server of the connection {conn_id!r}"
    code = getattr(error, "code", None)
    if code == _PROHIBITED:
        return ConfigurationError(
            f"{named} does not let this login open a way to {host}, port {port}: allow it there (AllowTcpForwarding "
            "and PermitOpen in sshd_config; restrict, no-port-forwarding and permitopen= in authorized_keys)."
        ).of_kind("permission")
    if code == _CONNECT_FAILED:
        return RetryLater(
            f"{named} reaches no database at {host}, port {port}: host and port of the warehouse's connection count as "
            "the SSH server sees them. Check both, the name service there, and the firewall or security group between "
            "the two. A new try may succeed."
        ).of_kind("connection")
    return RetryLater(
        f"{named} opened no way to {host}, port {port}: {_reason(error)}. A new try may succeed."
    ).of_kind("connection")


def fingerprint(key: Any) -> str:
    """Return a host key's fingerprint as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _of_host_key(error: BaseException, named: str, host: str, port: int) -> str | None:
    if type(error).__name__ == "BadHostKeyException":
        shown: Any = error
        return (
            f"{named} shows another host key than the one that is known: {fingerprint(shown.key)} instead of "
            f"{fingerprint(shown.expected_key)}. Either it was set up anew, or somebody stands between. Nothing was "
            "sent. Ask who runs it; if the new key is right, put it into host_key of the connection's extra, or into "
            "known_hosts of the worker."
        )
    if "not found in known_hosts" in str(error):
        return (
            f"{named} has no host key that is known here, so nobody can tell whether it is the right server; nothing "
            f"was sent. Get its key with ssh-keyscan -p {port} -t ed25519 {host}, compare its fingerprint (ssh-keygen "
            "-lf -) with what the server's own people say, and put the part after the host (ssh-ed25519 AAAA…) into "
            "the extra of the connection as host_key, or the line into ~/.ssh/known_hosts of the worker's user."
        )
    return None


def _of_login(error: BaseException, named: str) -> str | None:
    classes = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if "PasswordRequiredException" in classes:
        return (
            f"{named} cannot be logged in to: the key in key_file has a passphrase. Give the key as private_key with "
            "private_key_passphrase."
        )
    if "No authentication methods" in text:
        return (
            f"{named} cannot be logged in to: its connection has neither password nor key. Give private_key or "
            "key_file in its extra."
        )
    if "AuthenticationException" in classes and "timeout" not in text.lower():
        return (
            f"{named} refuses the login: check the connection's login, and that the public half of its key stands in "
            "~/.ssh/authorized_keys of that user there (or the password, where the server takes one)."
        )
    return None


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no host of that name, or the name service does not answer"
    if isinstance(error, TimeoutError) or "timeout" in str(error).lower():
        return "nothing answers in time"
    if isinstance(error, OSError) and (error.errno or 0) in errno.errorcode:
        return os.strerror(error.errno or 0)
    if isinstance(error, EOFError) or "banner" in str(error):
        return "it ended the connection before the log-in"
    return f"the SSH library raised {type(error).__name__}"
