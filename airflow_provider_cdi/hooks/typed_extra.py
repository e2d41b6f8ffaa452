"""The extra of a connection, and for a warehouse with the types that its fields must have.

A connection that comes from a URI, an environment variable or a secrets backend may hold everything as text: there
``iam`` is ``"false"``, which Python takes for true, and ``session_parameters`` is a text that Airflow's hooks pass over
without a word. Here every field whose type is known gets it, once, before any hook or driver looks at the extra.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def read_extra(connection: Connection) -> dict[str, Any]:
    """Return a connection's extra.

    :raises ConfigurationError: when it is no JSON object; Airflow itself would go on without it.
    """
    try:
        is_object = isinstance(json.loads(connection.extra or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise ConfigurationError("field 'extra' is not a JSON object")
    extra: dict[str, Any] = connection.extra_dejson
    return extra


def with_typed_extra(connection: Connection) -> Connection:
    """Return a connection whose extra has the types that its fields must have: itself where it has them already.

    :raises ConfigurationError: when the extra is no JSON object, or a field of it cannot be what it must be; it names
        the field, and shows no value.
    """
    named = f"Connection {connection.conn_id!r}"
    try:
        extra = read_extra(connection)
    except ConfigurationError as fault:
        raise ConfigurationError(f"{named}: {fault}.") from None
    readers = {**_EVERYWHERE, **_READERS.get(connection.conn_type or "", {})}
    typed = {}
    for name, value in extra.items():
        # Airflow's forms used to write their fields with extra__<type>__ before their names.
        read = readers.get(name.rpartition("__")[2] if name.startswith("extra__") else name)
        if read is None or not isinstance(value, str):
            typed[name] = value
        elif value.strip():
            try:
                typed[name] = read(value.strip())
            except ValueError as fault:
                raise ConfigurationError(f"{named}: field {name!r} in extra must be {fault}.") from None
    return connection if typed == extra else with_fields(connection, extra=typed)


def with_fields(connection: Connection, *, extra: Mapping[str, Any], **others: Any) -> Connection:
    """Return a copy of a connection with other fields.

    :param extra: the whole extra.
    :param others: of ``login``, ``password`` and the like.
    """
    from airflow.sdk import Connection as AirflowConnection

    names = ("conn_id", "conn_type", "host", "schema", "port", "login", "password")
    fields = {name: getattr(connection, name) for name in names}
    return AirflowConnection(**{**fields, **others}, extra=json.dumps(extra))


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return word in _TRUE


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("a number")
    return number


def _object(text: str) -> Any:
    return _decoded(text, dict, 'a JSON object, such as {"name": "value"}')


def _list(text: str) -> Any:
    if text.startswith("["):
        return _decoded(text, list, "a JSON array, or words with commas between them")
    return [part.strip() for part in text.split(",") if part.strip()]


def _decoded(text: str, kind: type, wanted: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if type(found) is kind:
        return found
    raise ValueError(wanted)


_Reader = Callable[[str], Any]


def _fields(reader: _Reader, *names: str) -> dict[str, _Reader]:
    return dict.fromkeys(names, reader)


#: In connections of any type: Airflow's hooks for PostgreSQL, MySQL and Redshift all know ``iam``.
_EVERYWHERE: Mapping[str, _Reader] = _fields(_boolean, "iam")

#: Connection type -> field -> how a text becomes what it must be. What is a text anyway is not named.
_READERS: Mapping[str, Mapping[str, _Reader]] = {
    "snowflake": {
        **_fields(_object, "session_parameters"),
        **_fields(
            _boolean,
            "insecure_mode",
            "client_request_mfa_token",
            "client_store_temporary_credential",
            "json_result_force_utf8_decoding",
            "ocsp_fail_open",
        ),
        **_fields(_number, "proxy_port"),
    },
    "databricks": {
        **_fields(_object, "session_configuration"),
        **_fields(
            _boolean,
            "enable_telemetry",
            "use_cloud_fetch",
            "use_azure_managed_identity",
            "use_default_azure_credential",
            "service_principal_oauth",
            "_tls_no_verify",
            "_tls_verify_hostname",
            "_use_arrow_native_complex_types",
            "_use_arrow_native_decimals",
            "_use_arrow_native_timestamps",
        ),
        **_fields(
            _number,
            "max_download_threads",
            "_retry_delay_min",
            "_retry_delay_max",
            "_retry_delay_default",
            "_retry_stop_after_attempts_count",
            "_retry_stop_after_attempts_duration",
            "_socket_timeout",
            "_port",
        ),
    },
    "redshift": {
        **_fields(
            _boolean,
            "auto_create",
            "is_serverless",
            "ssl",
            "ssl_insecure",
            "tcp_keepalive",
            "numeric_to_float",
            "database_metadata_current_db_only",
            "force_lowercase",
            "allow_db_user_override",
            "group_federation",
        ),
        **_fields(
            _number,
            "timeout",
            "max_prepared_statements",
            "client_protocol_version",
            "serverless_token_duration_seconds",
            "tcp_keepalive_idle",
            "tcp_keepalive_interval",
            "tcp_keepalive_count",
        ),
        **_fields(_list, "db_groups"),
    },
    "gcpbigquery": (
        _bigquery := {
            **_fields(_object, "labels", "api_resource_configs", "client_options"),
            **_fields(_boolean, "is_anonymous", "use_legacy_sql", "use_legacy_sql_dialect"),
            **_fields(_number, "num_retries"),
        }
    ),
    "google_cloud_platform": _bigquery,
    "postgres": _fields(
        _number,
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    ),
    "mysql": {**_fields(_boolean, "local_infile", "unix_socket_auth"), **_fields(_number, "connect_timeout")},
    "trino": _fields(_object, "session_properties"),
    "duckdb": {
        **_fields(_object, "settings", "config"),
        **_fields(_boolean, "read_only"),
        **_fields(_list, "extensions"),
    },
}
