"""Connections as people keep them, and what a version reads of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Connection

from airflow_provider_cdi.hooks.braze import BrazeHook
from airflow_provider_cdi.hooks.klaviyo import KlaviyoHook
from airflow_provider_cdi.hooks.typed_extra import with_typed_extra

_HTTP = {
    "timeout": 20,
    "connect_timeout": "5",
    "proxy": "http://user:word@proxy.example.com:3128",
    "requests_per_second": "7.5",
    "rate_share": 0.5,
}
#: As JSON and as URI, with every field that the package reads of the extra.
DESTINATIONS: Mapping[str, str] = {
    "braze_json": json.dumps({"conn_type": "braze", "host": "rest.fra-01.braze.eu", "password": "k-1", "extra": _HTTP}),
    "braze_uri": "braze://:k-1@rest.iad-03.braze.com/?timeout=20&connect_timeout=5&requests_per_second=7.5",
    "braze_plain": json.dumps({"conn_type": "braze", "host": "https://rest.iad-01.braze.com/", "password": "k-1"}),
    "klaviyo_json": json.dumps(
        {
            "conn_type": "klaviyo",
            "password": "pk_1",
            "extra": {**_HTTP, "account": "AbC123", "revision": "2025-10-15"},
        }
    ),
    "klaviyo_uri": "klaviyo://:pk_1@/?timeout=20&rate_share=0.5&account=AbC123",
    "klaviyo_plain": json.dumps({"conn_type": "klaviyo", "password": "pk_1"}),
}
_WAREHOUSES: Mapping[str, Mapping[str, Any]] = {
    "snowflake": {
        "account": "org-acc",
        "warehouse": "wh",
        "role": "reader",
        "session_parameters": '{"QUERY_TAG": "mine"}',
        "insecure_mode": "false",
        "proxy_port": "3128",
        "extra__snowflake__ocsp_fail_open": "true",
    },
    "databricks": {
        "http_path": "/sql/1.0/warehouses/a",
        "use_cloud_fetch": "true",
        "session_configuration": '{"ansi_mode": "true"}',
        "_socket_timeout": "30",
    },
    "redshift": {
        "iam": "true",
        "region": "eu-central-1",
        "is_serverless": "false",
        "db_groups": "a, b",
        "timeout": "20",
        "cdi_fetch_rows": "4000",
    },
    "gcpbigquery": {"project": "p", "labels": '{"team": "crm"}', "num_retries": "3", "dataset": "d"},
    "google_cloud_platform": {"extra__google_cloud_platform__project": "p", "use_legacy_sql": "false"},
    "postgres": {"sslmode": "require", "connect_timeout": "5", "keepalives": "1"},
    "mysql": {"local_infile": "false", "charset": "utf8mb4"},
    "trino": {"session_properties": '{"a": "b"}'},
    "duckdb": {"read_only": "true", "settings": '{"threads": 2}', "extensions": "json, httpfs"},
    "sqlite": {"iam": "no"},
}


def read_connections() -> dict[str, Any]:
    """Return what is read of each connection, without what a version adds of itself."""
    os.environ.update({f"AIRFLOW_CONN_{name.upper()}": value for name, value in DESTINATIONS.items()})
    found: dict[str, Any] = {name: _settings(name) for name in DESTINATIONS}
    for kind, extra in _WAREHOUSES.items():
        connection = Connection(conn_id=kind, conn_type=kind, host="db.example.com", extra=json.dumps(extra))
        found[kind] = with_typed_extra(connection).extra_dejson
    return found


def _settings(name: str) -> dict[str, Any]:
    hook: Any = BrazeHook(name) if name.startswith("braze") else KlaviyoHook(name)
    settings, place = hook.settings, getattr(hook, "place", None)
    headers = {key: value for key, value in settings.headers.items() if key != "User-Agent"}
    names = ("base_url", "secret", "proxy", "connect_timeout", "timeout", "requests_per_second", "rate_share")
    return {**{key: getattr(settings, key) for key in names}, "headers": headers, "place": place}
