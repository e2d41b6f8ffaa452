"""Delivery to a service of one's own: the common transport, and a signature that the service can check.

Imported when a task runs, never by a DAG file.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping

from airflow_provider_cdi.destinations.http.rows import KeyedRequest
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport


class WebhookTransport(AiohttpTransport):
    """Signs each attempt, with the time at which it is made, and says which request it is.

    :param settings: where and how.
    :param max_connections: connections that are open at most.
    :param secret: that the service knows too; None for no signature.
    :param now: seconds since the epoch.
    """

    def __init__(
        self, settings: HttpSettings, max_connections: int, secret: str | None, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, max_connections)
        self._secret, self._now = secret, now

    def headers_of(self, request: Request) -> Mapping[str, str]:
        """Add ``Idempotency-Key``, and ``X-Timestamp`` and ``X-Signature`` where there is a secret."""
        headers = dict(super().headers_of(request))
        if isinstance(request, KeyedRequest):
            headers["Idempotency-Key"] = request.key
        if self._secret is not None:
            headers["X-Timestamp"] = stamp = str(int(self._now()))
            digest = hmac.digest(self._secret.encode(), f"{stamp}.".encode() + request.body, "sha256")
            headers["X-Signature"] = f"sha256={digest.hex()}"
        return headers
