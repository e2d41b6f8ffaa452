"""The addresses in the extra of a warehouse's connection, checked before any hook or driver looks at them.

A driver that is given half an address tries it for minutes, sends a secret to another host than the one that was meant,
or quotes it with the password in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.hooks.connection_types import connection_type

if TYPE_CHECKING:
    from airflow.sdk import Connection


def check_addresses(connection: Connection) -> None:
    """Refuse a connection with a field in its extra that should be an address and can be none.

    :raises ConfigurationError: then; it names the field, and shows nothing of its value.
    """
    rules = connection_type(connection.conn_type).addresses
    for name, value in _fields(connection.extra_dejson):
        rule = rules.get(_bare(name))
        if rule is not None and value not in (None, ""):
            rule.check(value, f"Connection {connection.conn_id!r}: field {name!r} in extra")


def _bare(name: str) -> str:
    """Take off what Airflow's forms used to write before a field's name: ``extra__<type>__``."""
    return name.rpartition("__")[2] if name.startswith("extra__") else name


def _fields(extra: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from extra.items()
    for name, value in extra.items():
        if _bare(name) in _GOOGLES_KEYS:
            yield from ((f"{_bare(name)}.{member}", part) for member, part in _members(value).items())
    for holder in ("settings", "config"):  # of DuckDB
        nested = extra.get(holder)
        if isinstance(nested, dict):
            yield from nested.items()
    proxies = extra.get("proxies")  # of Databricks: {"https": "http://proxy.example.com:3128"}
    if isinstance(proxies, dict):
        yield from (("proxies", proxy) for proxy in proxies.values())


def _members(value: Any) -> dict[str, Any]:
    """Read a key that is an object, or the text of one; whatever else it is, is for the hook to refuse."""
    try:
        members = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


#: Fields of Google's connections that hold the content of a key's file, in which addresses stand too.
_GOOGLES_KEYS = frozenset({"keyfile_dict", "credential_config_file"})
