"""Which REST address belongs to what a person writes into the connection's host field."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.http_settings import is_loopback

#: Braze, "API overview", endpoints by instance (read 2026). There is no US-09.
REST_HOSTS = {
    **{f"US-0{n}": f"rest.iad-0{n}.braze.com" for n in range(1, 9)},
    "US-10": "rest.us-10.braze.com",
    "EU-01": "rest.fra-01.braze.eu",
    "EU-02": "rest.fra-02.braze.eu",
    "AU-01": "rest.au-01.braze.com",
    "ID-01": "rest.id-01.braze.com",
    "JP-01": "rest.jp-01.braze.com",
    "KR-01": "rest.kr-01.braze.com",
}
#: Same page: the dashboards that people work in, whose address they copy from the browser.
DASHBOARDS = {
    **{f"dashboard-0{n}.braze.com": f"US-0{n}" for n in range(1, 9)},
    "dashboard.us-10.braze.com": "US-10",
    "dashboard-01.braze.eu": "EU-01",
    "dashboard-02.braze.eu": "EU-02",
    **{f"dashboard.{name.lower()}.braze.com": name for name in ("AU-01", "ID-01", "JP-01", "KR-01")},
}

_INSTANCE_NAME = re.compile(r"[A-Za-z]{2}-?\d{2}")
#: As urlsplit gives it: lower case, an IPv6 address without its brackets.
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*|[0-9a-f:.]*:[0-9a-f:.]*")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def rest_base_url(host: str | None, port: int | None) -> str:
    """Work out the base URL from the connection's host and port fields.

    :param host: an instance name in any case (``US-01``), a host name, or a URL without a path.
    :param port: None and 0 mean that the field is empty.
    :return: scheme, host and, where it is not the usual one, port; no slash at the end. A bare loopback host
        is taken as ``http``, any other as ``https``.
    :raises ConfigurationError: when the host is empty, not HTTPS (unless loopback), a dashboard, carries a
        path or a login, or when both fields name a port and they differ.
    """
    text = (host or "").strip()
    if not text:
        raise ConfigurationError(
            "field 'host' is empty: give the instance of your dashboard (for example US-01) "
            "or its REST host (rest.iad-01.braze.com)"
        )
    if _INSTANCE_NAME.fullmatch(text):
        text = _host_of_instance(text)
    address = _split(text)
    _refuse_plain_http(address)
    return _join(address, port)


def _host_of_instance(name: str) -> str:
    letters, digits = name[:2].upper(), name[-2:]
    try:
        return REST_HOSTS[f"{letters}-{digits}"]
    except KeyError:
        known = ", ".join(REST_HOSTS)
        raise ConfigurationError(f"field 'host': {name} is not a Braze instance; known are {known}") from None


def _split(text: str) -> SplitResult:
    if "://" not in text:
        text = f"//{_bracket_ipv6(text)}"
    try:
        address = urlsplit(text)
        _ = address.port  # parsed when asked for
    except ValueError:
        raise ConfigurationError("field 'host' is not a host name or URL: give it like US-01") from None
    host = address.hostname or ""
    if not _HOST_NAME.fullmatch(host):
        raise ConfigurationError("field 'host' names no host: give it like US-01 or rest.iad-01.braze.com")
    _refuse_other_braze_hosts(host)
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


def _refuse_other_braze_hosts(host: str) -> None:
    instance = DASHBOARDS.get(host)
    if instance:
        raise ConfigurationError(
            f"field 'host': {host} is the dashboard; its REST host is {REST_HOSTS[instance]}: "
            f"put that or {instance} into the field"
        )
    rest = re.sub(r"^sdk\.", "rest.", host)
    if rest != host and rest in REST_HOSTS.values():
        raise ConfigurationError(
            f"field 'host': {host} is the address for apps; the REST host is {rest}: put that into the field"
        )


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
