"""BigQuery: what a check asks it, and where Google's clients connect to."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_cdi.checks.sockets import Endpoint, Tls
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile
from airflow_provider_cdi.checks.warehouse.snowflake import bundled_context

if TYPE_CHECKING:
    from airflow_provider_cdi.checks.warehouse.subject import Subject

#: Permissions that no sync needs on its source.
_TOO_MUCH = (
    "bigquery.tables.update",
    "bigquery.tables.updateData",
    "bigquery.tables.delete",
    "bigquery.tables.setIamPolicy",
)


def _endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Return the hosts of tokens, of jobs and of results."""
    return list(_found(subject.extra))


def _found(extra: dict[str, Any]) -> Iterator[Endpoint]:
    tokens = _token_uri(extra.get("keyfile_dict"))
    options = extra.get("client_options") or {}
    jobs = os.environ.get("BIGQUERY_EMULATOR_HOST") or options.get("api_endpoint") or "https://bigquery.googleapis.com"
    for url in dict.fromkeys((tokens, jobs)):
        yield _endpoint(url, bundled_context)
    results = str(extra.get("storage_endpoint") or "bigquerystorage.googleapis.com:443")
    yield _endpoint(results if "://" in results else f"https://{results}", _grpc_context)


def _endpoint(url: str, context: Any) -> Endpoint:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    is_encrypted = parts.scheme == "https"
    port = parts.port or (443 if is_encrypted else 80)
    return Endpoint(parts.hostname or "", port, Tls.AT_ONCE if is_encrypted else Tls.NONE, context)


def _grpc_context() -> ssl.SSLContext:
    named = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    return ssl.create_default_context(cafile=named) if named else bundled_context()


def _token_uri(key: Any) -> str:
    """Return where a key is exchanged for a token; a key that cannot be read is for the log-in to tell."""
    try:
        fields = json.loads(key) if isinstance(key, str) else key
        return str((fields or {}).get("token_uri") or "https://oauth2.googleapis.com/token")
    except (ValueError, AttributeError):
        return "https://oauth2.googleapis.com/token"


def _excess(subject: Subject) -> Sequence[str]:
    """Ask IAM which permissions the account has on the table beyond reading."""
    path = subject.path
    with subject.hook.session.connected("asking for the permissions") as connection:
        return [f"{permission} on it" for permission in connection.permissions(path, _TOO_MUCH)]


BIGQUERY = WarehouseProfile(
    endpoints=_endpoints,
    excess_of=_excess,
    least="roles/bigquery.dataViewer on the source, roles/bigquery.jobUser and roles/bigquery.readSessionUser on the "
    "project",
    logs_in_when_asked=True,
    layout="select case t.type when 1 then 'table' else 'view' end, t.row_count, (select "
    "countif(c.is_partitioning_column = 'YES' or c.clustering_ordinal_position = 1) > 0 "
    "from `{schema}`.INFORMATION_SCHEMA.COLUMNS c where c.table_name = '{table}' and c.column_name = '{time}') "
    "from `{schema}.__TABLES__` t where t.table_id = '{table}'",
    order_it="Partition the table by the day of {time}, or cluster it by {time}: each run is billed for all of it.",
    many_rows=1_000_000,
)
