"""Opens BigQuery from an Airflow connection: credentials, project, location, and what every job carries."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.bigquery.connection import BigQueryConnection, JobDefaults
from airflow_provider_cdi.hooks.bigquery.errors import CredentialsUnusable
from airflow_provider_cdi.hooks.bigquery.results import ResultReader
from airflow_provider_cdi.hooks.connection_types import install
from airflow_provider_cdi.hooks.pinning import pinned
from airflow_provider_cdi.hooks.sql.driver_logs import quiet

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: The label under which a job in BigQuery's own history says which sync it belongs to.
TAG_LABEL = "cdi_sync"
#: Loggers of Google's clients.
_CLIENTS = ("google.cloud.bigquery", "google.cloud.bigquery_storage_v1", "google.api_core", "google.auth")
#: Airflow's form used to write its fields with this before their names.
_OLD_PREFIX = "extra__google_cloud_platform__"


class BigQueryOpener:
    """Makes connections with the credentials of Airflow's own ``BigQueryHook``.

    :param connection: the Airflow connection; nothing is fetched from Airflow later.
    :param tag: the sync's id.
    :raises ConfigurationError: when Google's provider is not installed, or the extra is not as it should be.
    """

    #: How BigQuery marks a bound value.
    placeholder = "?"

    def __init__(self, connection: Connection, tag: str) -> None:
        self._hook = _pinned_hook(connection)
        self._extra: dict[str, Any] = connection.extra_dejson
        self._told: set[str] = set()
        self._labels = {**self._object("labels"), **label_of(tag)}
        self._configuration = self._object("api_resource_configs").get("query", {})

    def get_conn(self) -> BigQueryConnection:
        """Open a connection.

        :raises CredentialsUnusable: when the connection's credentials are none, or name no project.
        """
        credentials, project = self._credentials()
        location = self._field("location")
        client = self._hook.get_client(project_id=project, location=location)
        defaults = JobDefaults(
            configuration=self._configuration,
            labels=self._labels,
            priority=self._field("priority"),
            dataset=self._dataset(project),
        )
        quiet(*_CLIENTS)
        results = ResultReader(project, credentials, self._field("storage_endpoint"), self._told)
        return BigQueryConnection(client, defaults, results)

    def _credentials(self) -> tuple[Any, str]:
        from google.auth.exceptions import DefaultCredentialsError, MalformedError, TransportError

        try:
            credentials, project = self._hook.get_credentials_and_project_id()
        except TransportError:
            raise
        except DefaultCredentialsError as error:
            step = "key" if isinstance(error, MalformedError) else "default"
            raise CredentialsUnusable(step, str(error)) from None
        except OSError as error:
            raise CredentialsUnusable("file", error.strerror or type(error).__name__) from None
        except Exception as error:
            # Airflow's own exception, and what the parsers of JSON and of keys raise: their texts may hold the key.
            raise CredentialsUnusable("key", type(error).__name__) from None
        if not project:
            raise CredentialsUnusable("project", "no project")
        return credentials, project

    def _dataset(self, project: str) -> str | None:
        dataset = self._field("dataset")
        return dataset if dataset is None or "." in dataset else f"{project}.{dataset}"

    def _field(self, name: str) -> str | None:
        value = self._extra.get(name) or self._extra.get(_OLD_PREFIX + name)
        return str(value) if value else None

    def _object(self, name: str) -> dict[str, Any]:
        """Return an object that the form keeps as text, and a written-out extra as it is.

        :raises ConfigurationError: when it is none.
        """
        value = self._extra.get(name) or self._extra.get(_OLD_PREFIX + name) or {}
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ConfigurationError(f"{name!r} in the extra of the BigQuery connection must be a JSON object.")
        return found


def label_of(tag: str) -> dict[str, str]:
    """Return the sync's id as a label: lower case, digits, underscores and dashes, at most 63 of them."""
    return {TAG_LABEL: re.sub(r"[^a-z0-9_-]", "_", tag.lower())[:63]} if tag else {}


def _pinned_hook(connection: Connection) -> Any:
    """Return Airflow's hook, bound to this connection."""
    try:
        from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
    except ImportError as error:
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} leads to BigQuery, whose Airflow provider is not installed. "
            f"{install('bigquery')} on the workers. ({error})"
        ) from error

    # It asks as soon as it is made, so it is the class that is pinned.
    pinned_class = pinned(type("PinnedBigQueryHook", (BigQueryHook,), {}), connection)
    return pinned_class(gcp_conn_id=connection.conn_id, use_legacy_sql=False)
