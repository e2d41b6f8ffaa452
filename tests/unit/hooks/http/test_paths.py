"""What both HTTP paths, deliveries and single calls, must do alike, over real sockets."""

from __future__ import annotations

import base64
import gzip
import resource
import socket
import threading
import zlib

import pytest
from support.waiting import BOUND

from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError, NoAnswer
from airflow_provider_cdi.hooks.http import transport as http_transport
from airflow_provider_cdi.hooks.http.proxy import find_proxy
from airflow_provider_cdi.hooks.http.settings import find_ca_bundle

POST = Request("POST", "/users/track", b'{"attributes":[]}')
GET = Request("GET", "/catalogs", b"")


@pytest.fixture(params=["single calls", "deliveries"])
def send(request, lab):
    def send(settings, what=POST):
        return lab.send_once(request.param, settings, what)

    return send


@pytest.fixture
def far(lab, authority):
    """Settings for the TLS host that only a proxy leads to, found as the hook finds them."""

    def far(**fields):
        base_url = f"https://{lab.FAR_HOST}"
        ca_bundle = find_ca_bundle(base_url, fields.pop("ca_bundle", authority.bundle))
        proxy = find_proxy(base_url, fields.pop("proxy", None))
        return lab.make_settings(base_url, ca_bundle=ca_bundle, proxy=proxy, **fields)

    return far


def failure(send, settings, what=POST):
    with pytest.raises(NoAnswer) as caught:
        send(settings, what)
    return caught.value


def no_address(*args, **kwargs):
    raise socket.gaierror(-2, "Name or service not known")


# --- what is sent, what comes back ----------------------------------------------------------------------


def test_request_carries_method_path_body_and_credentials(serve, lab, send):
    server = serve(lab.always(201, {"message": "success"}))
    send(lab.make_settings(server.port))
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /users/track HTTP/1.1")
    assert f"authorization: bearer {lab.KEY}".encode() in head.lower()
    assert b"user-agent: test/1" in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert body == POST.body


def test_answer_carries_status_body_and_lower_case_headers(serve, lab, send):
    server = serve(lab.always(429, b"[]", X_RateLimit_Reset=7))
    answer = send(lab.make_settings(server.port))
    assert (answer.status, answer.body, answer.headers["x-ratelimit-reset"]) == (429, b"[]", "7")


def test_compressed_answer_is_unpacked(serve, lab, send):
    server = serve(lab.always(200, gzip.compress(b'{"a":1}'), Content_Encoding="gzip"))
    assert send(lab.make_settings(server.port), GET).body == b'{"a":1}'


def test_html_answer_is_an_answer(serve, lab, send):
    server = serve(lab.always(502, b"<html>Bad gateway</html>"))
    assert send(lab.make_settings(server.port)).body == b"<html>Bad gateway</html>"


def test_redirect_is_an_answer_and_is_not_followed(serve, lab, send):
    elsewhere = serve(lab.always(200))
    server = serve(lab.always(307, Location=f"http://127.0.0.1:{elsewhere.port}/users/track"))
    assert send(lab.make_settings(server.port)).status == 307
    assert elsewhere.connections == 0


def test_key_that_a_refusal_echoes_is_blotted_out(serve, lab, send):
    server = serve(lab.always(401, {"message": f"Invalid API key: {lab.KEY}"}))
    assert send(lab.make_settings(server.port)).body == b'{"message": "Invalid API key: ***"}'


def test_answer_over_the_bound_is_not_kept(serve, lab, send, monkeypatch):
    monkeypatch.setattr(http_transport, "MAX_ANSWER_BYTES", 1000)
    server = serve(lab.always(200, b"x" * 1001))
    fault = failure(send, lab.make_settings(server.port))
    assert fault.may_have_arrived
    assert "longer than" in fault.reason


def test_answer_that_unpacks_to_hundreds_of_megabytes_is_not_unpacked(serve, lab, send):
    packer, megabyte = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16), bytes(1_000_000)
    packed = b"".join(packer.compress(megabyte) for _ in range(200)) + packer.flush()
    server = serve(lab.always(200, packed, Content_Encoding="gzip"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert failure(send, lab.make_settings(server.port, timeout=BOUND), GET).may_have_arrived
    # In kilobytes: a kept answer has 10 MB, one that was unpacked whole would take 200.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


def test_answer_with_endless_headers_is_not_read(serve, lab, send):
    def script(sock, server):
        server.requests.append(lab.read_request(sock))
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 100_000 + b"Content-Length: 0\r\n\r\n")

    assert failure(send, lab.make_settings(serve(script).port, timeout=BOUND), GET).may_have_arrived


# --- the deadline ---------------------------------------------------------------------------------------

#: Pieces that come so slowly that a call without a deadline of its own would see them all to their end; a busy machine
#: has made a connection and written a request before the deadline.
PIECES, PAUSE = 400, 0.01
DEADLINE = {"connect_timeout": 1.0, "timeout": 1.0}


def leaves_transports(test):
    """aiohttp 3.14 leaves a TLS or proxy connection that it gave up to the garbage collector, which warns."""
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return pytest.mark.usefixtures("_collected")(ignored(test))


def drip(head, piece, tail=b"", *, before_request=False):
    """A script that answers in small pieces, each well within any time-out of its own."""

    def script(sock, server):
        if not before_request:
            server.requests.append(sock.recv(65536))
        sock.sendall(head)
        for _ in range(PIECES):
            sock.sendall(piece)
            if server.leaving.wait(PAUSE):
                return
        sock.sendall(tail)

    return script


DRIPS = {
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", b"x"),
    "chunked body": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"0\r\n\r\n"),
    "body until the end": drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
    "header": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\nContent-Length: 0\r\n\r\n"),
    "status line": drip(b"HTTP/1.1 200 ", b"x", b"\r\nContent-Length: 0\r\n\r\n"),
    "interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("slow", DRIPS)
def test_answer_that_drips_is_cut_at_the_deadline(serve, lab, send, slow):
    server = serve(DRIPS[slow])
    fault = failure(send, lab.make_settings(server.port, **DEADLINE))
    assert fault.may_have_arrived
    assert "timeout 1 s" in fault.reason


@leaves_transports
def test_tls_answer_that_drips_is_cut_at_the_deadline(serve, authority, lab, send):
    server = serve(DRIPS["body"], authority.server_tls)
    settings = lab.make_settings(f"https://127.0.0.1:{server.port}", ca_bundle=authority.bundle, **DEADLINE)
    assert failure(send, settings).may_have_arrived


@leaves_transports
def test_handshake_that_drips_is_cut_before_anything_is_sent(serve, authority, lab, send):
    # A TLS record of 400 bytes whose bytes come one by one.
    server = serve(drip(b"\x16\x03\x03\x01\x90", b"\x02", before_request=True))
    settings = lab.make_settings(f"https://127.0.0.1:{server.port}", ca_bundle=authority.bundle, **DEADLINE)
    fault = failure(send, settings)
    assert not fault.may_have_arrived


@leaves_transports
def test_proxy_that_drips_is_cut_before_anything_is_sent(serve, far, send):
    proxy = serve(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\n\r\n"))
    fault = failure(send, far(proxy=f"http://127.0.0.1:{proxy.port}", **DEADLINE))
    assert not fault.may_have_arrived


def test_name_lookup_that_hangs_holds_no_call(far, send, monkeypatch):
    ended = threading.Event()

    def hang(*args, **kwargs):
        ended.wait(60)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        fault = failure(send, far(**DEADLINE), GET)
    finally:
        ended.set()
    assert not fault.may_have_arrived


# --- faults ---------------------------------------------------------------------------------------------


def test_refused_connection_did_not_arrive(serve, lab, send):
    server = serve(lab.always(200))
    server.close()
    fault = failure(send, lab.make_settings(server.port))
    assert not fault.may_have_arrived
    assert "refused the connection" in fault.reason


def test_unknown_host_name_did_not_arrive(lab, send, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    fault = failure(send, lab.make_settings("http://rest.braze.invalid"))
    assert not fault.may_have_arrived
    assert "no address was found for the host name of rest.braze.invalid" in fault.reason


def test_silent_server_times_out_and_may_have_acted(serve, lab, send):
    server = serve(lambda sock, server: server.leaving.wait(BOUND))
    fault = failure(send, lab.make_settings(server.port, timeout=1.0))
    assert fault.may_have_arrived
    assert "no complete answer came" in fault.reason
    assert "timeout 1 s" in fault.reason


def test_server_that_stops_inside_its_answer_times_out(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        sock.sendall(b"HTTP/1.1 201 X\r\nContent-Length: 10\r\n\r\n{")
        server.leaving.wait(BOUND)

    fault = failure(send, lab.make_settings(serve(script).port, timeout=1.0))
    assert fault.may_have_arrived
    assert "no complete answer came" in fault.reason


def test_endless_answer_is_cut_off_by_the_time_out(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        sock.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n")
        while not server.leaving.wait(0.02):
            sock.sendall(b"x" * 1024)

    fault = failure(send, lab.make_settings(serve(script).port, connect_timeout=0.9, timeout=1.0))
    assert fault.may_have_arrived
    assert "no complete answer came" in fault.reason


def test_reset_while_reading_may_have_arrived(serve, lab, send):
    def script(sock, server):
        sock.recv(1)
        lab.reset(sock)

    fault = failure(send, lab.make_settings(serve(script).port))
    assert fault.may_have_arrived
    assert "broke" in fault.reason


def test_reset_after_reading_may_have_arrived(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        lab.reset(sock)

    fault = failure(send, lab.make_settings(serve(script).port))
    assert fault.may_have_arrived
    assert "broke" in fault.reason


def test_truncated_body_may_have_arrived(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        sock.sendall(b'HTTP/1.1 201 X\r\nContent-Length: 100\r\n\r\n{"message":')

    fault = failure(send, lab.make_settings(serve(script).port))
    assert fault.may_have_arrived
    assert "broke" in fault.reason


def test_answer_that_is_not_http_may_have_arrived(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        sock.sendall(b"220 mail.example ESMTP\r\n\r\n")

    assert failure(send, lab.make_settings(serve(script).port)).may_have_arrived


def test_reason_shows_neither_key_nor_query_nor_body(serve, lab, send):
    def script(sock, server):
        lab.read_request(sock)
        lab.reset(sock)

    what = Request("POST", "/users/track?mail=mina@example.com", b'{"name":"Mina"}')
    fault = failure(send, lab.make_settings(serve(script).port), what)
    for secret in (lab.KEY, "mina@example.com", "Mina"):
        assert secret not in repr(fault) + fault.reason
    assert fault.__cause__ is None
    assert fault.__suppress_context__


# --- TLS ------------------------------------------------------------------------------------------------


def test_own_authority_is_trusted_when_the_connection_names_it(serve, lab, send, authority):
    server = serve(lab.always(201), authority.server_tls)
    base_url = f"https://127.0.0.1:{server.port}"
    assert send(lab.make_settings(base_url, ca_bundle=authority.bundle)).status == 201


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_own_authority_is_trusted_when_the_environment_names_it(serve, lab, send, authority, monkeypatch, variable):
    monkeypatch.setenv(variable, authority.bundle)
    server = serve(lab.always(201), authority.server_tls)
    base_url = f"https://127.0.0.1:{server.port}"
    assert send(lab.make_settings(base_url, ca_bundle=find_ca_bundle(base_url, None))).status == 201


def test_unknown_authority_is_refused_before_anything_is_sent(serve, lab, send, authority):
    server = serve(lab.always(201), authority.server_tls)
    base_url = f"https://127.0.0.1:{server.port}"
    fault = failure(send, lab.make_settings(base_url, ca_bundle=find_ca_bundle(base_url, None)))
    assert not fault.may_have_arrived
    assert "certificate" in fault.reason
    assert "ca_bundle" in fault.reason
    assert server.requests == []


def test_plain_http_behind_an_https_address_is_named(serve, lab, send, authority):
    def script(sock, server):
        sock.recv(100)
        sock.sendall(lab.reply(400))

    server = serve(script)
    base_url = f"https://127.0.0.1:{server.port}"
    assert "does not speak TLS" in failure(send, lab.make_settings(base_url, ca_bundle=authority.bundle)).reason


def test_handshake_that_never_ends_is_a_connect_timeout(serve, lab, send, authority):
    server = serve(lambda sock, server: server.leaving.wait(BOUND))
    base_url = f"https://127.0.0.1:{server.port}"
    settings = lab.make_settings(base_url, ca_bundle=authority.bundle, connect_timeout=0.2)
    fault = failure(send, settings)
    assert "within 0.2 s" in fault.reason
    assert "no connection" in fault.reason


def test_bundle_without_certificates_is_a_configuration_error(serve, lab, send, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing here")
    with pytest.raises(ConfigurationError, match=r"empty\.pem holds no certificate"):
        send(lab.make_settings("https://127.0.0.1:1", ca_bundle=str(empty)))


# --- proxies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_used(serve, lab, send, far, authority, monkeypatch, variable):
    target = serve(lab.always(201), authority.server_tls)
    proxy = serve(lab.tunnel_script(target.port))
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    assert send(far()).status == 201
    assert proxy.requests[0].startswith(f"CONNECT {lab.FAR_HOST}:443".encode())
    assert len(target.requests) == 1


def test_key_does_not_reach_the_proxy(serve, lab, send, far, authority):
    target = serve(lab.always(201), authority.server_tls)
    proxy = serve(lab.tunnel_script(target.port))
    send(far(proxy=f"127.0.0.1:{proxy.port}"))
    assert lab.KEY.encode() not in b"".join(proxy.requests)


def test_login_of_the_proxy_is_sent_to_the_proxy_only(serve, lab, send, far, authority):
    login = base64.b64encode(b"user:p@ss").decode()
    target = serve(lab.always(201), authority.server_tls)
    proxy = serve(lab.tunnel_script(target.port, login=login))
    assert send(far(proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")).status == 201
    assert b"proxy-authorization" not in target.requests[0].lower()


def test_proxy_that_asks_for_a_login_is_named(serve, send, far, lab):
    proxy = serve(lab.tunnel_script(1, login="wanted"))
    fault = failure(send, far(proxy=f"http://user:hidden@127.0.0.1:{proxy.port}"))
    assert not fault.may_have_arrived
    assert f"the proxy 127.0.0.1:{proxy.port} gave no way" in fault.reason
    assert "407, it asks for a login" in fault.reason
    assert "hidden" not in fault.reason


def test_proxy_that_forbids_the_host_is_named(serve, send, far, lab):
    proxy = serve(lab.tunnel_script(1, status=403))
    fault = failure(send, far(proxy=f"http://127.0.0.1:{proxy.port}"))
    assert not fault.may_have_arrived
    assert "it answered CONNECT with 403" in fault.reason


def test_proxy_that_is_down_is_named(serve, send, far, lab):
    proxy = serve(lab.always(200))
    proxy.close()
    fault = failure(send, far(proxy=f"http://127.0.0.1:{proxy.port}"))
    assert not fault.may_have_arrived
    assert f"the proxy 127.0.0.1:{proxy.port} gave no way to {lab.FAR_HOST} (it refused)" in fault.reason


def test_proxy_without_an_address_is_named(send, far, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    fault = failure(send, far(proxy="http://proxy.invalid:3128"))
    assert not fault.may_have_arrived
    assert "the proxy proxy.invalid:3128 gave no way" in fault.reason
    assert "its name has no address" in fault.reason


def test_proxy_that_hangs_up_is_named(serve, send, far):
    proxy = serve(lambda sock, server: None)
    assert "the proxy" in failure(send, far(proxy=f"http://127.0.0.1:{proxy.port}")).reason


def test_silent_proxy_is_named(serve, send, far):
    proxy = serve(lambda sock, server: server.leaving.wait(BOUND))
    fault = failure(send, far(proxy=f"http://127.0.0.1:{proxy.port}", connect_timeout=0.2))
    assert f"through the proxy 127.0.0.1:{proxy.port}" in fault.reason


def test_no_proxy_leads_around_the_proxy(serve, lab, send, far, authority, monkeypatch):
    target = serve(lab.always(201), authority.server_tls)
    proxy = serve(lab.tunnel_script(target.port))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", ".braze.test")
    lookup = socket.getaddrinfo

    def lead_home(host, port, *args, **kwargs):
        return lookup("127.0.0.1", target.port if host == lab.FAR_HOST else port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lead_home)
    assert send(far()).status == 201
    assert proxy.connections == 0


def test_environment_is_not_consulted_behind_the_settings(serve, lab, send, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = serve(lab.always(201))
    assert send(lab.make_settings(server.port)).status == 201
    assert f"Bearer {lab.KEY}".encode() in server.requests[0]
