"""Amazon Redshift as a source of rows: Airflow's ``RedshiftSQLHook`` over redshift_connector, read by a cursor.

.. seealso:: https://docs.aws.amazon.com/redshift/latest/dg/declare.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError, raise_alone
from airflow_provider_cdi.hooks.arrow.column_types import POSTGRES_OIDS, ColumnType
from airflow_provider_cdi.hooks.reach import CONNECT_SECONDS, check_host
from airflow_provider_cdi.hooks.redshift.iam import FIELDS, IamPasswords, wants_iam
from airflow_provider_cdi.hooks.redshift.reader import PLACEHOLDER, SINGLE_NODE_ROWS, RedshiftReader, server_words
from airflow_provider_cdi.hooks.sql.dialects import LIMIT, Dialect
from airflow_provider_cdi.hooks.sql.errors import AWAY, DISK, ENDED, VALUES, Fault, as_cdi_error, is_driver_error
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.sql.server_clock import ServerClock
from airflow_provider_cdi.hooks.typed_extra import with_fields

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Field of the connection's extra: rows of one FETCH at most.
FETCH_ROWS = "cdi_fetch_rows"
#: What the driver knows; with another word it begins TLS and then goes on without.
_SSL_MODES = ("verify-ca", "verify-full")
#: How long the network may take while a task that is to end stops its query.
_STOP_SECONDS = 10

_IAM = Fault(
    "AWS gives no temporary password: allow the role of the AWS connection redshift:GetClusterCredentials (serverless: "
    "redshift-serverless:GetCredentials) on this cluster, database user and database.",
    kind="permission",
)
_NO_CLUSTER = Fault(
    "AWS does not know the cluster or workgroup: check cluster_identifier (serverless: serverless_work_group) and "
    "region in the connection's extra.",
    kind="missing",
)
_NO_KEY = Fault(
    "There are no AWS credentials that can be used: set up the connection aws_default, or name another as aws_conn_id; "
    "without one, boto3 looks for a profile, a role or variables of the worker.",
    kind="connection",
)
_NO_REGION = Fault(
    "AWS cannot be asked without a region: name the cluster's (eu-central-1) as region in the extra of this "
    "connection, or as region_name in that of the AWS connection."
)
_BAD_FIELD = Fault("AWS does not understand a field of the connection's extra: mend it.")
_CERTIFICATE = Fault(
    "The server's certificate is not believed: check that host is the cluster's own endpoint; another authority is "
    'named by the variable SSL_CERT_FILE; with "sslmode": "verify-ca" in the extra the name is not compared.',
    kind="connection",
)
_TOO_LARGE = Fault(
    "The rows of this run are more than the cluster's cursors may hold together, a limit of its node type: split the "
    "sync with partition= into parts that run one after the other, or use larger nodes.",
    kind="resources",
)
_SUPER_TOO_LONG = Fault(
    "A SUPER value is longer than 65,535 bytes of JSON: keep it shorter, or leave it out in a view."
)

_AWS_HISTORY = "CloudTrail has the calls that AWS refused"

#: SQLSTATE XX000 says "internal" of everything that the compute nodes report; the sentence decides.
_INTERNAL = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        # A table that is swapped while it is read (dbt does that), and what Redshift says of a cluster at work.
        (r"could not open relation with oid|conflict with concurrent transaction", ENDED),
        (r"connection reset", AWAY),
        (r"S3ServiceException.*(CanRetry 1|503|SlowDown)|try again|restart|resiz", ENDED),
        (r"disk full", DISK),
        (r"maximum size allowed for the total set of cursor data", _TOO_LARGE),
        (r"json_serialize", _SUPER_TOO_LONG),
        (r"invalid (digit|timestamp|date|json|exponent)|overflow|out of range|\bvalue\b", VALUES),
    )
)
_AWS_CODES = {
    "ClusterNotFound": _NO_CLUSTER,
    "ResourceNotFoundException": _NO_CLUSTER,
    "Throttling": ENDED,
    "ThrottlingException": ENDED,
    "ServiceUnavailable": ENDED,
    "InternalServerException": ENDED,
}
_AWS_CLASSES = {
    "NoCredentialsError": _NO_KEY,
    "PartialCredentialsError": _NO_KEY,
    "NoRegionError": _NO_REGION,
    "InvalidRegionError": _NO_REGION,
    "UnknownRegionError": _NO_REGION,
    "ProfileNotFound": _NO_KEY,
    "ConfigNotFound": _NO_KEY,
    "ConfigParseError": _NO_KEY,
    "InvalidConfigError": _NO_KEY,
    "CredentialRetrievalError": _NO_KEY,
    "MetadataRetrievalError": _NO_KEY,
    "SSOError": _NO_KEY,
    "TokenRetrievalError": _NO_KEY,
    "NoAuthTokenError": _NO_KEY,
    "ParamValidationError": _BAD_FIELD,
    "ValidationError": _BAD_FIELD,
    "UnknownServiceError": _BAD_FIELD,
    "BotoCoreError": AWAY,
}


def diagnose(error: BaseException) -> Fault | None:
    """Say what an error of the server, the driver or AWS means; None leaves it to the general table."""
    text, classes = str(error), [kind.__name__ for kind in type(error).__mro__]
    if "CERTIFICATE_VERIFY_FAILED" in text or "CertificateError" in classes:
        return _CERTIFICATE
    if getattr(error, "sqlstate", None) == "XX000":
        return next((fault for pattern, fault in _INTERNAL if pattern.search(text)), None)
    if "ClientError" in classes:
        return _AWS_CODES.get(getattr(error, "response", {}).get("Error", {}).get("Code"), _IAM)
    # struct.error: the connection was cut inside of a message, which the driver does not notice.
    return next((_AWS_CLASSES[name] for name in classes if name in _AWS_CLASSES), AWAY if "error" in classes else None)


REDSHIFT = Dialect(
    "Amazon Redshift",
    first_rows=LIMIT,
    folds=str.lower,
    session=("set timezone to 'UTC'", "set datestyle to 'ISO'"),
    tag="set query_group to {}",
    # In UTC, with microseconds, which getdate() has not.
    clock=ServerClock("sysdate", "convert_timezone('UTC', '{zone}', sysdate)", "(sysdate at time zone 'UTC')"),
    # 4000: SUPER; 1266: a time with zone, which is turned into UTC.
    type_codes={**POSTGRES_OIDS, 4000: ColumnType.JSON, 1266: ColumnType.TIME},
    zoned_as_utc="timezone('UTC', {})",
    read_as={
        # json_serialize makes the text null of NULL, which would be a payload.
        ColumnType.JSON: "case when {0} is null then null else json_serialize({0}) end",
        # The driver makes the last day of the year 9999 of every later time, the first of year 1 of every earlier one,
        # and fails at 24:00.
        ColumnType.DATE: "cast({} as varchar)",
        ColumnType.TIME: "cast({} as varchar)",
        ColumnType.TIMESTAMP: "cast({} as varchar)",
        ColumnType.TIMESTAMP_TZ: "cast(timezone('UTC', {}) as varchar)",
    },
    # Without a length a cast cuts the text after 256 bytes.
    text="cast({} as varchar(65535))",
    errors=frozenset({"RedshiftError", "ClientError", "BotoCoreError", "error"}),
    diagnose=diagnose,
    history="SYS_QUERY_HISTORY has it (error_message), with the sync's id as query_label",
)


class RedshiftWarehouseHook(SqlWarehouseHook):
    """Reads from Redshift, a cluster or serverless, with a password or with IAM.

    Two fields of the connection's extra are for this class alone: ``cdi_fetch_rows``, how many rows one FETCH asks for
    at most, and with ``iam`` also ``aws_conn_id``. The default of 1,000 rows is what every cluster allows; 4,000 saves
    round trips on a cluster of several nodes, and takes memory for as many rows at once.

    :param connection: the Airflow connection, of the type ``redshift``.
    :param tag: the sync's id; it becomes the ``query_group``, which SYS_QUERY_HISTORY shows as ``query_label``.
    :raises ConfigurationError: when a field of it makes no sense.
    """

    def find_dialect(self, connection: Connection) -> Dialect:
        """Return Redshift's dialect with a reader for this connection."""
        self._reader = RedshiftReader(_fetch_rows(connection))
        return replace(REDSHIFT, reader=self._reader, prepare=self._reader.prepare)

    def make_hook(self, connection: Connection, tag: str) -> Any:
        """Return what opens connections through ``RedshiftSQLHook``.

        :raises ConfigurationError: when a field makes no sense, or the AWS connection cannot be used.
        :raises SourceError: when AWS cannot be asked for a password with what the connections say.
        """
        check_host(connection.conn_id, connection.host, "name.a1b2c3.eu-central-1.redshift.amazonaws.com")
        _check_ssl_mode(connection)
        hook = super().make_hook(connection, tag)
        try:
            connections = RedshiftConnections(hook, connection)
        except Exception as error:
            if not is_driver_error(error, REDSHIFT.errors):
                raise
            doing = "looking for AWS credentials"
            raise_alone(
                as_cdi_error(error, doing=doing, conn_id=connection.conn_id, diagnose=diagnose, history=_AWS_HISTORY)
            )
        self._reader.connect = partial(connections.get_conn, timeout=_STOP_SECONDS)
        return connections


class RedshiftConnections:
    """Opens connections with the fields that the driver knows.

    :param hook: a ``RedshiftSQLHook``.
    :param connection: its Airflow connection.
    """

    #: A cursor's query has no bound values, so they are written into it where the mark stands.
    placeholder = PLACEHOLDER

    def __init__(self, hook: Any, connection: Connection) -> None:
        self._hook = hook
        self._connection = connection
        self._passwords = IamPasswords(connection) if wants_iam(connection.extra_dejson) else None
        self._ours = {"aws_conn_id", FETCH_ROWS} if self._passwords is None else {*FIELDS, FETCH_ROWS}

    def get_conn(self, timeout: int | None = None) -> Any:
        """Open a connection.

        :param timeout: seconds that the network may take for anything, where the extra does not say it; None for ever,
            once the log-in is done.
        """
        login, password = self._connection.login, self._connection.password
        if self._passwords is not None:
            login, password = self._passwords.login()
        # Asked for each time: an SSH tunnel writes its local end into it.
        given = {name: value for name, value in self._connection.extra_dejson.items() if name not in self._ours}
        # Without a name for the connection log the driver looks through the whole call stack for one.
        usual = {"timeout": timeout or int(CONNECT_SECONDS), "application_name": "airflow_provider_cdi"}
        extra = {**usual, **given}
        # The hook keeps its Airflow connection here, and asks Airflow for it only when there is none.
        self._hook.conn = with_fields(self._connection, login=login, password=password, extra=extra)
        # Newer hooks try five times, with pauses, whatever the fault is: a host that never answers would take minutes.
        once = getattr(type(self._hook).get_conn, "__wrapped__", type(self._hook).get_conn)
        with server_words():
            opened = once(self._hook)
        if timeout is None and "timeout" not in given:
            # The driver has one bound for the log-in and for all that follows, and a query may take long.
            opened._usock.settimeout(None)
        return opened


def _check_ssl_mode(connection: Connection) -> None:
    given = connection.extra_dejson.get("sslmode", _SSL_MODES[0])
    if given not in _SSL_MODES:
        raise ConfigurationError(
            f"sslmode in the extra of the connection {connection.conn_id!r} is {given!r}; Redshift's driver knows "
            f"{' and '.join(_SSL_MODES)}. Give one of them, or leave it out: the connection is encrypted all the same."
        )


def _fetch_rows(connection: Connection) -> int:
    given = connection.extra_dejson.get(FETCH_ROWS, SINGLE_NODE_ROWS)
    try:
        rows = int(given)
    except (TypeError, ValueError):
        rows = 0
    if rows < 1:
        raise ConfigurationError(
            f"{FETCH_ROWS} in the extra of the connection {connection.conn_id!r} is {given!r}; "
            "give a number of rows from 1 on, or leave it out."
        )
    return rows
