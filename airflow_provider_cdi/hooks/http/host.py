"""Which address belongs to what a person writes into a connection's host field, whichever service it is."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import SplitResult

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import has_more_than_host, is_loopback, split_address

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
    address = split_address(text, "field 'host'", example)
    host = address.hostname or ""
    check(host)
    if address.username or address.password:
        raise ConfigurationError("field 'host' carries a login: put the API key into the password field")
    if has_more_than_host(address):
        raise ConfigurationError(f"field 'host': give the host alone, {host}, without a path: the paths are added")
    default = "http" if is_loopback(host) else "https"
    return address._replace(scheme=address.scheme or default)


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
