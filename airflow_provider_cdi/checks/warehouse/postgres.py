"""PostgreSQL, and Redshift, which has its catalog: what a check asks them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.sockets import Endpoint, Tls
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile

if TYPE_CHECKING:
    from airflow_provider_cdi.checks.warehouse.subject import Subject

#: libpq: "SSL mode descriptions".
_VERIFIES = ("verify-ca", "verify-full")
_WANTS = ("require", *_VERIFIES)


def _postgres_endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Return where libpq connects to; a socket in a folder, or several hosts, are its own affair."""
    host, mode = subject.connection.host or "", str(subject.extra.get("sslmode") or os.environ.get("PGSSLMODE", ""))
    if not host or "/" in host or "," in host:
        return ()
    tls = Tls.NONE if mode in ("disable", "allow") else Tls.ASKED_FOR
    authority = str(subject.extra.get("sslrootcert") or os.environ.get("PGSSLROOTCERT", ""))
    return [
        Endpoint(
            host,
            subject.connection.port or 5432,
            tls,
            lambda: _context(mode, authority),
            is_wanted=mode in _WANTS,
            cure="Name the file of the server's authority as sslrootcert in the connection's extra, and the host as "
            "the certificate has it.",
        )
    ]


def _context(mode: str, authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority if authority not in ("", "system") else None)
    context.check_hostname = mode == "verify-full"
    if mode not in _VERIFIES:
        context.verify_mode = ssl.CERT_NONE
    return context


#: Rights on the table, each a row when the login has it; Redshift knows no VALUES in a FROM.
_ON_TABLE = " union all ".join(
    f"select '{right} on it' where has_table_privilege('{{relation}}', '{right}')"
    for right in ("INSERT", "UPDATE", "DELETE")
)
_SUPERUSER = "select 'it is a superuser' from pg_roles where rolname = current_user and rolsuper"
_CREATES_ROLES = "select 'it may create roles' from pg_roles where rolname = current_user and rolcreaterole"
_REDSHIFT_SUPERUSER = "select 'it is a superuser' from pg_user where usename = current_user and usesuper"

POSTGRES = WarehouseProfile(
    endpoints=_postgres_endpoints,
    schema="select count(*) > 0, coalesce(bool_or(has_schema_privilege(oid, 'USAGE')), false) "
    "from pg_namespace where nspname = '{schema}'",
    grant_usage="Grant the login USAGE on the schema (GRANT USAGE ON SCHEMA … TO …).",
    excess=f"{_SUPERUSER} union all {_CREATES_ROLES} union all {_ON_TABLE}",
    layout="select case c.relkind when 'v' then 'view' when 'f' then 'foreign table' else 'table' end, c.reltuples, "
    "exists (select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
    "where i.indrelid = c.oid and i.indisvalid and i.indpred is null and a.attname = '{time}') "
    "from pg_class c where c.oid = cast('{relation}' as regclass)",
    order_it="Make an index: CREATE INDEX CONCURRENTLY ON {relation} ({time});",
)


def _redshift_endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Return where the driver connects to; with IAM and no host, AWS tells it."""
    host, extra = subject.connection.host, subject.extra
    if not host:
        return ()
    return [
        Endpoint(
            host,
            subject.connection.port or 5439,
            Tls.ASKED_FOR if extra.get("ssl", True) else Tls.NONE,
            lambda: _redshift_context(str(extra.get("sslmode") or "verify-ca")),
            cure="Check that host is the cluster's own endpoint; another authority is named by the variable "
            "SSL_CERT_FILE.",
        )
    ]


def _redshift_context(mode: str) -> ssl.SSLContext:
    from importlib.resources import files

    context = ssl.create_default_context()
    context.load_verify_locations(str(files("redshift_connector").joinpath("files/redshift-ca-bundle.crt")))
    context.check_hostname = mode == "verify-full"
    return context


REDSHIFT = replace(
    POSTGRES,
    endpoints=_redshift_endpoints,
    excess=f"{_REDSHIFT_SUPERUSER} union all {_ON_TABLE}",
    layout="select case when c.relkind = 'v' then 'view' else 'table' end, c.reltuples, d.sortkey = 1 "
    "from pg_class c join pg_table_def d on d.tablename = c.relname and d.\"column\" = '{time}' "
    "where c.oid = cast('{relation}' as regclass)",
    order_it="Make it the sort key: ALTER TABLE {relation} ALTER SORTKEY ({time});",
    many_rows=10_000_000,
)
