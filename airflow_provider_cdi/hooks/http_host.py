"""Which address belongs to what a person writes into a connection's host field, whichever service it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.http_settings import is_loopback

#: As urlsplit gives it: lower case, an IPv6 address without its brackets.
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*|[0-9a-f:.]*:[0-9a-f:.]*")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def base_url(text: str, port: int | None, *, example: str, check: Callable[[str], None] = lambda host: None) -> str:
    """Work out the base URL from the connection's host and port fields.

    :param text: a host name, or a URL without a path; not empty.
    :param port: None and 0 mean that the field is empty.
    :param example: what a right host looks like, for messages.
    :param check: raises ConfigurationError for a host that belongs to the service and is not the one for its API.
    :return: scheme, host and, where it is not the usual one, port; no slash at the end. A bare loopback host
        is taken as ``http``, any other as ``https``.
    :raises ConfigurationError: when the host is not HTTPS (unless loopback), carries a path or a login, or when
        both fields name a port and they differ.
    """
    address = _split(text, example, check)
    _refuse_plain_http(address)
    return _join(address, port)


def _split(text: str, example: str, check: Callable[[str], None]) -> SplitResult:
    if "://" not in text:
        text = f"//{_bracket_ipv6(text)}"
    try:
        address = urlsplit(text)
        _ = address.port  # parsed when asked for
    except ValueError:
        raise ConfigurationError(f"field 'host' is not a host name or URL: give it like {example}") from None
    host = address.hostname or ""
    if not _HOST_NAME.fullmatch(host):
        raise ConfigurationError(f"field 'host' names no host: give it like {example}")
    check(host)
    if address.username or address.password:
        raise ConfigurationError("field 'host' carries a login: put the API key into the password field")
    if address.path.strip("/") or address.query or address.fragment:
        raise ConfigurationError(f"field 'host': give the host alone, {host}, without a path: the paths are added")
    default = "http" if is_loopback(host) else "https"
    return address._replace(scheme=address.scheme or default)


def _bracket_ipv6(text: str) -> str:
    try:
        return f"[{IPv6Address(text)}]"
    except ValueError:
        return text


def _refuse_plain_http(address: SplitResult) -> None:
    if address.scheme not in _DEFAULT_PORTS:
        raise ConfigurationError(f"field 'host': {address.scheme}:// is not understood: use https://")
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        raise ConfigurationError(
            f"field 'host': http://{address.hostname} would send the API key in plain text: use https:// "
            "(http is for loopback only)"
        )


def _join(address: SplitResult, port_field: int | None) -> str:
    if address.port and port_field and address.port != port_field:
        raise ConfigurationError(
            f"fields 'host' and 'port' name different ports ({address.port} and {port_field}): keep the right one"
        )
    port = address.port or port_field or _DEFAULT_PORTS[address.scheme]
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"field 'port': {port} is not a port: leave it empty or give 443")
    host = address.hostname or ""
    name = f"[{host}]" if ":" in host else host
    shown_port = "" if port == _DEFAULT_PORTS[address.scheme] else f":{port}"
    return f"{address.scheme}://{name}{shown_port}"
