"""Which proxy and which certificate authorities are chosen."""

from __future__ import annotations

import certifi
import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import is_loopback
from airflow_provider_cdi.hooks.http.proxy import find_proxy
from airflow_provider_cdi.hooks.http.settings import find_ca_bundle

BRAZE = "https://rest.iad-01.braze.com"
PROXY = "http://proxy.corp:3128"


@pytest.fixture
def bundle(tmp_path):
    def bundle(name):
        path = tmp_path / name
        path.touch()
        return str(path)

    return bundle


def test_settings_show_no_secret(lab):
    settings = lab.make_settings(BRAZE, proxy="http://user:hidden@proxy.corp:3128")
    assert lab.KEY not in repr(settings)
    assert "hidden" not in repr(settings) + str(settings.proxy_host)


def test_secret_is_left_in_answers_that_are_no_refusals(lab):
    assert lab.make_settings(BRAZE).without_secret(200, lab.KEY.encode()) == lab.KEY.encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_is_recognised(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["128.0.0.1", "::2", "localhost.evil.com", "127.0.0.1.nip.io", "0.0.0.0"])
def test_other_hosts_are_not_loopback(host):
    assert not is_loopback(host)


def test_public_authorities_are_the_default():
    assert find_ca_bundle(BRAZE, None) == certifi.where()


def test_no_authorities_are_needed_without_tls(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "missing.pem")
    assert find_ca_bundle("http://127.0.0.1:8125", None) is None


def test_connection_beats_the_environment_and_requests_beats_openssl(bundle, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", bundle("openssl.pem"))
    assert find_ca_bundle(BRAZE, None) == bundle("openssl.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle("requests.pem"))
    assert find_ca_bundle(BRAZE, None) == bundle("requests.pem")
    assert find_ca_bundle(BRAZE, bundle("connection.pem")) == bundle("connection.pem")


def test_missing_bundle_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("CURL_CA_BUNDLE", "missing.pem")
    with pytest.raises(ConfigurationError, match=r"CURL_CA_BUNDLE names missing\.pem"):
        find_ca_bundle(BRAZE, None)


def test_folder_of_certificates_is_a_bundle(lab, tmp_path):
    assert lab.make_settings(BRAZE, ca_bundle=str(tmp_path)).tls_context() is not None


def test_there_is_no_proxy_without_being_named():
    assert find_proxy(BRAZE, None) is None


def test_proxy_without_scheme_is_an_http_proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.corp:3128")
    assert find_proxy(BRAZE, None) == PROXY


def test_http_proxy_variable_is_not_for_https_hosts(monkeypatch):
    monkeypatch.setenv("http_proxy", PROXY)
    assert find_proxy(BRAZE, None) is None


@pytest.mark.parametrize(
    ("no_proxy", "base_url"),
    [
        ("braze.com", BRAZE),
        (".braze.com", BRAZE),
        ("corp.example, rest.iad-01.braze.com", BRAZE),
        ("*", BRAZE),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.1.2.3", "https://10.1.2.3"),
    ],
)
def test_no_proxy_exempts_the_host(monkeypatch, no_proxy, base_url):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert find_proxy(base_url, None) is None


@pytest.mark.parametrize(("no_proxy", "base_url"), [("raze.com", BRAZE), ("10.0.0.0/8", "https://11.1.2.3")])
def test_no_proxy_exempts_no_other_host(monkeypatch, no_proxy, base_url):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert find_proxy(base_url, None) == PROXY


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8125", "https://localhost:8125", "http://[::1]:8125"])
def test_environment_s_proxy_is_not_for_loopback(monkeypatch, base_url):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, PROXY)
    assert find_proxy(base_url, None) is None


def test_connection_s_proxy_beats_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://other.corp:1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert find_proxy(BRAZE, PROXY) == PROXY


def test_proxy_for_a_host_without_tls_is_refused():
    with pytest.raises(ConfigurationError, match="without HTTPS"):
        find_proxy("http://127.0.0.1:8125", PROXY)


def test_socks_proxy_is_refused_without_showing_its_login(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://user:hidden@proxy.corp:1080")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY or ALL_PROXY") as caught:
        find_proxy(BRAZE, None)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:hid#den@proxy.corp:3128",
        "http://user:hid/den@proxy.corp:3128",
        "http://user:hid?den@proxy.corp:3128",
        "user:hid#den@proxy.corp:3128",
        "http://user:hidden@proxy.corp:70000",
        "http://user:hidden@proxy.corp:0",
        "http://user:hidden@proxy.corp:port",
        "http://user:hidden@[::1:3128",
        "http://user:hidden@",
        "http://user:hidden@proxy corp:3128",
        "https://user:hidden@proxy.corp:3128/hidden?x=hidden#hidden",
        "http:///hidden",
    ],
)
@pytest.mark.parametrize("origin", ["connection", "environment"])
def test_a_proxy_that_is_no_address_is_named_by_its_field_without_its_login(proxy, origin, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError) as caught:
        find_proxy(BRAZE, proxy if origin == "connection" else None)
    text = str(caught.value)
    assert ("field 'proxy'" if origin == "connection" else "ALL_PROXY") in text
    assert not any(part in text for part in ("hid", "den", "user:hid"))
    assert caught.value.__cause__ is None


def test_signs_in_a_login_of_a_proxy_may_be_written_as_percent_codes():
    proxy = "http://us%40er:p%23w%2F%3F@proxy.corp:3128"
    assert find_proxy(BRAZE, f" {proxy}/ ") == proxy


def test_a_path_can_lead_to_no_other_host(lab):
    settings = lab.make_settings(BRAZE)
    assert settings.url("/users/track") == f"{BRAZE}/users/track"
    for path in ("@evil.example/x", ".evil.example/x", ":8443/x", "", "users"):
        with pytest.raises(ValueError, match="slash"):
            settings.url(path)
