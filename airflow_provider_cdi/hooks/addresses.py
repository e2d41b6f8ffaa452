"""The one reading of addresses that a person writes into a connection: hosts, proxies, endpoints.

No message shows the address itself: what is wrong with it may have put a password where the host should be.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError

#: As urlsplit gives it: lower case, an IPv6 address without its brackets.
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*|[0-9a-f:.]*:[0-9a-f:.]*")
_HIGHEST_PORT = 65535


def split_address(text: str, field: str, example: str) -> SplitResult:
    """Take an address apart that may lack a scheme.

    :param text: a host name or a URL, with or without port and login.
    :param field: where it stands, for messages (``field 'host'``).
    :param example: what a right one looks like.
    :return: its parts; ``hostname`` is a possible one and ``port`` can be asked for.
    :raises ConfigurationError: when it is no address; it shows nothing of it.
    """
    if "://" not in text:
        text = f"//{_bracket_ipv6(text)}"
    try:
        address = urlsplit(text)
        port = address.port  # parsed when asked for
    except ValueError:
        raise ConfigurationError(_no_address(text, field, example)) from None
    if not _HOST_NAME.fullmatch(address.hostname or "") or (port is not None and not 1 <= port <= _HIGHEST_PORT):
        raise ConfigurationError(_no_address(text, field, example))
    if "@" in address.path + address.query + address.fragment:
        # The login ended at the first of these signs, and the rest of it would be taken for a path.
        raise ConfigurationError(_no_address(text, field, example))
    return address


def has_more_than_host(address: SplitResult) -> bool:
    """Whether a path, a query or a fragment follows host and port."""
    return bool(address.path.strip("/") or address.query or address.fragment)


def _no_address(text: str, field: str, example: str) -> str:
    problem = f"{field} is no host name or URL with a port from 1 to {_HIGHEST_PORT}: give it like {example}"
    if "@" not in text:
        return problem
    return f"{problem}. In a login write # as %23, / as %2F, ? as %3F, @ as %40 and : as %3A"


def _bracket_ipv6(text: str) -> str:
    try:
        return f"[{IPv6Address(text)}]"
    except ValueError:
        return text


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine (127.0.0.0/8, ::1, localhost)."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
