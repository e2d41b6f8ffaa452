"""The extra of a connection, and for a warehouse with the types that its fields must have.

A connection that comes from a URI, an environment variable or a secrets backend may hold everything as text: there
``iam`` is ``"false"``, which Python takes for true, and ``session_parameters`` is a text that Airflow's hooks pass over
without a word. Here every field whose type is known gets it, once, before any hook or driver looks at the extra.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.connection_types import EVERYWHERE, connection_type

if TYPE_CHECKING:
    from airflow.sdk import Connection


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
    readers = {**EVERYWHERE, **connection_type(connection.conn_type).readers}
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
