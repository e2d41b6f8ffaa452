"""The Klaviyo connection as Airflow hands it over."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi import __version__
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError, DestinationRefused, RetryLater
from airflow_provider_cdi.hooks.http import calls as http_calls
from airflow_provider_cdi.hooks.klaviyo.form import KLAVIYO_FORM
from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook
from airflow_provider_cdi.hooks.klaviyo.transport import KlaviyoTransport
from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings import Settings

KEY = "pk_b5a1-secret-key"
EVENTS_ONLY = frozenset({"events:write"})


@pytest.fixture
def hook(monkeypatch):
    """``hook(host=…, extra={…})`` makes a hook on a connection from the environment."""

    def hook(*, extra=None, **fields):
        fields = {"conn_type": "klaviyo", "password": KEY, **fields}
        if extra is not None:
            fields["extra"] = extra
        monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO_TEST", json.dumps(fields))
        return KlaviyoHook("klaviyo_test")

    return hook


@pytest.fixture
def klaviyo():
    settings = Settings(klaviyo_keys={KEY: None, "pk_events": EVENTS_ONLY})
    with SandboxServer(settings, klaviyo={"strict": True}) as server:
        yield server


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(http_calls.call_until_settled, "__kwdefaults__", {"sleep": lambda _: None})


def deliver(transport, *requests):
    async def exchange():
        async with transport:
            return [await transport.send(request) for request in requests]

    return asyncio.run(exchange())


# --- reading the connection -----------------------------------------------------------------------------


def test_a_key_alone_is_a_whole_connection(hook):
    settings = hook().settings
    assert settings.base_url == "https://a.klaviyo.com"
    assert settings.headers == {
        "Authorization": f"Klaviyo-API-Key {KEY}",
        "revision": "2026-10-15",
        "Content-Type": "application/vnd.api+json",
        "Accept": "application/vnd.api+json",
        "User-Agent": f"airflow-provider-cdi/{__version__}",
    }


def test_extra_holds_revision_account_and_time_outs(hook):
    tested = hook(extra={"revision": "2027-01-15.pre", "account": "DeMo01", "timeout": 5, "connect_timeout": "2.5"})
    assert tested.settings.headers["revision"] == "2027-01-15.pre"
    assert (tested.settings.timeout, tested.settings.connect_timeout) == (5.0, 2.5)
    assert (tested.account, tested.place) == ("DeMo01", "https://a.klaviyo.com/DeMo01")


def test_emptied_form_fields_mean_the_defaults(hook):
    emptied = hook(extra=dict.fromkeys(KLAVIYO_FORM.extra_fields, "")).settings
    assert emptied == hook().settings


def test_the_host_may_be_a_sandbox(hook):
    assert hook(host="127.0.0.1:8125").place == "http://127.0.0.1:8125"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"password": ""}, "'password' is empty.*pk_"),
        ({"password": "AbC123"}, "'password' holds no private key"),
        ({"password": "pk_two words"}, "'password' holds characters"),
        ({"host": "www.klaviyo.com"}, "'host': www.klaviyo.com is not Klaviyo's API"),
        ({"host": "http://a.klaviyo.com"}, "'host'.*plain text"),
        ({"host": "https://a.klaviyo.com/api"}, "'host'.*without a path"),
        ({"extra": {"revision": "newest"}}, "'revision' in extra"),
        ({"extra": {"revision": "2026-13-01"}}, "'revision' in extra"),
        ({"extra": {"account": 7}}, "'account' in extra"),
        ({"extra": {"timeout": 0}}, "'timeout' in extra"),
    ],
)
def test_bad_field_is_named_with_the_connection_and_without_the_key(hook, fields, named):
    with pytest.raises(ConfigurationError, match=f"Connection 'klaviyo_test': .*{named}") as caught:
        _ = hook(**fields).settings
    assert KEY not in str(caught.value)


def test_key_shows_nowhere_in_the_hook(hook):
    tested = hook()
    assert KEY not in repr(tested) + repr(tested.settings) + repr(tested.transport(1)) + repr(tested.get_conn())


def test_an_event_loop_finds_the_same_settings(hook):
    tested = hook(extra={"timeout": 5})
    assert asyncio.run(tested.find_settings()) == tested.settings


def test_an_event_loop_is_told_which_connection_is_missing():
    with pytest.raises(ConfigurationError, match="no Airflow connection 'nowhere'"):
        asyncio.run(KlaviyoHook("nowhere").find_settings())


# --- calls ----------------------------------------------------------------------------------------------


def test_transport_delivers_with_key_and_revision(hook, klaviyo):
    (answer,) = deliver(hook(host=klaviyo.url).transport(2), Request("GET", "/api/lists", b""))
    assert (answer.status, answer.headers["x-klaviyo-api-revision"]) == (200, "2026-10-15")


def test_a_revision_that_retires_soon_is_told_once_in_the_log(hook, serve, lab, caplog):
    soon = datetime.now(UTC).date() + timedelta(days=30)
    headers = {"X_Klaviyo_Api_Revision": "2026-10-15", "X_Klaviyo_Api_Retirement_Date": soon}
    server = serve(lab.always(200, {"data": []}, **headers))
    settings = hook(host=f"127.0.0.1:{server.port}").settings
    deliver(KlaviyoTransport(settings, 2, logging.getLogger("task")), *[Request("GET", "/api/lists", b"")] * 3)
    (record,) = [record for record in caplog.records if "retires on" in record.getMessage()]
    assert record.levelno == logging.WARNING


def test_connection_test_names_the_account_and_what_it_cannot_prove(hook, klaviyo):
    works, text = hook(host=klaviyo.url).test_connection()
    assert works
    assert "accepts the key of the test account 'Acme Demo' (DeMo01)." in text
    assert "Not granted" not in text
    assert "Not looked at, because only a write would prove it: profiles:write" in text


def test_connection_test_names_missing_scopes(hook, klaviyo):
    works, text = hook(host=klaviyo.url, password="pk_events").test_connection()
    assert works
    assert "Not granted: accounts:read (" in text
    for scope in ("profiles:read", "lists:read", "subscriptions:read"):
        assert f"{scope} (" in text.partition("Not looked at")[0]


def test_connection_test_tells_a_wrong_key(hook, klaviyo):
    works, text = hook(host=klaviyo.url, password="pk_revoked").test_connection()
    assert (works, "refused the key (401)" in text, "pk_revoked" in text) == (False, True, False)


def test_connection_test_tells_a_retired_revision(hook, klaviyo):
    klaviyo.change(klaviyo={"unknown_revision": "refuse"})
    works, text = hook(host=klaviyo.url, extra={"revision": "2022-10-17"}).test_connection()
    assert (works, "no longer serves the API revision 2022-10-17 (410)" in text) == (False, True)


def test_connection_test_tells_that_another_revision_answers(hook, klaviyo):
    works, text = hook(host=klaviyo.url, extra={"revision": "2026-08-01"}).test_connection()
    assert works
    assert "although 2026-08-01 was asked for" in text


def test_connection_test_tells_the_key_of_another_account(hook, klaviyo):
    works, text = hook(host=klaviyo.url, extra={"account": "OtHeR1"}).test_connection()
    assert (works, "names another, 'OtHeR1'" in text) == (False, True)


def test_connection_test_tells_a_refused_connection(hook, serve, lab):
    server = serve(lab.always(200))
    server.close()
    works, text = hook(host=f"127.0.0.1:{server.port}").test_connection()
    assert (works, "refused the connection" in text) == (False, True)


# --- the account ----------------------------------------------------------------------------------------


def test_without_an_account_nothing_is_asked(hook, klaviyo):
    hook(host=klaviyo.url).refuse_other_account()
    assert klaviyo.requests() == []


def test_the_right_account_is_let_through(hook, klaviyo):
    hook(host=klaviyo.url, extra={"account": "DeMo01"}).refuse_other_account()
    assert [request["path"] for request in klaviyo.requests()] == ["/api/accounts"]


def test_the_key_of_another_account_is_refused(hook, klaviyo):
    tested = hook(host=klaviyo.url, extra={"account": "OtHeR1"})
    with pytest.raises(DestinationRefused, match="belongs to the account 'DeMo01' and not to 'OtHeR1'"):
        tested.refuse_other_account()


def test_a_key_that_does_not_tell_its_account_is_refused_with_the_scope(hook, klaviyo):
    tested = hook(host=klaviyo.url, password="pk_events", extra={"account": "DeMo01"})
    with pytest.raises(DestinationRefused, match="scope accounts:read"):
        tested.refuse_other_account()


@pytest.mark.usefixtures("no_pauses")
def test_a_klaviyo_that_does_not_answer_is_tried_again_later(hook, klaviyo):
    klaviyo.set_faults({"kind": "answer", "status": 503, "path": "/api/accounts"})
    with pytest.raises(RetryLater, match="status 503"):
        hook(host=klaviyo.url, extra={"account": "DeMo01"}).refuse_other_account()


# --- what Airflow asks ----------------------------------------------------------------------------------


def test_importing_the_hook_loads_no_http_library_and_no_arrow():
    code = (
        "import sys; from airflow_provider_cdi.version_compat import BaseHook; before = set(sys.modules); "
        "import airflow_provider_cdi.hooks.klaviyo.hook; print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"aiohttp", "requests", "pyarrow", "tenacity", "certifi"}.isdisjoint(loaded.stdout.split())
    assert "airflow_provider_cdi.hooks.klaviyo.hook" in loaded.stdout


def test_port_field_is_shown():
    behaviour = KlaviyoHook.get_ui_field_behaviour()
    assert "port" not in behaviour["hidden_fields"]
    assert behaviour["placeholders"]["port"].startswith("443 ")
