"""Databricks: a SQL warehouse or a cluster, by the Databricks hook and the SQL connector under it.

What the connection is opened with, unless its extra says otherwise, is in :data:`DEFAULTS`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.connection_types import install
from airflow_provider_cdi.hooks.databricks.errors import DRIVER_ERRORS, diagnose, is_login_refusal, is_tag_refusal
from airflow_provider_cdi.hooks.databricks.reader import DatabricksReader
from airflow_provider_cdi.hooks.link_logs import hide_signatures
from airflow_provider_cdi.hooks.pinning import pinned
from airflow_provider_cdi.hooks.reach import check_host, check_reachable
from airflow_provider_cdi.hooks.sql.dialects import LIMIT, Dialect, TimeForm
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.sql.server_clock import ServerClock
from airflow_provider_cdi.version import __version__

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

#: Arguments of ``databricks.sql.connect``; a key of the same name in the connection's extra wins.
DEFAULTS: Mapping[str, Any] = {
    "enable_telemetry": False,
    # Files of a Cloud Fetch result that wait in memory, some 20 MB each; the connector's default is 10.
    "max_download_threads": 2,
    # The connector waits this long after every 503 (and no less than 5 seconds), 60 by default ...
    "_retry_delay_max": 10.0,
    # ... and goes on for so long, 900 by default: enough for a warehouse that has to start.
    "_retry_stop_after_attempts_duration": 300.0,
    # Seconds without a byte, 900 by default.
    "_socket_timeout": 300.0,
}
#: The query tag (``system.query.history``, column ``query_tags``) that holds the sync's id.
TAG = "cdi_sync_id"
#: Characters of a tag's value that the service takes.
MAX_TAG = 128
#: Fields of the extra by which the connector goes another way to the host.
_PROXY_FIELDS = frozenset({"http_proxy", "https_proxy", "_proxy_host"})
#: Query tags are a setting of SQL warehouses; a cluster's path begins with ``/sql/protocolv1``.
_WAREHOUSE_PATH = "sql/1.0/"
#: "Data source format": parquet.`/path`, csv.`s3://bucket/x` (Databricks: "Query file data"; Spark: "Run SQL on files
#: directly"). It is read when there is no table of that name.
FILE_FORMATS = frozenset(
    {
        *("avro", "binaryfile", "csv", "delta", "deltasharing", "excel", "hudi", "iceberg", "image", "jdbc", "json"),
        *("libsvm", "orc", "parquet", "text", "xml"),
    }
)

DIALECT = Dialect(
    "Databricks",
    first_rows=LIMIT,
    quote="`",
    session=("SET TIME ZONE 'UTC'",),
    times={
        ColumnType.TIMESTAMP: TimeForm("cast({} as timestamp_ntz)"),
        ColumnType.TIMESTAMP_TZ: TimeForm("cast({} as timestamp)", zone="+00:00"),
    },
    clock=ServerClock(
        "cast(current_timestamp() as timestamp_ntz)",
        "convert_timezone('UTC', '{zone}', cast(current_timestamp() as timestamp_ntz))",
        "current_timestamp()",
    ),
    read_as={ColumnType.JSON: "to_json({})"},
    text="cast({} as string)",
    reader=DatabricksReader(),
    has_backslashes=True,
    file_formats=FILE_FORMATS,
    errors=DRIVER_ERRORS,
    diagnose=diagnose,
    history="system.query.history has it (error_message), by the query id or by the query tag cdi_sync_id",
)


class DatabricksWarehouseHook(SqlWarehouseHook):
    """Reads Arrow batches, by Cloud Fetch where the result is large.

    :param connection: a connection of the type ``databricks``, with ``http_path`` in its extra.
    :param tag: the sync's id, shown by the query history.
    """

    def find_dialect(self, connection: Connection) -> Dialect:
        """Return the one dialect that there is."""
        return DIALECT

    def make_hook(self, connection: Connection, tag: str) -> DatabricksConnections:
        """Return what opens connections.

        :raises ConfigurationError: when the Databricks provider is not installed.
        """
        check_host(connection.conn_id, connection.host, "dbc-a1b2345c-d6e7.cloud.databricks.com")
        try:
            return DatabricksConnections(connection, tag)
        except ImportError as error:
            raise ConfigurationError(
                f"The connection {connection.conn_id!r} has the type 'databricks', for which no hook can be loaded. "
                f"{install('databricks')} on the workers. ({error})"
            ) from error


class DatabricksConnections:
    """Opens connections by Airflow's ``DatabricksSqlHook``, each of them a new one.

    The hook itself keeps one connection and returns it again, closed or not. OAuth tokens are shared by all
    connections until shortly before they expire.

    :param connection: the Airflow connection.
    :param tag: the sync's id.
    """

    #: How the connector marks a bound value; the hook says ``%s``, which the connector does not know.
    placeholder = "?"

    def __init__(self, connection: Connection, tag: str) -> None:
        self._connection = connection
        self._hook = _make_hook(connection, tag)
        self._tagged = bool(tag)

    def get_conn(self) -> Any:
        """Open a connection.

        A token of OAuth that is refused before its time is fetched again, once. A warehouse that knows no query
        tags is asked without.
        """
        keep_logs_clean()
        self._check_reachable()
        try:
            return self._opened()
        except Exception as error:
            if self._hook.oauth_tokens and is_login_refusal(error):
                self._hook.oauth_tokens.clear()
            elif self._tagged and is_tag_refusal(error):
                log.warning("The warehouse takes no query tags, so its history will not show which sync asked.")
                self._hook, self._tagged = _make_hook(self._connection, ""), False
            else:
                raise
        return self._opened()

    def _check_reachable(self) -> None:
        """Look for the host before the connector does: that tries a name that does not exist for minutes."""
        extra = self._connection.extra_dejson
        host = extra.get("host") or self._connection.host
        if host and not extra.get("proxies") and not _PROXY_FIELDS & extra.keys():
            check_reachable(self._connection.conn_id, host, extra.get("_port") or 443)

    def _opened(self) -> Any:
        # A copy, for its connection is its own, and so two threads may open one at the same time.
        return copy(self._hook).get_conn()


def _make_hook(connection: Connection, tag: str) -> Any:
    from airflow.providers.databricks.hooks.databricks_sql import DatabricksSqlHook

    extra = connection.extra_dejson
    hook: Any
    hook = DatabricksSqlHook(
        databricks_conn_id=connection.conn_id,
        session_configuration=_session_configuration(extra, tag),
        **{name: value for name, value in DEFAULTS.items() if name not in extra},
    )
    # For its own name the hook would look through all providers, by a way that Airflow has deprecated.
    hook.__dict__["user_agent_value"] = f"airflow-provider-cdi/{__version__}"
    return pinned(hook, connection)


def _session_configuration(extra: Mapping[str, Any], tag: str) -> dict[str, str] | None:
    configuration = dict(extra.get("session_configuration") or {})
    path = str(extra.get("http_path") or "").lstrip("/")
    if tag and path.startswith(_WAREHOUSE_PATH):
        name = next((name for name in configuration if name.upper() == "QUERY_TAGS"), "QUERY_TAGS")
        configuration[name] = ",".join([*filter(None, [configuration.get(name)]), f"{TAG}:{_tag_value(tag)}"])
    return configuration or None


def _tag_value(tag: str) -> str:
    value = tag[:MAX_TAG]
    for special in "\\,:":
        value = value.replace(special, f"\\{special}")
    return value


#: Writes every answer as it is, rows and links. It is shut off where it is made, but a logging configuration that
#: is loaded afterwards opens it again.
_ANSWERS = "databricks.sql.unsafe"
#: Two lines of INFO for each request.
_REQUESTS = "databricks.sql.auth"
#: They write a link as it is when it is slow, when it fails, and when it is tried again.
_LINKS = (
    "databricks.sql.cloudfetch.downloader",
    "databricks.sql.common.unified_http_client",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


def keep_logs_clean() -> None:
    """Log no answers and no signatures of links from now on; requests that went well only where somebody wants them."""
    answers = logging.getLogger(_ANSWERS)
    answers.propagate = False
    answers.setLevel(logging.CRITICAL)
    hide_signatures(*_LINKS)
    requests = logging.getLogger(_REQUESTS)
    if requests.level == logging.NOTSET:
        requests.setLevel(logging.WARNING)
