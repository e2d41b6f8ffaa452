"""Loopback servers that misbehave on demand, a proxy, and a certificate authority of our own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import ipaddress
import json
import socket
import ssl
import threading
from pathlib import Path

import pytest
from support.waiting import BOUND

from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.hooks.http.calls import Calls
from airflow_provider_cdi.hooks.http.settings import CA_VARIABLES, HttpSettings
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport

KEY = "7c3d-secret-key"
#: Has no address anywhere: only a proxy, or a patched lookup, leads to it.
FAR_HOST = "rest.braze.test"


def read_request(sock):
    """Read one HTTP request; empty when the other side closed instead."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status, body=b"", **headers):
    """Bytes of an HTTP answer; header names with underscores for dashes."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(status, body=b"", **headers):
    """A script that answers every request of a connection alike."""

    def script(sock, server):
        while request := read_request(sock):
            server.requests.append(request)
            sock.sendall(reply(status, body, **headers))

    return script


def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


class LoopbackServer:
    """Runs ``script(sock, server)`` in a thread for each connection."""

    def __init__(self, script, tls=None):
        self.script, self.tls = script, tls
        self.requests, self.connections = [], 0
        self.leaving = threading.Event()
        self._sockets, self._threads = [], []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self):
        self.leaving.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(BOUND)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.leaving.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            if self.tls is None:
                self.script(sock, self)
                return
            with self.tls.wrap_socket(sock, server_side=True) as wrapped:
                self.script(wrapped, self)


def tunnel_script(target_port, login=None, status=200):
    """A proxy that knows only CONNECT and leads everywhere to ``target_port`` of this machine."""

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)

    def script(sock, server):
        request = read_request(sock)
        server.requests.append(request)
        if login and f"proxy-authorization: basic {login}".encode().lower() not in request.lower():
            sock.sendall(reply(407))
            return
        if status != 200:
            sock.sendall(reply(status))
            return
        with socket.create_connection(("127.0.0.1", target_port)) as onward:
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(onward, sock), daemon=True)
            back.start()
            pump(sock, onward)
            back.join(BOUND)

    return script


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def _collected():
    """Collect what a test has left behind before the next one begins, and do not look through all that was there."""
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


@pytest.fixture
def serve():
    """``serve(script, tls=None)`` starts a server that lives as long as the test."""
    with contextlib.ExitStack() as stack:

        def start(script, tls=None):
            server = LoopbackServer(script, tls)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority, and a server context for FAR_HOST and 127.0.0.1 that it vouches for."""
    return _Authority(tmp_path_factory.mktemp("authority"))


class _Authority:
    def __init__(self, folder: Path):
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        root, root_key = _certificate("Test authority", None, None)
        names = [x509.DNSName(FAR_HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        leaf, leaf_key = _certificate(FAR_HOST, root, root_key, names)
        self.bundle = str(folder / "authority.pem")
        Path(self.bundle).write_bytes(root.public_bytes(Encoding.PEM))
        chain = folder / "server.pem"
        pkcs8 = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(pkcs8 + leaf.public_bytes(Encoding.PEM))
        self.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_tls.load_cert_chain(chain)


def _certificate(name, issuer, issuer_key, alternative_names=()):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    signer = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_key_usage(for_signing=issuer is None), critical=True)
    )
    if alternative_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def _key_usage(*, for_signing):
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=for_signing,
        crl_sign=for_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def make_settings(base_url, **fields):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "User-Agent": "test/1"}
    return HttpSettings(
        base_url=base_url if isinstance(base_url, str) else f"http://127.0.0.1:{base_url}",
        headers=headers,
        secret=KEY,
        **{"connect_timeout": BOUND, "timeout": BOUND, **fields},
    )


def send_once(path: str, settings: HttpSettings, request: Request) -> Response:
    """Send over one of the two paths."""
    if path == "single calls":
        with Calls(settings) as calls:
            return calls.call(request)

    async def exchange() -> Response:
        async with AiohttpTransport(settings, 2) as transport:
            return await transport.send(request)

    return asyncio.run(exchange())


@pytest.fixture
def lab():
    """The functions above, for test modules: with pytest's importlib mode they cannot import a sibling."""
    import types

    names = "KEY FAR_HOST read_request reply always reset tunnel_script make_settings send_once LoopbackServer"
    return types.SimpleNamespace(**{name: globals()[name] for name in names.split()})
