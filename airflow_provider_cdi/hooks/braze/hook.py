"""The Braze connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.hooks.braze.form import BRAZE_FORM
from airflow_provider_cdi.hooks.braze.host import rest_base_url
from airflow_provider_cdi.hooks.http.connection import make_settings, read_key, read_text
from airflow_provider_cdi.hooks.http.hook import HttpHook
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.typed_extra import read_extra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.engine.verdicts import Request, Response

_WHERE_KEYS_ARE = "put a REST API key there (Braze: Settings > APIs and Identifiers > API Keys)"


class BrazeHook(HttpHook):
    """Reaches the REST API of one Braze instance with one workspace's key.

    The connection holds the API key in ``password``, the instance in ``instance`` of ``extra`` or the REST host in
    ``host``, and optionally ``port`` and, in ``extra``, ``timeout``, ``connect_timeout``, ``ca_bundle``, ``proxy``,
    ``requests_per_second`` and ``rate_share``.

    .. seealso::
        :ref:`howto/connection:braze`

    :param braze_conn_id: the connection's id.
    """

    conn_name_attr = "braze_conn_id"
    default_conn_name = "braze_default"
    conn_type = "braze"
    hook_name = "Braze"
    form = BRAZE_FORM

    def __init__(self, braze_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(braze_conn_id, **kwargs)
        self.braze_conn_id = braze_conn_id

    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields of the connection.

        :raises ConfigurationError: when a field is missing or makes no sense; it names the field.
        """
        extra = read_extra(connection)
        key = read_key(connection.password, _WHERE_KEYS_ARE)
        base_url = rest_base_url(connection.host, connection.port, read_text(extra, "instance"))
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return make_settings(base_url, headers, key, extra)

    def check(self, call: Callable[[Request], Response]) -> tuple[bool, str]:
        """Prove host, key and permissions by six requests."""
        from airflow_provider_cdi.hooks.braze.check import check_key

        return check_key(call, self.settings.host)

    def get_catalog_fields(self, name: str) -> dict[str, str]:
        """Look a catalog up before items are sent to it.

        :param name: the catalog's name, in its exact case.
        :return: field name -> Braze type (``string``, ``number``, ``boolean``, ``time``, ``object``,
            ``array``, ``geo``), in the catalog's order.
        :raises DestinationRefused: when there is no such catalog (the text lists those that exist), or the
            key lacks the permission ``catalogs.get``.
        :raises RetryLater: when Braze could not be asked, after a minute of tries.
        """
        from airflow_provider_cdi.destinations.braze.catalog_fields import LIST_CATALOGS, fields_of_catalog

        answer = self.ask(LIST_CATALOGS, "Braze's catalogs could not be listed")
        return fields_of_catalog(answer, name, self.settings.host)
