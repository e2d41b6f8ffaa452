"""The Braze connection."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi import __version__
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, NoAnswer, RetryLater
from airflow_provider_cdi.hooks import braze_form
from airflow_provider_cdi.hooks.braze_host import rest_base_url
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.hooks.http_settings import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_TIMEOUT,
    HttpSettings,
    find_ca_bundle,
    find_proxy,
)
from airflow_provider_cdi.version_compat import BaseHook

# What needs an HTTP library or pyarrow is imported when a task runs: a DAG file may import this module.
if TYPE_CHECKING:
    import requests
    from airflow.sdk import Connection

    from airflow_provider_cdi.hooks.http_transport import AiohttpTransport


class BrazeHook(BaseHook):
    """Reaches the REST API of one Braze instance with one workspace's key.

    The connection holds the API key in ``password``, the instance or REST host in ``host``, and optionally
    ``port`` and, in ``extra``, ``timeout``, ``connect_timeout``, ``ca_bundle`` and ``proxy``.

    .. seealso::
        :doc:`/connections/braze`

    :param braze_conn_id: the connection's id.
    """

    conn_name_attr = "braze_conn_id"
    default_conn_name = "braze_default"
    conn_type = "braze"
    hook_name = "Braze"

    def __init__(self, braze_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.braze_conn_id = braze_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the extra fields of the form to Airflow older than 3.2; newer ones read the provider info."""
        return braze_form.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give hidden fields, labels and placeholders to Airflow older than 3.2."""
        return {
            "hidden_fields": braze_form.HIDDEN_FIELDS,
            "relabeling": braze_form.RELABELING,
            "placeholders": braze_form.PLACEHOLDERS,
        }

    @cached_property
    def settings(self) -> HttpSettings:
        """What the connection and the worker's environment say about reaching Braze. Read once.

        :raises ConfigurationError: when a field is missing or makes no sense; it names connection and field.
        """
        connection = find_connection(self.braze_conn_id)
        try:
            return _read_settings(connection)
        except ConfigurationError as fault:
            raise ConfigurationError(f"Connection {self.braze_conn_id!r}: {fault}.") from None

    def get_conn(self) -> requests.Session:
        """Open a session with key, proxy, certificates and no redirects, for calls of your own.

        Pass ``timeout`` with each call; full addresses are ``hook.settings.url("/path")``.
        """
        from airflow_provider_cdi.hooks.http_calls import open_session

        return open_session(self.settings)

    def transport(self, max_connections: int) -> AiohttpTransport:
        """Make the transport that delivers batches.

        :param max_connections: connections that are open at most.
        """
        from airflow_provider_cdi.hooks.http_transport import AiohttpTransport

        return AiohttpTransport(self.settings, max_connections)

    def test_connection(self) -> tuple[bool, str]:
        """Prove host, key and permissions by six requests that change nothing.

        :return: whether the key works, and a text that says what is granted, or which step failed and why.
        """
        from airflow_provider_cdi.hooks.braze_check import check_key
        from airflow_provider_cdi.hooks.http_calls import call

        try:
            settings = self.settings
            with self.get_conn() as session:
                return check_key(lambda request: call(session, settings, request), settings.host)
        except CdiError as fault:
            return False, str(fault)

    def get_catalog_fields(self, name: str) -> dict[str, str]:
        """Look a catalog up before items are sent to it.

        :param name: the catalog's name, in its exact case.
        :return: field name -> Braze type (``string``, ``number``, ``boolean``, ``time``, ``object``,
            ``array``, ``geo``), in the catalog's order.
        :raises DestinationRefused: when there is no such catalog (the text lists those that exist), or the
            key lacks the permission ``catalogs.get``.
        :raises RetryLater: when Braze could not be asked, after a minute of tries.
        """
        from airflow_provider_cdi.engine.ports import Request
        from airflow_provider_cdi.hooks.braze_catalogs import fields_of_catalog
        from airflow_provider_cdi.hooks.http_calls import call_until_settled

        try:
            answer = call_until_settled(self.settings, Request("GET", "/catalogs", b""))
        except NoAnswer as fault:
            raise RetryLater(f"Braze's catalogs could not be listed: {fault.reason}.") from None
        return fields_of_catalog(answer, name, self.settings.host)


def _read_settings(connection: Connection) -> HttpSettings:
    extra = connection.extra_dejson
    if not isinstance(extra, dict):
        raise ConfigurationError("field 'extra' is not a JSON object")
    key = _read_key(connection.password)
    base_url = rest_base_url(connection.host, connection.port)
    return HttpSettings(
        base_url=base_url,
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-cdi/{__version__}",
        },
        secret=key,
        ca_bundle=find_ca_bundle(base_url, _text(extra, "ca_bundle")),
        proxy=find_proxy(base_url, _text(extra, "proxy")),
        connect_timeout=_seconds(extra, "connect_timeout", DEFAULT_CONNECT_TIMEOUT),
        timeout=_seconds(extra, "timeout", DEFAULT_TIMEOUT),
    )


def _read_key(password: str | None) -> str:
    key = (password or "").strip()
    if not key:
        raise ConfigurationError(
            "field 'password' is empty: put a REST API key there (Braze: Settings > APIs and Identifiers > API Keys)"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("field 'password' holds characters that no API key has: copy the key again")
    return key


def _text(extra: dict[str, Any], name: str) -> str | None:
    value = extra.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"field {name!r} in extra must be a text")
    return (value or "").strip() or None


def _seconds(extra: dict[str, Any], name: str, default: float) -> float:
    value = extra.get(name)
    if value is None or value == "":
        return default
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"field {name!r} in extra must be a number of seconds above 0")
    return seconds
