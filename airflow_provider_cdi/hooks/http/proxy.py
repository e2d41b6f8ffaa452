"""Which proxy an HTTP host is reached through."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import has_more_than_host, is_loopback, split_address

#: aiohttp knows no SOCKS, so nothing here does.
PROXY_SCHEMES = ("http", "https")
_EXAMPLE = "http://user:password@proxy.example.com:3128"


def find_proxy(base_url: str, explicit: str | None) -> str | None:
    """Choose the proxy: the connection's, else HTTPS_PROXY or ALL_PROXY unless NO_PROXY exempts the host.

    A loopback host is never reached through a proxy of the environment: the sandbox is on this machine, and
    its key would leave it in plain text.

    :param explicit: URL from the connection, or None.
    :raises ConfigurationError: for a proxy that is not an HTTP proxy, or one for a host without TLS; its login is not
        shown.
    """
    from requests.utils import get_environ_proxies, select_proxy

    target = urlsplit(base_url)
    if explicit and target.scheme != "https":
        raise ConfigurationError("field 'proxy': a host without HTTPS is not reached through a proxy")
    chosen: str | None = explicit
    if not explicit and not is_loopback(target.hostname or ""):
        chosen = select_proxy(base_url, get_environ_proxies(base_url))
    if not chosen:
        return None
    return _proxy(chosen.strip(), "the connection's field 'proxy'" if explicit else "HTTPS_PROXY or ALL_PROXY")


def _proxy(text: str, origin: str) -> str:
    url = text if "://" in text else f"http://{text}"
    if url.partition("://")[0].lower() not in PROXY_SCHEMES:
        raise ConfigurationError(f"{origin} names a proxy that is not http:// or https://: name one that is")
    address = split_address(url, origin, _EXAMPLE)
    if has_more_than_host(address):
        raise ConfigurationError(f"{origin}: give the proxy as scheme, host and port alone, like {_EXAMPLE}")
    return url.rstrip("/")
