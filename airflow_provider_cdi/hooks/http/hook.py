"""What the hooks of all HTTP services share: the form, the settings, the transport."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, DestinationRefused, NoAnswer, RetryLater
from airflow_provider_cdi.hooks.connections import find_connection, find_connection_async
from airflow_provider_cdi.hooks.http.form import HttpForm
from airflow_provider_cdi.hooks.http.settings import ENCODINGS, HttpSettings
from airflow_provider_cdi.version_compat import BaseHook

# What needs an HTTP library or pyarrow is imported when a task runs: a DAG file may import this module.
if TYPE_CHECKING:
    import requests
    from airflow.sdk import Connection

    from airflow_provider_cdi.engine.verdicts import Request, Response
    from airflow_provider_cdi.hooks.http.transport import AiohttpTransport


#: Headers that are the same for everybody.
_SHOWN = frozenset({"accept", "accept-encoding", "content-type", "revision", "user-agent"})


class HttpHook(BaseHook):
    """Reaches an HTTP service with the key of one connection. One subclass per service says the rest.

    :param conn_id: the connection's id.
    """

    conn_name_attr: str
    conn_type: str
    #: How Airflow shows a connection of the type; None for a type that another provider has.
    form: ClassVar[HttpForm | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the form to Airflow older than 3.2 too, which asks only a class that has these methods itself."""
        super().__init_subclass__(**kwargs)
        if (form := cls.form) is not None:
            cls.get_connection_form_widgets = staticmethod(form.widgets)  # type: ignore[method-assign]
            cls.get_ui_field_behaviour = staticmethod(form.behaviour)  # type: ignore[method-assign]

    def __init__(self, conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id

    @abstractmethod
    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields of the connection.

        :raises ConfigurationError: when a field is missing or makes no sense; it names the field.
        """

    @abstractmethod
    def check(self, call: Callable[[Request], Response]) -> tuple[bool, str]:
        """Prove host and key by requests that change nothing.

        :param call: sends one request.
        :return: what :meth:`test_connection` returns.
        """

    @cached_property
    def connection(self) -> Connection:
        """The Airflow connection. Fetched once.

        :raises ConfigurationError: when there is none.
        """
        return find_connection(self.conn_id)

    @cached_property
    def settings(self) -> HttpSettings:
        """What the connection and the worker's environment say about reaching the service. Read once.

        :raises ConfigurationError: when a field is missing or makes no sense; it names connection and field.
        """
        return self._read(self.connection)

    def shown_headers(self) -> dict[str, str]:
        """Return the headers of each request for people to look at: every value that may be a secret is ``***``."""
        headers = {"Accept-Encoding": ENCODINGS, **self.settings.headers}
        return {name: value if name.lower() in _SHOWN else "***" for name, value in headers.items()}

    async def find_settings(self) -> HttpSettings:
        """Return the settings from within an event loop, such as the triggerer's.

        :raises ConfigurationError: as for :attr:`settings`.
        """
        return self._read(await find_connection_async(self.conn_id))

    def get_conn(self) -> requests.Session:
        """Open a session with key, proxy, certificates and no redirects, for calls of your own.

        Pass ``timeout`` with each call; full addresses are ``hook.settings.url("/path")``.
        """
        from airflow_provider_cdi.hooks.http.calls import open_session

        return open_session(self.settings)

    def test_connection(self) -> tuple[bool, str]:
        """Prove host, key and permissions by a few requests that change nothing.

        :return: whether the key works, and a text that says what is granted, or which step failed and why.
        """
        from airflow_provider_cdi.hooks.http.calls import Calls

        try:
            with Calls(self.settings) as calls:
                return self.check(calls.call)
        except CdiError as fault:
            return False, str(fault)

    def ask(self, request: Request, failed: str) -> Response:
        """Send a request that changes nothing, again while the service is busy or away.

        :param failed: what could not be done then, for the message: ``Braze's catalogs could not be listed``.
        :raises RetryLater: when no answer came, after a minute of tries.
        :raises DestinationRefused: when none will come, because TLS fails.
        """
        from airflow_provider_cdi.hooks.http.calls import call_until_settled

        try:
            return call_until_settled(self.settings, request)
        except NoAnswer as fault:
            error = RetryLater if fault.passes else DestinationRefused
            raise error(f"{failed}: {fault.reason}.").of_kind("connection") from None

    def transport(self, max_connections: int) -> AiohttpTransport:
        """Make the transport that delivers batches.

        :param max_connections: connections that are open at most.
        """
        from airflow_provider_cdi.hooks.http.transport import AiohttpTransport

        return AiohttpTransport(self.settings, max_connections)

    def _read(self, connection: Connection) -> HttpSettings:
        self._refuse_other_type(connection)
        try:
            return self.read_settings(connection)
        except ConfigurationError as fault:
            raise ConfigurationError(f"Connection {self.conn_id!r}: {fault}.") from None

    def _refuse_other_type(self, connection: Connection) -> None:
        """A connection of another service has a key that is not meant for this one; without a type it may be ours."""
        if connection.conn_type and connection.conn_type != self.conn_type:
            raise ConfigurationError(
                f"Connection {self.conn_id!r} has the type {connection.conn_type!r}; {self.conn_name_attr} needs a "
                f"connection of the type {self.conn_type!r}."
            )
