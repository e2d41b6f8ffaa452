"""The Braze connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import CdiError, NoAnswer, RetryLater
from airflow_provider_cdi.hooks.braze.form import BRAZE_FORM
from airflow_provider_cdi.hooks.braze.host import rest_base_url
from airflow_provider_cdi.hooks.http.connection import make_settings, read_key
from airflow_provider_cdi.hooks.http.hook import HttpHook
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.typed_extra import read_extra
from airflow_provider_cdi.version import __version__

if TYPE_CHECKING:
    from airflow.sdk import Connection

_WHERE_KEYS_ARE = "put a REST API key there (Braze: Settings > APIs and Identifiers > API Keys)"


class BrazeHook(HttpHook):
    """Reaches the REST API of one Braze instance with one workspace's key.

    The connection holds the API key in ``password``, the instance or REST host in ``host``, and optionally
    ``port`` and, in ``extra``, ``timeout``, ``connect_timeout``, ``ca_bundle``, ``proxy``, ``requests_per_second`` and
    ``rate_share``.

    .. seealso::
        :ref:`howto/connection:braze`

    :param braze_conn_id: the connection's id.
    """

    conn_name_attr = "braze_conn_id"
    default_conn_name = "braze_default"
    conn_type = "braze"
    hook_name = "Braze"

    def __init__(self, braze_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(braze_conn_id, **kwargs)
        self.braze_conn_id = braze_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the extra fields of the form to Airflow older than 3.2; newer ones read the provider info."""
        return BRAZE_FORM.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give hidden fields, labels and placeholders to Airflow older than 3.2."""
        return BRAZE_FORM.behaviour()

    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields of the connection.

        :raises ConfigurationError: when a field is missing or makes no sense; it names the field.
        """
        extra = read_extra(connection)
        key = read_key(connection.password, _WHERE_KEYS_ARE)
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-cdi/{__version__}",
        }
        return make_settings(rest_base_url(connection.host, connection.port), headers, key, extra)

    def test_connection(self) -> tuple[bool, str]:
        """Prove host, key and permissions by six requests that change nothing.

        :return: whether the key works, and a text that says what is granted, or which step failed and why.
        """
        from airflow_provider_cdi.hooks.braze.check import check_key
        from airflow_provider_cdi.hooks.http.calls import Calls

        try:
            settings = self.settings
            with Calls(settings) as calls:
                return check_key(calls.call, settings.host)
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
        from airflow_provider_cdi.destinations.braze.catalog_fields import LIST_CATALOGS, fields_of_catalog
        from airflow_provider_cdi.hooks.http.calls import call_until_settled

        try:
            answer = call_until_settled(self.settings, LIST_CATALOGS)
        except NoAnswer as fault:
            raise RetryLater(f"Braze's catalogs could not be listed: {fault.reason}.") from None
        return fields_of_catalog(answer, name, self.settings.host)
