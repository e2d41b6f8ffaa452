"""How one HTTP host is reached: address, proxy, certificates, time-outs, credentials.

Worked out once for deliveries, single calls and sessions of one's own, so that a proxy or an own certificate
authority holds on every path. The HTTP libraries are told not to look at the environment themselves.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError

DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_TIMEOUT = 60.0
#: An answer longer than this is not read to its end. Braze's longest are a few hundred kilobytes.
MAX_ANSWER_BYTES = 10 * 1024 * 1024
#: Nor one with a longer status line or header, or with more than 128 headers (aiohttp's own bound).
MAX_HEADER_BYTES = 8190
#: What can be unpacked within bounds; aiohttp would ask for more where more libraries are installed.
ENCODINGS = "gzip, deflate"

#: Where a bundle of authorities may be named: ``requests`` reads the first two, OpenSSL the third.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Everything that a request to one host needs besides the request. Its repr shows no secret.

    :param base_url: scheme, host and port without a slash at the end, ``https://rest.iad-01.braze.com``.
    :param headers: sent with every request, the credentials among them.
    :param secret: what must never be seen; it is blotted out of refusals that echo it.
    :param ca_bundle: file or folder with trusted certificate authorities; None where there is no TLS.
    :param proxy: URL of the proxy, its login included; None for a direct connection.
    :param connect_timeout: seconds for name lookup, TCP, proxy and TLS together.
    :param timeout: seconds from the request to the last byte of its answer.
    :param requests_per_second: what each task may send; None for no bound.
    :param rate_share: the part of the service's rate limits that each task uses; None for the usual one.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    timeout: float = DEFAULT_TIMEOUT
    requests_per_second: float | None = None
    rate_share: float | None = None

    @property
    def host(self) -> str:
        """Host and, where it is not the usual one, port: for messages."""
        return urlsplit(self.base_url).netloc

    @property
    def proxy_host(self) -> str | None:
        """Host and port of the proxy without its login: for messages."""
        return urlsplit(self.proxy).netloc.rpartition("@")[2] if self.proxy else None

    def url(self, path: str) -> str:
        """The full address of a path.

        :raises ValueError: when it does not start with a slash: it could lead to another host, and the key with it.
        """
        if not path.startswith("/"):
            raise ValueError("a path of a request must start with a slash")
        return self.base_url + path

    def without_secret(self, status: int, body: bytes) -> bytes:
        """Blot the secret out of a refusal: Braze's 401 says ``Invalid API key: <key>``."""
        if status < 400 or not self.secret:
            return body
        return body.replace(self.secret.encode(), b"***")

    def tls_context(self) -> ssl.SSLContext | None:
        """Load the certificate authorities; None where there is no TLS.

        :raises ConfigurationError: when the bundle holds no readable certificate.
        """
        if self.ca_bundle is None:
            return None
        try:
            if Path(self.ca_bundle).is_dir():
                return ssl.create_default_context(capath=self.ca_bundle)
            return ssl.create_default_context(cafile=self.ca_bundle)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(
                f"the CA bundle {self.ca_bundle} holds no certificate in PEM form: give a PEM file"
            ) from None


def find_ca_bundle(base_url: str, explicit: str | None) -> str | None:
    """Choose the trusted authorities: the connection's, the environment's, else the public ones of certifi.

    :param explicit: path from the connection, or None.
    :return: None for a host without TLS.
    :raises ConfigurationError: when the chosen path does not exist on this machine.
    """
    import certifi

    if urlsplit(base_url).scheme != "https":
        return None
    named = [("the connection's field 'ca_bundle'", explicit)]
    named += [(f"the environment variable {name}", os.environ.get(name)) for name in CA_VARIABLES]
    for origin, path in named:
        if path:
            if not Path(path).exists():
                raise ConfigurationError(f"{origin} names {path}, which does not exist on this worker")
            return path
    return certifi.where()
