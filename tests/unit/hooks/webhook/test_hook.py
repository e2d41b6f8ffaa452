"""A connection of Airflow's own type ``http``: what its fields become, and which make no sense."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest

from airflow_provider_cdi.destinations.http.rows import KeyedRequest
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.webhook.hook import WebhookHook
from airflow_provider_cdi.hooks.webhook.transport import WebhookTransport

TOKEN = "token-of-the-service"


@pytest.fixture
def hook(monkeypatch):
    """``hook(host=…, extra={…})`` makes a hook on a connection from the environment."""

    def hook(**fields):
        fields = {"conn_type": "http", "host": "api.example.com", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_ITS_TEST", json.dumps(fields))
        return WebhookHook("its_test")

    return hook


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://api.example.com"),
        ({"schema": "https", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com"}, "https://api.example.com"),
        ({"host": "localhost", "port": 8000}, "http://localhost:8000"),
        ({"host": "127.0.0.1", "schema": "http"}, "http://127.0.0.1"),
    ],
)
def test_host_schema_and_port_make_the_address(hook, fields, url):
    assert hook(**fields).settings.base_url == url


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"password": TOKEN}, f"Bearer {TOKEN}"),
        ({"login": "me", "password": "it"}, "Basic bWU6aXQ="),
        ({"extra": {"Authorization": "Token abc"}}, "Token abc"),
        ({}, None),
    ],
)
def test_the_credentials_become_a_header(hook, fields, header):
    assert hook(**fields).settings.headers.get("Authorization") == header


def test_what_the_extra_holds_beside_our_fields_are_headers(hook):
    settings = hook(extra={"X-Api-Key": "abc", "timeout": 5, "signing_secret": "s"}).settings
    assert settings.headers["X-Api-Key"] == "abc"
    assert settings.timeout == 5
    assert {"timeout", "signing_secret"} & settings.headers.keys() == set()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": ""}, "field 'host' is empty"),
        ({"schema": "http"}, "plain text: use https://"),
        ({"host": "https://api.example.com/v1"}, "give the host alone"),
        ({"extra": {"verify": "no"}}, "'verify' in extra is not understood here"),
        ({"extra": {"headers": {}}}, "'headers' in extra is not understood here"),
        ({"extra": {"X-Key": 5}}, "'X-Key' in extra must be a text"),
        ({"extra": {"X-Key": "a\nb"}}, "can be no header"),
        ({"extra": {"X Key": "a"}}, "can be no header"),
        ({"extra": {"signing_secret": 5}}, "'signing_secret' in extra must be a text"),
        ({"password": TOKEN, "extra": {"authorization": "x"}}, "keep the right one"),
        ({"password": "two words"}, "field 'password'"),
        ({"conn_type": "braze"}, "has the type 'braze'"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(hook, fields, words):
    with pytest.raises(ConfigurationError, match=words):
        _ = hook(**fields).settings


def test_no_repr_shows_a_secret(hook):
    assert TOKEN not in repr(hook(password=TOKEN, extra={"X-Api-Key": TOKEN}).settings)


def test_a_short_value_of_a_header_is_not_blotted_out_of_answers(hook):
    settings = hook(extra={"X-Api-Version": "1"}).settings
    assert settings.without_secret(422, b'{"errors":[{"index":1}]}') == b'{"errors":[{"index":1}]}'
    assert hook(password=TOKEN).settings.without_secret(401, f"no {TOKEN}".encode()) == b"no ***"


def test_each_attempt_is_signed_with_its_own_time_and_the_requests_key(hook):
    times = iter([100.9, 200.0])
    transport = WebhookTransport(hook().settings, 1, "secret", now=lambda: next(times))
    request = KeyedRequest("POST", "/rows", b'{"rows":[]}', key="k-1")
    for stamp in (b"100", b"200"):
        headers = transport.headers_of(request)
        expected = hmac.new(b"secret", stamp + b'.{"rows":[]}', hashlib.sha256).hexdigest()
        assert headers["X-Signature"] == f"sha256={expected}"
        assert (headers["X-Timestamp"], headers["Idempotency-Key"]) == (stamp.decode(), "k-1")


def test_without_a_secret_nothing_is_signed(hook):
    assert "X-Signature" not in hook().transport(1).headers_of(Request("POST", "/rows", b""))


def test_the_settings_can_be_found_within_an_event_loop(hook):
    tested = hook(password=TOKEN)
    assert asyncio.run(tested.find_settings()) == tested.settings
