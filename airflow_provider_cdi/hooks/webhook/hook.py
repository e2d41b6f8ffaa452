"""A connection of Airflow's own type ``http``, to a service that takes rows as JSON."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.http.connection import make_settings, read_key, read_text
from airflow_provider_cdi.hooks.http.form import HTTP_FIELDS
from airflow_provider_cdi.hooks.http.hook import HttpHook
from airflow_provider_cdi.hooks.http.host import base_url
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.typed_extra import read_extra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.engine.verdicts import Request, Response
    from airflow_provider_cdi.hooks.webhook.transport import WebhookTransport

SIGNING_SECRET = "signing_secret"  # noqa: S105 - the field's name
#: A shorter text is no key, and stands in an answer by chance.
_LEAST_SECRET = 8
#: Fields of Airflow's HttpHook that are no headers, and have no meaning here.
_OPTIONS = frozenset(
    {"allow_redirects", "auth_kwargs", "auth_type", "cert", "check_response", "headers", "max_redirects", "proxies"}
    | {"stream", "trust_env", "verify"}
)
#: RFC 9110: what a header's name may be. What its value may be besides is not used by anybody's key.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


class WebhookHook(HttpHook):
    """Reaches a service of one's own over a connection of the type ``http``, which Airflow's HTTP provider has too.

    The connection holds ``host``, and optionally ``schema``, ``port``, ``password`` (a bearer token; with ``login``, a
    password) and, in ``extra``, ``signing_secret``, ``timeout``, ``connect_timeout``, ``ca_bundle``, ``proxy``,
    ``requests_per_second`` and ``rate_share``. Every other field of ``extra`` is a header.

    .. seealso::
        :ref:`howto/operator:WarehouseToHttpOperator`

    :param http_conn_id: the connection's id.
    """

    conn_name_attr = "http_conn_id"
    default_conn_name = "http_default"
    conn_type = "http"
    hook_name = "HTTP"

    def __init__(self, http_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(http_conn_id, **kwargs)
        self.http_conn_id = http_conn_id

    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields of the connection.

        :raises ConfigurationError: when a field is missing or makes no sense; it names the field.
        """
        extra, host = read_extra(connection), (connection.host or "").strip()
        if not host:
            raise ConfigurationError("field 'host' is empty: give the service's host, such as api.example.com")
        scheme = (connection.schema or "").strip()
        address = f"{scheme}://{host}" if scheme and "://" not in host else host
        read_text(extra, SIGNING_SECRET)  # a bad one is named here, with the other fields
        headers = _headers(extra)
        secrets = [one.strip() for one in (connection.password or "", *headers.values()) if len(one) >= _LEAST_SECRET]
        headers |= _login(connection, headers) | {"Content-Type": "application/json", "Accept": "application/json"}
        url = base_url(address, connection.port, example="api.example.com")
        return make_settings(url, headers, max(secrets, key=len, default=""), extra)

    def transport(self, max_connections: int) -> WebhookTransport:
        """Make the transport that delivers batches, and signs them where the connection has a ``signing_secret``.

        :param max_connections: connections that are open at most.
        """
        from airflow_provider_cdi.hooks.webhook.transport import WebhookTransport

        return WebhookTransport(self.settings, max_connections, read_text(read_extra(self.connection), SIGNING_SECRET))

    def shown_headers(self) -> dict[str, str]:
        """Return the headers of each request for people to look at. Those that are new for each one are ``***`` too."""
        signed = ("X-Timestamp", "X-Signature") if read_text(read_extra(self.connection), SIGNING_SECRET) else ()
        return super().shown_headers() | dict.fromkeys(("Idempotency-Key", *signed), "***")

    def check(self, call: Callable[[Request], Response]) -> tuple[bool, str]:
        """Prove that something answers at the host; what the credentials may do, the first request shows."""
        from airflow_provider_cdi.engine.verdicts import Request

        answer = call(Request("GET", "/", b""))
        return (
            answer.status < 500 or answer.status == 501,  # it takes no GET, and it answers
            f"{self.settings.host} answered {answer.status} to GET /; its endpoints were not asked.",
        )


def _headers(extra: dict[str, Any]) -> dict[str, str]:
    """Return the headers that the extra names: what is no field of ours."""
    headers = {}
    for name in extra.keys() - HTTP_FIELDS.keys() - {SIGNING_SECRET}:
        if name.lower() in _OPTIONS:
            raise ConfigurationError(
                f"field {name!r} in extra is not understood here: headers stand in extra one by one, and ca_bundle and "
                "proxy say how the host is reached"
            )
        value = read_text(extra, name)
        if value is None or not _NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ConfigurationError(f"field {name!r} in extra can be no header: its name and its value are plain text")
        headers[name] = value
    return headers


def _login(connection: Connection, headers: dict[str, str]) -> dict[str, str]:
    """Return the header with the credentials: a bearer token, or login and password."""
    if not connection.password and not connection.login:
        return {}
    if any(name.lower() == "authorization" for name in headers):
        raise ConfigurationError("field 'password' and the header Authorization in extra: keep the right one")
    if not connection.login:
        return {"Authorization": f"Bearer {read_key(connection.password, 'put a token there')}"}
    pair = f"{connection.login}:{connection.password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
