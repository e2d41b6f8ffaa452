"""The Klaviyo connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError, DestinationRefused
from airflow_provider_cdi.hooks.http.connection import make_settings, read_key, read_text
from airflow_provider_cdi.hooks.http.hook import HttpHook
from airflow_provider_cdi.hooks.http.host import base_url
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.klaviyo.form import KLAVIYO_FORM
from airflow_provider_cdi.hooks.klaviyo.revision import check_revision
from airflow_provider_cdi.hooks.typed_extra import read_extra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.engine.verdicts import Request, Response
    from airflow_provider_cdi.hooks.klaviyo.transport import KlaviyoTransport

#: Klaviyo: the one address of the API; there is no sandbox host and no region.
DEFAULT_HOST = "https://a.klaviyo.com"
#: Both for what is sent and for what is wanted (Klaviyo's OpenAPI description).
JSON_API = "application/vnd.api+json"

_WHERE_KEYS_ARE = "put a private API key there (Klaviyo: Settings > API keys; it begins with pk_)"


class KlaviyoHook(HttpHook):
    """Reaches Klaviyo's API with the private key of one account.

    The connection holds the private key in ``password`` and optionally ``host``, ``port`` and, in ``extra``,
    ``revision``, ``account``, ``timeout``, ``connect_timeout``, ``ca_bundle``, ``proxy``, ``requests_per_second`` and
    ``rate_share``.

    .. seealso::
        :ref:`howto/connection:klaviyo`

    :param klaviyo_conn_id: the connection's id.
    """

    conn_name_attr = "klaviyo_conn_id"
    default_conn_name = "klaviyo_default"
    conn_type = "klaviyo"
    hook_name = "Klaviyo"
    form = KLAVIYO_FORM

    def __init__(self, klaviyo_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(klaviyo_conn_id, **kwargs)
        self.klaviyo_conn_id = klaviyo_conn_id

    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields of the connection.

        :raises ConfigurationError: when a field is missing or makes no sense; it names the field.
        """
        extra = read_extra(connection)
        key = read_key(connection.password, _WHERE_KEYS_ARE)
        if not key.startswith("pk_"):
            raise ConfigurationError(f"field 'password' holds no private key: {_WHERE_KEYS_ARE}")
        host = (connection.host or "").strip() or DEFAULT_HOST
        headers = {
            "Authorization": f"Klaviyo-API-Key {key}",
            "revision": check_revision(read_text(extra, "revision")),
            "Content-Type": JSON_API,
            "Accept": JSON_API,
        }
        read_text(extra, "account")  # a bad one is named here, with the other fields
        address = base_url(host, connection.port, example="a.klaviyo.com", check=_refuse_other_klaviyo_hosts)
        return make_settings(address, headers, key, extra)

    @property
    def account(self) -> str | None:
        """Public id of the account that the key must belong to, None when the connection does not say."""
        return read_text(read_extra(self.connection), "account")

    @property
    def revision(self) -> str:
        """The revision of the API that is asked for."""
        return self.settings.headers["revision"]

    @property
    def place(self) -> str:
        """Where rows go, without secrets: the address, and the account where the connection names it."""
        return "/".join(filter(None, (self.settings.base_url, self.account)))

    def transport(self, max_connections: int) -> KlaviyoTransport:
        """Make the transport that delivers batches; it warns once when the API's revision is about to retire.

        :param max_connections: connections that are open at most.
        """
        from airflow_provider_cdi.hooks.klaviyo.transport import KlaviyoTransport

        return KlaviyoTransport(self.settings, max_connections, self.log)

    def refuse_other_account(self) -> None:
        """Make sure that the key belongs to the account that the connection names; without one, ask nothing.

        :raises DestinationRefused: when it belongs to another one, or may not tell.
        :raises RetryLater: when Klaviyo could not be asked, after a minute of tries.
        """
        if self.account is None:
            return
        from airflow_provider_cdi.hooks.klaviyo.check import ACCOUNTS, account_of

        answer = self.ask(ACCOUNTS, "Klaviyo's account could not be looked up")
        found = account_of(answer, self.settings.host)
        if found.id != self.account:
            raise DestinationRefused(
                f"The key of connection {self.klaviyo_conn_id!r} belongs to the account {found.id!r} and not to "
                f"{self.account!r}, which its field 'account' names. Nothing was sent. Put in the right key; a sync "
                "to another account needs a connection and a sync_id of its own."
            )

    def check(self, call: Callable[[Request], Response]) -> tuple[bool, str]:
        """Prove host, key and scopes; name the account, and warn of a revision that is about to retire."""
        from airflow_provider_cdi.hooks.klaviyo.check import check_key

        return check_key(call, self.settings.host, revision=self.revision, account=self.account)


def _refuse_other_klaviyo_hosts(host: str) -> None:
    if host.endswith("klaviyo.com") and host != "a.klaviyo.com":
        raise ConfigurationError(f"field 'host': {host} is not Klaviyo's API: leave it empty or give a.klaviyo.com")
