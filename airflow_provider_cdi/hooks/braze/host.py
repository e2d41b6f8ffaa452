"""Which REST address belongs to what a person writes into the connection's host field."""

from __future__ import annotations

import re

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.http.host import base_url

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


def rest_base_url(host: str | None, port: int | None, instance: str | None = None) -> str:
    """Work out the base URL from the connection's host and port fields and the instance that was chosen.

    :param host: an instance name in any case (``US-01``), a host name, or a URL without a path.
    :param port: None and 0 mean that the field is empty.
    :param instance: one of :data:`REST_HOSTS`, in place of a host; None for none.
    :return: scheme, host and, where it is not the usual one, port; no slash at the end. A bare loopback host
        is taken as ``http``, any other as ``https``.
    :raises ConfigurationError: when the host is empty, not HTTPS (unless loopback), a dashboard, carries a
        path or a login, when both fields name a port and they differ, or when host and instance differ.
    """
    text = (host or "").strip()
    if not (text or instance):
        raise ConfigurationError(
            "field 'host' is empty and no instance is chosen: choose that of your dashboard (for example US-01), "
            "or give its REST host (rest.iad-01.braze.com)"
        )
    if _INSTANCE_NAME.fullmatch(text):
        text = _host_of_instance(text, "host")
    if instance:
        text = _only_host(text, _host_of_instance(instance, "instance"))
    return base_url(text, port, example="US-01 or rest.iad-01.braze.com", check=_refuse_other_braze_hosts)


def _only_host(host: str, of_instance: str) -> str:
    """Return the host of the instance, unless the host field names another one: which is meant cannot be told."""
    if host and host.lower().removeprefix("https://").partition(":")[0].rstrip("/") != of_instance:
        raise ConfigurationError(
            f"fields 'host' and 'instance' name two hosts ({of_instance} is that of the instance): empty one of them"
        )
    return host or of_instance


def _host_of_instance(name: str, field: str) -> str:
    if not _INSTANCE_NAME.fullmatch(name):
        raise ConfigurationError(f"field {field!r}: choose one of {', '.join(REST_HOSTS)}")
    letters, digits = name[:2].upper(), name[-2:]
    try:
        return REST_HOSTS[f"{letters}-{digits}"]
    except KeyError:
        known = ", ".join(REST_HOSTS)
        raise ConfigurationError(f"field {field!r}: {name} is not a Braze instance; known are {known}") from None


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
