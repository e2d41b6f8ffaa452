"""Databricks: what a check asks it, and where its connector connects to."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.findings import NotTried
from airflow_provider_cdi.checks.sockets import Endpoint
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile

if TYPE_CHECKING:
    from airflow_provider_cdi.checks.warehouse.subject import Subject

_PROXIES = ("http_proxy", "https_proxy", "_proxy_host", "proxies")


def _endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Return the workspace's host."""
    extra = subject.extra
    if any(extra.get(name) for name in _PROXIES):
        raise NotTried("A proxy of the connection leads to Databricks: the log-in tells.")
    given = str(extra.get("host") or subject.connection.host or "")
    host, _, port = given.partition("://")[2].partition(":") if "://" in given else given.partition(":")
    if not host:
        return ()
    authority = extra.get("_tls_trusted_ca_file")
    return [
        Endpoint(
            host,
            int(extra.get("_port") or port or 443),
            context=lambda: _context(authority, is_verified=not extra.get("_tls_no_verify")),
            cure="Check the connection's host, or name the authority's file as _tls_trusted_ca_file in the extra.",
        )
    ]


def _context(authority: str | None, *, is_verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if not is_verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


DATABRICKS = WarehouseProfile(
    endpoints=_endpoints,
    # The information schema of Unity Catalog; a workspace without it does not tell.
    excess="select distinct concat(privilege_type, ' on it') from system.information_schema.table_privileges "
    "where grantee = current_user() and privilege_type not in ('SELECT', 'BROWSE') and table_name = lower('{table}') "
    "and table_schema = lower(coalesce(nullif('{schema}', ''), current_schema()))",
    least="USE CATALOG, USE SCHEMA and SELECT on the source, and CAN USE on a SQL warehouse",
)
