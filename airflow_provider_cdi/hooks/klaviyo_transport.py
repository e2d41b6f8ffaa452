"""Delivery to Klaviyo: the common transport, and an eye on the revision that answers.

Imported when a task runs, never by a DAG file.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.engine.ports import Answer, Request
from airflow_provider_cdi.hooks.http_settings import HttpSettings
from airflow_provider_cdi.hooks.http_transport import AiohttpTransport
from airflow_provider_cdi.hooks.klaviyo_revision import about_revision


class KlaviyoTransport(AiohttpTransport):
    """Sends requests to Klaviyo, and says once in the log what should be known about the API's revision.

    :param settings: where and how.
    :param max_connections: connections that are open at most.
    :param log: of the task.
    """

    def __init__(self, settings: HttpSettings, max_connections: int, log: Any) -> None:
        super().__init__(settings, max_connections)
        self._asked = settings.headers["revision"]
        self._log = log
        self._has_looked = False

    async def send(self, request: Request) -> Answer:
        """Send once and return whatever answer came, see :meth:`AiohttpTransport.send`."""
        answer = await super().send(request)
        if not self._has_looked and "x-klaviyo-api-revision" in answer.headers:
            self._has_looked = True
            for sentence in about_revision(answer.headers, self._asked):
                self._log.warning("%s", sentence)
        return answer
