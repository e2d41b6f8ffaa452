"""From what a person writes into the host field to a REST address."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import is_loopback
from airflow_provider_cdi.hooks.braze.host import DASHBOARDS, REST_HOSTS, rest_base_url

US_01 = "https://rest.iad-01.braze.com"


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("US-01", US_01),
        ("us-01", US_01),
        (" us01 ", US_01),
        ("US-08", "https://rest.iad-08.braze.com"),
        ("US-10", "https://rest.us-10.braze.com"),
        ("EU-02", "https://rest.fra-02.braze.eu"),
        ("KR-01", "https://rest.kr-01.braze.com"),
    ],
)
def test_instance_name_leads_to_its_rest_host(instance, expected):
    assert rest_base_url(instance, None) == expected


def test_unknown_instance_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"US-09 is not a Braze instance; known are US-01, .*KR-01"):
        rest_base_url("US-09", None)


@pytest.mark.parametrize(
    "host",
    [
        "rest.iad-01.braze.com",
        "REST.iad-01.braze.com",
        "https://rest.iad-01.braze.com",
        "https://rest.iad-01.braze.com/",
        "https://rest.iad-01.braze.com:443//",
        "rest.iad-01.braze.com/",
    ],
)
def test_host_name_and_url_give_an_address_without_slash(host):
    assert rest_base_url(host, None) == US_01


@pytest.mark.parametrize("port", [None, 0, 443])
def test_usual_port_is_left_out(port):
    assert rest_base_url("US-01", port) == US_01


def test_port_of_either_field_is_kept():
    assert rest_base_url("gateway.corp", 8443) == "https://gateway.corp:8443"
    assert rest_base_url("gateway.corp:8443", None) == "https://gateway.corp:8443"
    assert rest_base_url("https://gateway.corp:8443", 8443) == "https://gateway.corp:8443"


def test_two_different_ports_are_refused():
    with pytest.raises(ConfigurationError, match="8125 and 443"):
        rest_base_url("http://127.0.0.1:8125", 443)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 8125, "http://127.0.0.1:8125"),
        ("localhost:8125", None, "http://localhost:8125"),
        ("http://localhost:8125/", None, "http://localhost:8125"),
        ("https://localhost:8125", None, "https://localhost:8125"),
        ("::1", 8125, "http://[::1]:8125"),
        ("http://[::1]:8125", None, "http://[::1]:8125"),
        ("127.0.0.1", None, "http://127.0.0.1"),
    ],
)
def test_loopback_may_be_plain_http(host, port, expected):
    assert rest_base_url(host, port) == expected


@pytest.mark.parametrize("host", ["http://rest.iad-01.braze.com", "HTTP://10.0.0.1:8125", "http://0.0.0.0"])
def test_plain_http_elsewhere_is_refused(host):
    with pytest.raises(ConfigurationError, match="plain text"):
        rest_base_url(host, None)


@pytest.mark.parametrize(
    ("host", "rest"),
    [
        ("dashboard-01.braze.com", "rest.iad-01.braze.com"),
        ("https://dashboard-02.braze.eu", "rest.fra-02.braze.eu"),
        ("dashboard.us-10.braze.com", "rest.us-10.braze.com"),
        ("dashboard.jp-01.braze.com", "rest.jp-01.braze.com"),
        ("sdk.iad-03.braze.com", "rest.iad-03.braze.com"),
        ("https://sdk.fra-01.braze.eu", "rest.fra-01.braze.eu"),
    ],
)
def test_other_braze_address_is_answered_with_its_rest_host(host, rest):
    with pytest.raises(ConfigurationError, match=rest):
        rest_base_url(host, None)


def test_every_instance_has_a_dashboard():
    assert sorted(DASHBOARDS.values()) == sorted(REST_HOSTS)


def test_dashboard_page_copied_from_the_browser_is_still_recognised():
    with pytest.raises(ConfigurationError, match=r"rest\.iad-01\.braze\.com"):
        rest_base_url("https://dashboard-01.braze.com/dashboard/app_usage/abc?locale=en", None)


@pytest.mark.parametrize("host", [None, "", "   "])
def test_empty_host_is_refused(host):
    with pytest.raises(ConfigurationError, match="field 'host' is empty"):
        rest_base_url(host, None)


def test_path_is_refused():
    with pytest.raises(ConfigurationError, match=r"give the host alone, rest\.iad-01\.braze\.com"):
        rest_base_url("https://rest.iad-01.braze.com/users/track", None)


def test_login_in_the_host_is_refused_and_not_shown():
    with pytest.raises(ConfigurationError, match="carries a login") as caught:
        rest_base_url("https://:hidden@rest.iad-01.braze.com", None)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("host", ["https://", "ftp://rest.iad-01.braze.com", "http://[::1", "host:port", "a b.com"])
def test_nonsense_is_refused(host):
    with pytest.raises(ConfigurationError, match="field 'host'"):
        rest_base_url(host, None)


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_port_is_refused(port):
    with pytest.raises(ConfigurationError, match="is not a port"):
        rest_base_url("US-01", port)


@settings(deadline=None)
@given(st.text(alphabet=string.printable + "é\u2100\u3002", max_size=40), st.integers(-1, 70000) | st.none())
def test_any_text_gives_a_safe_address_or_a_configuration_error(host, port):
    try:
        address = rest_base_url(host, port)
    except ConfigurationError:
        return
    scheme, _, place = address.partition("://")
    name = place.rpartition(":")[0] or place
    assert scheme == "https" or is_loopback(place) or is_loopback(name)
    assert not address.endswith("/")
    assert "@" not in address
    assert address.isprintable()
    assert " " not in address


def test_the_instance_that_was_chosen_stands_in_for_a_host():
    assert rest_base_url("", None, "EU-01") == "https://rest.fra-01.braze.eu"
    assert rest_base_url(None, 443, "us-10") == "https://rest.us-10.braze.com"


@pytest.mark.parametrize("host", ["EU-01", "rest.fra-01.braze.eu", "https://rest.fra-01.braze.eu:443/"])
def test_a_host_that_is_that_of_the_instance_does_no_harm(host):
    assert rest_base_url(host, None, "EU-01") == "https://rest.fra-01.braze.eu"


@pytest.mark.parametrize("host", ["US-01", "rest.iad-01.braze.com", "http://127.0.0.1:8125", "127.0.0.1"])
def test_a_host_beside_another_instance_is_refused(host):
    with pytest.raises(ConfigurationError, match="name two hosts"):
        rest_base_url(host, None, "EU-01")


@pytest.mark.parametrize("instance", ["US-09", "Europe"])
def test_an_instance_that_does_not_exist_is_refused(instance):
    with pytest.raises(ConfigurationError, match=r"field 'instance'.*US-01"):
        rest_base_url("", None, instance)
