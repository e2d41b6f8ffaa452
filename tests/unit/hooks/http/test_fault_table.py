"""One table of what can go wrong on the way, and what both HTTP paths, deliveries and single calls, make of it."""

from __future__ import annotations

import gzip
import ssl
import subprocess
import sys
import time
import zlib

import certifi
import pytest
from support.waiting import BOUND, wait_until

from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.calls import Calls, open_session
from airflow_provider_cdi.hooks.http.settings import MAX_ANSWER_BYTES

POST = Request("POST", "/users/track", b'{"attributes":[]}')
OK = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(b"{}", mtime=0)
BROKE = "broke before its answer was complete"
NO_HTTP = "answered with something that is not HTTP"
LONG_HEADERS = "has a header of more than 8190 bytes, or too many of them"
UNREADABLE = "is packed in a way that was not asked for, or damaged"
#: Seconds until a call gives up: a busy machine writes a request within them.
PATIENCE = 1.0
LATE = "no complete answer came from"

# aiohttp leaves a TLS or proxy connection that it gave up to the garbage collector, which warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("_collected"),
]


@pytest.fixture(params=["single calls", "deliveries"])
def path(request):
    return request.param


def bomb():
    packer, megabyte = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16), bytes(1_000_000)
    return b"".join(packer.compress(megabyte) for _ in range(100)) + packer.flush()


def sized(body, *headers):
    return OK + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


#: What comes after a request was read, how the connection ends then, and what is said.
AFTER_THE_REQUEST = {
    "reset before an answer": (b"", "reset", BROKE),
    "end before an answer": (b"", "end", BROKE),
    "reset in the status line": (b"HTTP/1.1 2", "reset", BROKE),
    "end in the status line": (b"HTTP/1.1 2", "end", BROKE),
    "reset in a header": (OK + b"Content-Le", "reset", BROKE),
    "end in a header": (OK + b"Content-Le", "end", BROKE),
    "end before the end of the headers": (OK + b"Content-Length: 0\r\n", "end", BROKE),
    "reset in the body": (OK + b"Content-Length: 50\r\n\r\n{", "reset", BROKE),
    "end in the body": (OK + b"Content-Length: 50\r\n\r\n{", "end", BROKE),
    "end in a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "end", BROKE),
    "end before the last chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "end", BROKE),
    "no chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{\r\n", "end", NO_HTTP),
    "another protocol": (b"220 mail.example ESMTP\r\n\r\n", "end", NO_HTTP),
    "a page alone": (b"<html>Sign in</html>\r\n\r\n", "end", NO_HTTP),
    "a length that is none": (OK + b"Content-Length: many\r\n\r\n{}", "end", NO_HTTP),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n{}", "end", NO_HTTP),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "end", NO_HTTP),
    "a header without a name": (OK + b"no header\r\nContent-Length: 2\r\n\r\n{}", "end", NO_HTTP),
    "a long header": (sized(b"{}", b"X-Long: " + b"x" * 9000), "end", LONG_HEADERS),
    "a very long header": (sized(b"{}", b"X-Long: " + b"x" * 500_000), "end", LONG_HEADERS),
    "many headers": (sized(b"{}", *[b"X-%d: x" % number for number in range(200)]), "end", LONG_HEADERS),
    "endless headers": (OK + b"X-More: and more\r\n" * 50_000, "end", LONG_HEADERS),
    "a long status line": (b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n", "end", LONG_HEADERS),
    "a body over the bound": (sized(b"x" * (MAX_ANSWER_BYTES + 1)), "end", "is longer than 10485760 bytes"),
    "a body that unpacks to 100 MB": (sized(bomb(), b"Content-Encoding: gzip"), "end", "is longer than 10485760 bytes"),
    "a body that is not packed as it says": (sized(b"{}", b"Content-Encoding: gzip"), "end", UNREADABLE),
    "a packing that was not asked for": (sized(b"{}", b"Content-Encoding: br"), "end", UNREADABLE),
    "silence": (b"", "hold", LATE),
    "silence in the headers": (OK + b"X-", "hold", LATE),
    "silence in the body": (OK + b"Content-Length: 5\r\n\r\n{", "hold", LATE),
}


def scripted(lab, answer, end):
    def script(sock, server):
        server.requests.append(lab.read_request(sock))
        sock.sendall(answer)
        if end == "reset":
            time.sleep(0.05)  # noqa: TID251  # what was sent before is read first; what is said is the same when it is not
            lab.reset(sock)
        elif end == "hold":
            server.leaving.wait(BOUND)

    return script


def failure(lab, path, settings):
    with pytest.raises(NoAnswer) as caught:
        lab.send_once(path, settings, POST)
    return caught.value


@pytest.mark.parametrize("case", AFTER_THE_REQUEST)
def test_a_request_that_left_may_have_arrived_and_the_step_is_named(serve, lab, path, case):
    answer, end, said = AFTER_THE_REQUEST[case]
    server = serve(scripted(lab, answer, end))
    fault = failure(lab, path, lab.make_settings(server.port, timeout=PATIENCE if end == "hold" else BOUND))
    assert fault.may_have_arrived
    assert said in fault.reason
    wait_until(lambda: server.requests)  # it was written, and the server may not have read it yet
    assert len(server.requests) == 1


#: How a host without a proxy behaves before a request is written, and what is said.
IN_THE_HANDSHAKE = {
    "reset": (lambda lab, sock: (sock.recv(10), lab.reset(sock)), "no connection to {host} could be made"),
    "end": (lambda lab, sock: sock.recv(2000), "no connection to {host} could be made"),
    "another protocol": (lambda lab, sock: sock.sendall(lab.reply(400)), "{host} does not speak TLS as expected"),
    "silence": (lambda lab, sock: sock.recv(2000) and sock.recv(1), "no connection to {host} was made within 1 s"),
}


@pytest.mark.parametrize("case", IN_THE_HANDSHAKE)
def test_nothing_leaves_before_tls_stands(serve, lab, path, authority, case):
    act, said = IN_THE_HANDSHAKE[case]
    server = serve(lambda sock, _: act(lab, sock))
    patience = PATIENCE if case == "silence" else BOUND
    settings = lab.make_settings(
        f"https://127.0.0.1:{server.port}", ca_bundle=authority.bundle, connect_timeout=patience, timeout=patience
    )
    fault = failure(lab, path, settings)
    assert not fault.may_have_arrived
    assert said.format(host=settings.host) in fault.reason
    assert fault.passes is (case != "another protocol")


@pytest.mark.parametrize(
    ("host", "is_own", "said"),
    [
        ("127.0.0.1", False, "is not believed (unable to get local issuer certificate)"),
        ("localhost", True, "is not believed (Hostname mismatch"),
    ],
)
def test_a_certificate_that_is_not_the_hosts_or_of_nobody_known_is_refused(
    serve, lab, path, authority, host, is_own, said
):
    server = serve(lab.always(200), authority.server_tls)
    bundle = authority.bundle if is_own else certifi.where()
    fault = failure(lab, path, lab.make_settings(f"https://{host}:{server.port}", ca_bundle=bundle))
    assert (fault.may_have_arrived, fault.passes) == (False, False)
    assert said in fault.reason
    assert server.requests == []


def test_a_host_that_wants_a_certificate_of_the_client_is_named(serve, lab, path, authority):
    wanting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wanting.load_cert_chain(authority.bundle.replace("authority.pem", "server.pem"))
    wanting.load_verify_locations(authority.bundle)
    wanting.verify_mode = ssl.CERT_REQUIRED
    server = serve(lab.always(200), wanting)
    settings = lab.make_settings(f"https://127.0.0.1:{server.port}", ca_bundle=authority.bundle)
    assert "does not speak TLS as expected (tlsv13 alert certificate required)" in failure(lab, path, settings).reason


#: What a proxy answers to CONNECT, how the connection ends then, and what is said of it.
FROM_THE_PROXY = {
    "no login": (b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n", "end", "CONNECT with 407, it asks for a login"),
    "forbidden": (b"HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\nforbidden", "end", "it answered CONNECT with 403"),
    "a redirect": (b"HTTP/1.1 302 X\r\nLocation: http://x/\r\n\r\n", "end", "it answered CONNECT with 302"),
    "out of order": (b"HTTP/1.1 502 X\r\n\r\n", "end", "it answered CONNECT with 502"),
    "end": (b"", "end", "it closed the connection"),
    "reset": (b"", "reset", "Connection reset by peer"),
    "another protocol": (b"220 x\r\n\r\n", "end", "gave no way"),
    "endless headers": (OK + b"X-More: and more\r\n" * 50_000, "end", "gave no way"),
    "end behind the tunnel": (OK + b"\r\n", "end", "gave no way"),
    "silence": (b"", "hold", "was made within 1 s"),
}


@pytest.mark.parametrize("case", FROM_THE_PROXY)
def test_a_proxy_that_leads_nowhere_is_named_without_its_login(serve, lab, path, authority, case):
    answer, end, said = FROM_THE_PROXY[case]
    proxy = serve(scripted(lab, answer, end))
    settings = lab.make_settings(
        f"https://{lab.FAR_HOST}",
        ca_bundle=authority.bundle,
        proxy=f"http://user:hidden@127.0.0.1:{proxy.port}",
        connect_timeout=PATIENCE if end == "hold" else BOUND,
        timeout=PATIENCE if end == "hold" else BOUND,
    )
    fault = failure(lab, path, settings)
    assert not fault.may_have_arrived
    assert f"the proxy 127.0.0.1:{proxy.port}" in fault.reason
    assert said in fault.reason
    assert "hidden" not in fault.reason
    assert lab.KEY.encode() not in b"".join(proxy.requests)


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + sized(b"{}"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + sized(b"{}"),
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        sized(PACKED, b"Content-Encoding: gzip"),
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        sized(b"{}", b"X-Long: " + b"x" * 8000),
    ],
)
def test_the_answer_is_the_last_one_whatever_its_form(serve, lab, path, answer):
    found = lab.send_once(path, lab.make_settings(serve(scripted(lab, answer, "end")).port), POST)
    assert (found.status, found.body) == (200, b"{}")


def test_a_header_of_other_bytes_can_be_written_anywhere(serve, lab, path):
    server = serve(scripted(lab, sized(b"{}", b"X-Place: caf\xe9"), "end"))
    found = lab.send_once(path, lab.make_settings(server.port), POST)
    assert found.headers["x-place"].encode() == "caf\N{REPLACEMENT CHARACTER}".encode()


def test_only_what_can_be_unpacked_within_bounds_is_asked_for(serve, lab, path):
    server = serve(lab.always(200))
    lab.send_once(path, lab.make_settings(server.port), POST)
    assert b"accept-encoding: gzip, deflate\r\n" in server.requests[0].lower()


# --- calls one after the other ----------------------------------------------------------------------------------------


def test_calls_share_a_connection_and_keep_no_cookie(serve, lab):
    server = serve(lab.always(200, Set_Cookie="who=ada"))
    with Calls(lab.make_settings(server.port)) as calls:
        assert [calls.call(POST).status for _ in range(3)] == [200] * 3
    assert server.connections == 1
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_a_session_for_own_calls_keeps_no_cookie(serve, lab):
    server = serve(lab.always(200, Set_Cookie="who=ada"))
    settings = lab.make_settings(server.port)
    with open_session(settings) as session:
        for _ in range(2):
            session.get(settings.url("/"), timeout=BOUND)
    assert b"cookie" not in server.requests[1].lower()


def test_a_call_after_a_fault_is_sent_over_a_new_connection(serve, lab):
    server = serve(scripted(lab, sized(b"{}", b"Connection: close"), "end"))
    with Calls(lab.make_settings(server.port)) as calls:
        assert [calls.call(POST).status for _ in range(2)] == [200] * 2
    assert server.connections == 2


HANGING = """
import socket, sys, threading
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.calls import Calls
from airflow_provider_cdi.hooks.http.settings import HttpSettings
socket.getaddrinfo = lambda *_, **__: threading.Event().wait(300)
settings = HttpSettings("http://rest.braze.test", {}, "", connect_timeout=0.2, timeout=0.2)
try:
    with Calls(settings) as calls:
        calls.call(Request("GET", "/", b""))
except NoAnswer as fault:
    print(fault.reason)
"""


def test_a_name_lookup_that_hangs_keeps_no_process_from_ending():
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=120, check=True)
    assert "no connection to rest.braze.test was made within 0.2 s" in done.stdout
