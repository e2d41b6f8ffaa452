"""Snowflake as a source of rows: Airflow's ``SnowflakeHook`` over the Python connector, read as Arrow.

.. seealso:: https://airflow.apache.org/docs/apache-airflow-providers-snowflake/stable/connections/snowflake.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.link_logs import hide_signatures
from airflow_provider_cdi.hooks.reach import check_host
from airflow_provider_cdi.hooks.snowflake.errors import ERRORS, UnreadableKeyError, diagnose
from airflow_provider_cdi.hooks.snowflake.reader import SnowflakeReader
from airflow_provider_cdi.hooks.snowflake.scan import scan
from airflow_provider_cdi.hooks.sql.dialects import EARLIEST_NANOSECOND, LATEST_NANOSECOND, LIMIT, Dialect, TimeForm
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.sql.server_clock import ServerClock

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Seconds that a log-in may take, its repeats included.
LOGIN_SECONDS = 30
#: Megabytes of a chunk at most: the least that Snowflake takes; the default is 160.
CHUNK_MEGABYTES = 16

#: They write a chunk's link, signature included, when it cannot be fetched at once.
LINK_LOGGERS = (
    "snowflake.connector.result_batch",
    "snowflake.connector.network",
    "snowflake.connector.vendored.urllib3.connectionpool",
)
_CLOCK = "YYYY-MM-DD HH24:MI:SS.FF9"
_NANOSECONDS: Mapping[str, str] = {"earliest": EARLIEST_NANOSECOND, "latest": LATEST_NANOSECOND}
_NTZ = f"to_timestamp_ntz({{}}, '{_CLOCK}')"

#: snowflake/connector/constants.py, FIELD_TYPES
TYPE_CODES: Mapping[int, ColumnType] = {
    0: ColumnType.INTEGER,
    1: ColumnType.FLOAT,
    2: ColumnType.TEXT,
    3: ColumnType.DATE,
    5: ColumnType.JSON,
    6: ColumnType.TIMESTAMP_TZ,
    7: ColumnType.TIMESTAMP_TZ,
    8: ColumnType.TIMESTAMP,
    9: ColumnType.JSON,
    10: ColumnType.JSON,
    13: ColumnType.BOOLEAN,
    17: ColumnType.JSON,
}

SNOWFLAKE = Dialect(
    "Snowflake",
    first_rows=LIMIT,
    folds=str.upper,
    times={
        # With its format said, a time is read alike whatever TIMESTAMP_INPUT_FORMAT the account sets.
        ColumnType.TIMESTAMP: TimeForm(_NTZ, digits=9),
        # One time outside of what nanoseconds reach would take their last digits from all its neighbours.
        ColumnType.TIMESTAMP_NS: TimeForm(_NTZ, digits=9, **_NANOSECONDS),
        ColumnType.TIMESTAMP_TZ: TimeForm(
            f"to_timestamp_tz({{}}, '{_CLOCK} TZH:TZM')", digits=9, zone=" +00:00", **_NANOSECONDS
        ),
    },
    # current_timestamp() is when the statement began, sysdate() when it is asked, in UTC.
    clock=ServerClock(
        "sysdate()", "convert_timezone('UTC', '{zone}', sysdate())", "cast(sysdate() as timestamp_ltz(9))"
    ),
    type_codes=TYPE_CODES,
    zoned_as_utc="cast(convert_timezone('UTC', {}) as timestamp_ntz(9))",
    read_as={ColumnType.JSON: "to_json(to_variant({}))"},
    line_comments=("--", "//"),
    has_backslashes=True,
    errors=ERRORS,
    diagnose=diagnose,
    scan=scan,
    history=(
        "QUERY_HISTORY has it (column ERROR_MESSAGE, in Snowsight under Query History), by the query id or by the "
        "query tag, which is the sync's id"
    ),
)


class SnowflakeWarehouseHook(SqlWarehouseHook):
    """Reads from Snowflake, with a password, a key pair, OAuth or whatever else ``SnowflakeHook`` knows.

    Every session works in UTC and carries the sync's id as its query tag, unless the connection sets ``QUERY_TAG``
    itself in ``session_parameters``.

    :param connection: the Airflow connection, of the type ``snowflake``.
    :param tag: the sync's id; QUERY_HISTORY shows it.
    """

    def find_dialect(self, connection: Connection) -> Dialect:
        """Return Snowflake's dialect with a reader for this connection."""
        reader = SnowflakeReader()
        hide_signatures(*LINK_LOGGERS)
        return replace(SNOWFLAKE, reader=reader, prepare=reader.prepare)

    def make_hook(self, connection: Connection, tag: str) -> Any:
        """Return what opens connections through ``SnowflakeHook``."""
        check_host(connection.conn_id, connection.host, "xy12345.eu-central-1.snowflakecomputing.com")
        hook = super().make_hook(connection, tag)
        hook.session_parameters = session_parameters(connection.extra_dejson.get("session_parameters"), tag)
        return _SnowflakeConnections(hook, connection)


def session_parameters(given: Any, tag: str) -> dict[str, Any]:
    """Return the parameters that a session is opened with.

    :param given: those of the connection; they win, but for the time zone and the form of results.
    :param tag: the sync's id.
    """
    usual = {"CLIENT_RESULT_CHUNK_SIZE": CHUNK_MEGABYTES, **({"QUERY_TAG": tag} if tag else {})}
    own = {str(name).upper(): value for name, value in given.items()} if isinstance(given, dict) else {}
    return {**usual, **own, "TIMEZONE": "UTC", "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW"}


class _SnowflakeConnections:
    """Opens connections, and says what is wrong with a key that cannot be read.

    :param hook: a ``SnowflakeHook``.
    :param connection: its Airflow connection.
    """

    #: The connector quotes and escapes a value and puts it where the mark stands.
    placeholder = "%s"

    def __init__(self, hook: Any, connection: Connection) -> None:
        self._hook = hook
        self._has_key = any("private_key" in name for name in connection.extra_dejson)
        parameters = hook._get_conn_params
        # The connector tries an account that does not exist for two minutes and more; the hook hands no bound on.
        hook._get_conn_params = lambda: {"login_timeout": LOGIN_SECONDS, **parameters()}

    def get_conn(self) -> Any:
        """Open a connection.

        :raises UnreadableKeyError: when its private key cannot be read.
        """
        try:
            return self._hook.get_conn()
        except (ValueError, TypeError) as error:
            # What the hook and the library of keys raise; before the connector is asked, so there is no row in it.
            if self._has_key:
                raise UnreadableKeyError(str(error)) from None
            raise
