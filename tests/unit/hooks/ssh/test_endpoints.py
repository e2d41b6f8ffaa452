"""How each kind of database is led into a tunnel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.ssh.endpoints import endpoint, remote_address


def connection(conn_type: str = "postgres", **fields: Any) -> Connection:
    extra = json.dumps(fields.pop("extra", {}))
    return Connection(**{"conn_id": "w", "conn_type": conn_type, "host": "db.internal", **fields}, extra=extra)


@pytest.mark.parametrize("conn_type", ["snowflake", "gcpbigquery", "databricks"])
def test_what_goes_by_https_is_told_of_a_proxy(conn_type: str) -> None:
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        endpoint(connection(conn_type))


@pytest.mark.parametrize("conn_type", ["duckdb", "sqlite"])
def test_no_tunnel_leads_to_a_file(conn_type: str) -> None:
    with pytest.raises(ConfigurationError, match="a file of the worker"):
        endpoint(connection(conn_type))


def test_a_password_that_is_signed_for_an_address_does_not_go_through_another() -> None:
    mysql = connection("mysql", extra={"iam": True})
    with pytest.raises(ConfigurationError, match="needs a password"):
        endpoint(mysql).check(mysql)


@pytest.mark.parametrize(("conn_type", "port"), [("postgres", 5432), ("redshift", 5439), ("mysql", 3306)])
def test_a_port_that_is_not_named_is_the_usual_one(conn_type: str, port: int) -> None:
    assert remote_address(connection(conn_type), endpoint(connection(conn_type)).port) == ("db.internal", port)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"host": ""}, "name the database's host"),
        ({"host": "one,two"}, "one host"),
        ({"host": "/run/postgresql"}, "one host"),
    ],
)
def test_the_database_has_one_host(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        remote_address(connection(**fields), 5432)


def test_an_unknown_kind_names_its_port() -> None:
    with pytest.raises(ConfigurationError, match="name the database's port"):
        remote_address(connection("greatdb"), endpoint(connection("greatdb")).port)


def test_an_address_of_the_database_that_is_named_is_where_the_tunnel_leads() -> None:
    assert remote_address(connection(extra={"hostaddr": "10.0.0.7"}), 5432) == ("10.0.0.7", 5432)


def test_postgresql_keeps_host_and_port_for_tls_and_iam() -> None:
    led = connection(port=5432, extra={"sslmode": "verify-full"})
    endpoint(led).lead(led, ("127.0.0.1", 40000))
    assert (led.host, led.port) == ("db.internal", 5432)
    assert led.extra_dejson == {"sslmode": "verify-full", "hostaddr": "127.0.0.1", "port": 40000}


@pytest.mark.parametrize(("said", "mode"), [({}, "verify-full"), ({"sslmode": "verify-ca"}, "verify-ca")])
def test_redshift_keeps_its_host_and_checks_its_name(said: dict[str, Any], mode: str) -> None:
    led = connection("redshift", extra=said)
    endpoint(led).lead(led, b"\0cdi")
    assert (led.host, led.extra_dejson) == ("db.internal", {"sslmode": mode, "unix_sock": "\0cdi"})


def test_every_other_database_is_reached_at_the_local_end() -> None:
    led = connection("mysql", port=3306)
    endpoint(led).lead(led, ("127.0.0.1", 40000))
    assert (led.host, led.port) == ("127.0.0.1", 40000)
