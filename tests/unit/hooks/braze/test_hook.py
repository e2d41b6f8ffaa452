"""The Braze connection as Airflow hands it over."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import types

import pytest
from support.airflow_versions import airflow_version

from airflow_provider_cdi import __version__
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError, DestinationRefused, RetryLater
from airflow_provider_cdi.hooks.braze.hook import BrazeHook
from airflow_provider_cdi.hooks.http import calls as http_calls

KEY = "b5a1-secret-key"
SHOPS = {
    "name": "shops",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "city", "type": "string"},
        {"name": "seats", "type": "number"},
    ],
}


@pytest.fixture
def hook(monkeypatch):
    """``hook(host=…, extra={…})`` makes a hook on a connection from the environment."""

    def hook(*, extra=None, **fields):
        fields = {"conn_type": "braze", "password": KEY, "host": "US-01", **fields}
        if extra is not None:
            fields["extra"] = extra
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_TEST", json.dumps(fields))
        return BrazeHook("braze_test")

    return hook


@pytest.fixture
def braze(serve, lab):
    """``braze({"GET /catalogs": (200, {…})})`` starts a server with these answers."""

    def braze(answers):
        def script(sock, server):
            while request := lab.read_request(sock):
                server.requests.append(request)
                method, path, _ = request.split(b" ", 2)
                sock.sendall(lab.reply(*answers.get(f"{method.decode()} {path.decode()}", answers.get("*"))))

        return serve(script)

    return braze


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(http_calls.call_until_settled, "__kwdefaults__", {"sleep": lambda _: None})


# --- reading the connection -----------------------------------------------------------------------------


def test_settings_are_read_from_the_connection(hook, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    extra = {
        "timeout": 5,
        "connect_timeout": "2.5",
        "ca_bundle": str(bundle),
        "proxy": "http://user:hidden@proxy.corp:3128",
        "requests_per_second": 200,
        "rate_share": "0.5",
    }
    settings = hook(host="EU-01", port=443, extra=extra).settings
    assert settings.base_url == "https://rest.fra-01.braze.eu"
    assert (settings.timeout, settings.connect_timeout) == (5.0, 2.5)
    assert (settings.requests_per_second, settings.rate_share) == (200.0, 0.5)
    assert settings.ca_bundle == str(bundle)
    assert settings.proxy_host == "proxy.corp:3128"
    assert settings.headers == {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "User-Agent": f"airflow-provider-cdi/{__version__}",
    }


def test_connection_may_be_a_uri(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", f"braze://:{KEY}@127.0.0.1:8125/?timeout=5")
    settings = BrazeHook().settings
    assert (settings.base_url, settings.timeout) == ("http://127.0.0.1:8125", 5.0)


def test_emptied_form_fields_mean_the_defaults(hook):
    empty = {"timeout": None, "connect_timeout": "", "ca_bundle": "", "proxy": None}
    emptied = hook(extra={**empty, "requests_per_second": None, "rate_share": ""}).settings
    assert emptied == hook().settings


def test_space_around_a_pasted_key_is_dropped(hook):
    assert hook(password=f" {KEY}\n").settings.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"password": ""}, "'password' is empty"),
        ({"password": "two words"}, "'password' holds characters"),
        ({"password": "kéy"}, "'password' holds characters"),
        ({"password": "line\nbreak"}, "'password' holds characters"),
        ({"host": ""}, "'host' is empty"),
        ({"host": "http://rest.iad-01.braze.com"}, "'host'.*plain text"),
        ({"host": "http://127.0.0.1:1", "port": 2}, "'host' and 'port'"),
        ({"extra": {"timeout": 0}}, "'timeout' in extra"),
        ({"extra": {"timeout": True}}, "'timeout' in extra"),
        ({"extra": {"connect_timeout": "soon"}}, "'connect_timeout' in extra"),
        ({"extra": {"connect_timeout": "inf"}}, "'connect_timeout' in extra"),
        ({"extra": {"requests_per_second": 0}}, "'requests_per_second' in extra"),
        ({"extra": {"rate_share": 1.1}}, "'rate_share' in extra must be a part above 0 and up to 1"),
        ({"extra": {"rate_share": "a fifth"}}, "'rate_share' in extra"),
        ({"extra": {"ca_bundle": 1}}, "'ca_bundle' in extra"),
        ({"extra": {"ca_bundle": "missing.pem"}}, "'ca_bundle' names missing.pem"),
        ({"extra": {"proxy": "socks5://proxy.corp"}}, "'proxy' names a proxy"),
        pytest.param(
            {"extra": "[1]"},
            "'extra' is not a JSON object",
            marks=pytest.mark.skipif(airflow_version() < (3, 2), reason="Airflow takes such a connection for missing"),
        ),
    ],
)
def test_bad_field_is_named_with_the_connection_and_without_the_key(hook, fields, named):
    with pytest.raises(ConfigurationError, match=f"Connection 'braze_test': .*{named}") as caught:
        _ = hook(**fields).settings
    assert KEY not in str(caught.value)
    assert (fields.get("password") or KEY) not in str(caught.value)


def test_key_shows_nowhere_in_the_hook(hook):
    tested = hook()
    assert KEY not in repr(tested) + repr(tested.settings) + repr(tested.transport(1)) + repr(tested.get_conn())


def test_constructing_reads_no_connection():
    assert BrazeHook("no_such_connection").braze_conn_id == "no_such_connection"


# --- calls ----------------------------------------------------------------------------------------------


def test_transport_delivers_with_the_connection_s_key(hook, braze):
    server = braze({"*": (201, {"message": "success"})})

    async def deliver():
        async with hook(host=f"127.0.0.1:{server.port}").transport(2) as transport:
            return await transport.send(Request("POST", "/users/track", b"{}"))

    assert asyncio.run(deliver()).status == 201
    assert f"Bearer {KEY}".encode() in server.requests[0]


def test_connection_test_proves_a_good_key_over_the_wire(hook, braze):
    server = braze(
        {
            "GET /catalogs": (200, {"catalogs": [], "message": "success"}),
            "POST /users/delete": (403, {"message": "Access Denied"}),
            "*": (400, {"message": "Valid data must be provided"}),
        }
    )
    works, text = hook(host=f"127.0.0.1:{server.port}").test_connection()
    assert works
    assert "Not granted: users.delete (user_deletes)." in text
    assert (len(server.requests), server.connections) == (6, 1)


def test_connection_test_never_shows_the_key(hook, braze, caplog):
    caplog.set_level(logging.DEBUG)
    server = braze({"*": (401, {"message": f"Invalid API key: {KEY}"})})
    works, text = hook(host=f"127.0.0.1:{server.port}").test_connection()
    assert not works
    assert KEY not in text + caplog.text


def test_connection_test_tells_a_refused_connection(hook, braze):
    server = braze({})
    server.close()
    works, text = hook(host=f"127.0.0.1:{server.port}").test_connection()
    assert (works, "refused the connection" in text) == (False, True)


def test_connection_test_tells_a_bad_field(hook):
    works, text = hook(host="dashboard-01.braze.com").test_connection()
    assert (works, "rest.iad-01.braze.com" in text) == (False, True)


def test_catalog_s_fields_are_found_by_its_name(hook, braze):
    other = {"name": "Shops", "fields": []}
    server = braze({"GET /catalogs": (200, {"catalogs": [other, SHOPS], "message": "success"})})
    fields = hook(host=f"127.0.0.1:{server.port}").get_catalog_fields("shops")
    assert list(fields.items()) == [("id", "string"), ("city", "string"), ("seats", "number")]


@pytest.mark.parametrize(("catalogs", "listed"), [([SHOPS], "shops"), ([], "none")])
def test_missing_catalog_is_refused_with_the_existing_ones(hook, braze, catalogs, listed):
    server = braze({"*": (200, {"catalogs": catalogs, "message": "success"})})
    with pytest.raises(DestinationRefused, match=f"no catalog 'stores'; existing: {listed}. Create it"):
        hook(host=f"127.0.0.1:{server.port}").get_catalog_fields("stores")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((401, {"message": f"Invalid API key: {KEY}"}), "refused the API key"),
        ((403, {"message": "Access Denied"}), r"needs the permission catalogs\.get"),
        ((404, {"message": "Not Found"}), "check the connection's host"),
        ((200, b"<html>"), "not Braze's list of catalogs"),
        ((200, {"catalogs": [{"name": "x"}]}), "not Braze's list of catalogs"),
    ],
)
def test_refused_list_of_catalogs_stops_the_sync(hook, braze, answer, text):
    server = braze({"*": answer})
    with pytest.raises(DestinationRefused, match=text) as caught:
        hook(host=f"127.0.0.1:{server.port}").get_catalog_fields("shops")
    assert KEY not in str(caught.value)


@pytest.mark.usefixtures("no_pauses")
def test_busy_braze_is_tried_again_later(hook, braze):
    server = braze({"*": (503, b"<html>")})
    with pytest.raises(RetryLater, match="status 503"):
        hook(host=f"127.0.0.1:{server.port}").get_catalog_fields("shops")


@pytest.mark.usefixtures("no_pauses")
def test_braze_that_cannot_be_reached_is_tried_again_later(hook, braze):
    server = braze({})
    server.close()
    with pytest.raises(RetryLater, match=r"could not be listed: .* refused the connection"):
        hook(host=f"127.0.0.1:{server.port}").get_catalog_fields("shops")


# --- what Airflow asks ----------------------------------------------------------------------------------


def test_importing_the_hook_loads_no_http_library_and_no_arrow():
    code = (
        "import sys; from airflow_provider_cdi.version_compat import BaseHook; before = set(sys.modules); "
        "import airflow_provider_cdi.hooks.braze.hook; print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "requests", "pyarrow", "tenacity", "certifi"}
    assert heavy.isdisjoint(loaded.stdout.split())
    assert "airflow_provider_cdi.hooks.braze.hook" in loaded.stdout


def test_form_of_older_versions_has_the_same_fields(monkeypatch):
    class Field:
        def __init__(self, label, validators, widget, description):
            self.label, self.description, self.validators = label, description, validators

    class IntegerField(Field):
        pass

    modules = {
        "wtforms": types.SimpleNamespace(StringField=Field, IntegerField=IntegerField),
        "wtforms.validators": types.SimpleNamespace(Optional=object, any_of=list),
        "flask_appbuilder.fieldwidgets": types.SimpleNamespace(BS3TextFieldWidget=object),
        "flask_babel": types.SimpleNamespace(lazy_gettext=str.upper),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    widgets = BrazeHook.get_connection_form_widgets()
    assert list(widgets) == [
        "instance",
        "timeout",
        "connect_timeout",
        "ca_bundle",
        "proxy",
        "requests_per_second",
        "rate_share",
    ]
    assert widgets["instance"].validators[1][:2] == ["US-01", "US-02"]
    assert isinstance(widgets["timeout"], IntegerField)
    assert widgets["proxy"].label == "PROXY"
    assert not isinstance(widgets["rate_share"], IntegerField)


def test_port_field_is_shown(hook):
    behaviour = BrazeHook.get_ui_field_behaviour()
    assert "port" not in behaviour["hidden_fields"]
    assert behaviour["placeholders"]["port"].startswith("443 ")
