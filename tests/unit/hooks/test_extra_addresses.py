"""Every address in the extra of a warehouse's connection is one, or is named and not shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.address_rules import Address, HostPart
from airflow_provider_cdi.hooks.connection_types import CONNECTION_TYPES
from airflow_provider_cdi.hooks.extra_addresses import check_addresses
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

FIELDS = [
    (conn_type, name, rule) for conn_type, one in CONNECTION_TYPES.items() for name, rule in one.addresses.items()
]
HOSTS = [(conn_type, name) for conn_type, name, rule in FIELDS if isinstance(rule, Address) and not rule.is_url]
URLS = [(conn_type, name) for conn_type, name, rule in FIELDS if isinstance(rule, Address) and rule.is_url]
SECRET = "hidden"


def connection(conn_type: str, extra: dict[str, Any]) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="w", conn_type=conn_type, extra=json.dumps(extra))


def refusal(conn_type: str, extra: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        check_addresses(connection(conn_type, extra))
    assert SECRET not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("conn_type", ["gcpbigquery", "google_cloud_platform"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://user:hidden@storage.example:443",
        "user:hidden@storage.example:443",
        "storage.example:443/hidden",
        "storage.example:99999",
        "storage.example:port",
        "sto rage",
        "://hidden",
        "ftp://storage.example",
        "unix:///hidden",
        "dns:///storage.example:443",
        "http://u:hid#hidden@storage.example",
        443,
        ["storage.example"],
    ],
)
def test_bigquerys_storage_endpoint_is_checked_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, conn_type: str, endpoint: Any
) -> None:
    extra = json.dumps({"storage_endpoint": endpoint, "project": "p"})
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": conn_type, "extra": extra}))
    with pytest.raises(ConfigurationError, match="Connection 'w': field 'storage_endpoint' in extra") as raised:
        get_warehouse_hook("w")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "endpoint", ["localhost:9060", "http://127.0.0.1:9060", "https://storage.example", "[::1]:443", "", None]
)
def test_an_endpoint_that_may_be_one_is_left_alone(endpoint: str | None) -> None:
    check_addresses(connection("gcpbigquery", {"storage_endpoint": endpoint}))


@pytest.mark.parametrize(("conn_type", "name", "rule"), FIELDS)
def test_the_example_of_each_field_is_right(conn_type: str, name: str, rule: Any) -> None:
    right = rule.url.example if hasattr(rule, "url") else rule.example
    check_addresses(connection(conn_type, {name: right, f"extra__{conn_type}__{name}": right}))


@pytest.mark.parametrize(("conn_type", "name"), HOSTS)
@pytest.mark.parametrize("value", ["ho st.hidden", "host.example:0", "host.example/hidden", "gopher://hidden", 5])
def test_a_host_that_is_none_is_refused(conn_type: str, name: str, value: Any) -> None:
    assert f"field {name!r} in extra" in refusal(conn_type, {name: value})


@pytest.mark.parametrize(("conn_type", "name"), URLS)
@pytest.mark.parametrize(
    "value", ["idp.hidden/token", "https://", "https://u:hidden@idp.example/token", "file:///hidden"]
)
def test_a_url_that_is_none_is_refused(conn_type: str, name: str, value: str) -> None:
    assert f"field {name!r} in extra" in refusal(conn_type, {name: value})


@pytest.mark.parametrize(
    ("conn_type", "name"),
    [(conn_type, name) for conn_type, name, rule in FIELDS if getattr(rule, "takes_secrets", False)],
)
def test_no_secret_goes_to_a_url_without_tls_but_to_this_machine(conn_type: str, name: str) -> None:
    assert "plain text: use https://" in refusal(conn_type, {name: "http://idp.hidden.example/token"})
    check_addresses(connection(conn_type, {name: "http://localhost:8080/token"}))


@pytest.mark.parametrize("name", [name for _, name, rule in FIELDS if isinstance(rule, HostPart)])
@pytest.mark.parametrize(
    "value", ["evil.example/hidden#", "a@hidden", "a?hidden", "a b", "hidden:443", "https://hidden"]
)
def test_what_becomes_a_part_of_snowflakes_host_leads_to_no_other_host(name: str, value: str) -> None:
    assert "becomes a part of the host's name" in refusal("snowflake", {name: value})


def test_an_authenticator_may_be_a_word_or_a_url() -> None:
    check_addresses(connection("snowflake", {"authenticator": "SNOWFLAKE_JWT"}))
    assert "'authenticator'" in refusal("snowflake", {"authenticator": "http://hidden.okta.com"})


def test_nested_fields_are_checked_too() -> None:
    assert "'s3_endpoint'" in refusal("duckdb", {"settings": {"s3_endpoint": "s3.example/hidden"}})
    check_addresses(connection("databricks", {"proxies": {"https": "http://u:p@proxy.example:3128"}}))
    assert "'proxies'" in refusal("databricks", {"proxies": {"https": "socks5://hidden:1080"}})


@pytest.mark.parametrize("conn_type", ["gcpbigquery", "google_cloud_platform"])
@pytest.mark.parametrize(("field", "member"), [
    ("keyfile_dict", "token_uri"),
    ("credential_config_file", "token_url"),
    ("credential_config_file", "service_account_impersonation_url"),
])  # fmt: skip
@pytest.mark.parametrize("written", [dict, json.dumps], ids=["object", "text"])
def test_where_googles_clients_send_what_a_key_signs_is_checked(
    conn_type: str, field: str, member: str, written: Any
) -> None:
    for name in (field, f"extra__google_cloud_platform__{field}"):
        check_addresses(connection(conn_type, {name: written({member: "https://oauth2.googleapis.com/token"})}))
        said = refusal(conn_type, {name: written({member: "http://hidden.example/token"})})
        assert f"field '{field}.{member}' in extra would get a secret in plain text" in said
        assert "must be a URL" in refusal(conn_type, {name: written({member: "hidden example"})})


@pytest.mark.parametrize("content", ["", "/etc/keys/key.json", "{broken", "[1]", 7, None, {}, {"token_uri": None}])
def test_a_key_without_such_an_address_is_left_to_the_hook(content: Any) -> None:
    check_addresses(connection("gcpbigquery", {"keyfile_dict": content, "credential_config_file": content}))


def test_other_types_and_other_fields_are_left_to_their_drivers() -> None:
    check_addresses(connection("postgres", {"storage_endpoint": "no address", "host": "a b"}))
    check_addresses(connection("snowflake", {"warehouse": "a/b c"}))
