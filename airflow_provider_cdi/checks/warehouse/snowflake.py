"""Snowflake: what a check asks it, and where its client connects to."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.findings import NotTried
from airflow_provider_cdi.checks.sockets import Endpoint
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile

if TYPE_CHECKING:
    from airflow_provider_cdi.checks.warehouse.subject import Subject


def _endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Return the account's host, as the connector puts it together."""
    from snowflake.connector.util_text import construct_hostname

    extra = subject.extra
    if extra.get("proxy_host"):
        raise NotTried("A proxy of the connection leads to Snowflake: the log-in tells.")
    account, region = str(extra.get("account") or ""), extra.get("region") or None
    host = str(extra.get("host") or (construct_hostname(region, account) if account else ""))
    return [Endpoint(host, int(extra.get("port") or 443), context=bundled_context)] if host else ()


def bundled_context() -> ssl.SSLContext:
    """Believe what clients over ``requests`` believe: the bundle that the environment names, else certifi's."""
    import certifi

    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return ssl.create_default_context(cafile=named or certifi.where())


_OWN = "table_schema = coalesce(nullif('{schema}', ''), current_schema()) and table_name = '{table}'"
_WRITES = (
    "select privilege_type || ' on it' from information_schema.table_privileges "  # noqa: S608 - names are escaped
    f"where grantee = current_role() and privilege_type <> 'SELECT' and {_OWN}"
)
_ADMINISTERS = (
    "select 'the role is ' || current_role() where current_role() in ('ACCOUNTADMIN', 'SECURITYADMIN', 'SYSADMIN')"
)
_LAYOUT = (
    "select case when table_type like '%VIEW%' then 'view' else 'table' end, row_count, "  # noqa: S608 - as above
    f"contains(lower(coalesce(clustering_key, '')), lower('{{time}}')) from information_schema.tables where {_OWN}"
)

SNOWFLAKE = WarehouseProfile(
    endpoints=_endpoints,
    # A generator needs a warehouse; a query of literals does not.
    compute="select current_warehouse() as w, count(*) as n from table(generator(rowcount => 1))",
    no_compute='Name a warehouse ("warehouse" in the connection\'s extra), and grant the role USAGE on it.',
    schema="select count(*) > 0, true from information_schema.schemata where schema_name = '{schema}'",
    grant_usage="Grant the role USAGE on the schema and on its database.",
    excess=f"{_WRITES} union all {_ADMINISTERS}",
    least="SELECT on the source, and USAGE on its database, its schema and a warehouse",
    layout=_LAYOUT,
    order_it="Load in the order of {time}, or cluster by it: ALTER TABLE {relation} CLUSTER BY ({time});",
    many_rows=100_000_000,
)
