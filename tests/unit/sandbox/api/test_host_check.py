"""Who may talk to a sandbox: its own names, no pages of other sites, no body without end."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re

import pytest

from cdi_sandbox import __main__ as command
from cdi_sandbox.api.host_check import LARGEST_BODY
from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings import Settings

FAULT = {"kind": "answer", "status": 503}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8125", "localhost", "LOCALHOST:8125", "braze.localhost:80", "[::1]:8125", "10.0.0.7", ""]
)
def test_addresses_and_loopback_names_are_its_own(sandbox, host):
    assert sandbox.http.get("/_sandbox/state", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8125", "127.0.0.1.evil.example", "10.0.0"])
@pytest.mark.parametrize("path", ["/", "/_sandbox/state", "/users/track", "/api/accounts", "/klaviyo"])
def test_another_name_that_points_here_is_refused(sandbox, host, path):
    answer = sandbox.http.get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["message"]


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:9000", "null"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_a_page_of_another_site_cannot_set_faults(sandbox, origin, kind):
    headers = {"host": "127.0.0.1:8125", "origin": origin, "content-type": kind}
    answer = sandbox.http.request("POST", "/_sandbox/faults", json=FAULT, headers=headers)
    assert answer.status_code == 403
    assert sandbox.http.get("/_sandbox/faults").json() == []


def test_a_page_of_its_own_may_ask(sandbox):
    headers = {"host": "127.0.0.1:8125", "origin": "http://127.0.0.1:8125"}
    assert sandbox.http.post("/_sandbox/faults", json=FAULT, headers=headers).status_code == 200


def test_curl_needs_no_content_type(sandbox):
    headers = {"content-type": "application/x-www-form-urlencoded", "host": "127.0.0.1:8125"}
    assert sandbox.http.post("/_sandbox/faults", json=FAULT, headers=headers).status_code == 200


@pytest.fixture(scope="module")
def server():
    with SandboxServer(Settings(host_names=frozenset({"braze.test"}))) as running:
        yield running


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request(method, path, body, headers, encode_chunked="transfer-encoding" in headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_name_can_be_allowed(server):
    assert ask(server, "GET", "/_sandbox/state", host="Braze.test:80")[0] == 200
    assert ask(server, "GET", "/_sandbox/state", host="klaviyo.test")[0] == 421


def test_the_command_line_allows_the_name_it_listens_on_and_others():
    chosen = command._parser().parse_args(["--host", "sandbox.internal", "--allow-host", "braze"])
    assert command._settings(chosen).host_names == {"sandbox.internal", "braze"}


PATHS = ["/_sandbox/faults", "/users/track", "/api/events", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_says_it_is_too_large_is_not_waited_for(server, path):
    assert ask(server, "POST", path, b"", **{"content-length": str(LARGEST_BODY + 1)})[0] == 413


@pytest.mark.parametrize("path", PATHS)
def test_a_body_without_end_is_refused_where_it_becomes_too_large(server, path):
    part = b" " * 1024 * 1024
    parts = [part] * (LARGEST_BODY // len(part)) + [b"x"]
    assert ask(server, "POST", path, iter(parts), **{"transfer-encoding": "chunked"})[0] == 413
    assert server.faults() == []


@pytest.mark.parametrize("path", ["/", "/klaviyo"])
def test_the_pages_may_load_and_send_nothing(sandbox, path):
    page = sandbox.http.get(path)
    policy = page.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert " style=" not in page.text
    assert page.headers["x-content-type-options"] == "nosniff"
