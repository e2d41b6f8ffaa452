"""Delivery to Klaviyo: the common transport, and an eye on the revision that answers.

Imported when a task runs, never by a DAG file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport
from airflow_provider_cdi.hooks.klaviyo.revision import about_revision

_SERVED = "x-klaviyo-api-revision"


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

    async def send(self, request: Request) -> Response:
        """Send once and return whatever answer came, see :meth:`AiohttpTransport.send`.

        One that does not say which revision gave it gets the revision that was asked for, for the messages.
        """
        answer = await super().send(request)
        if _SERVED not in answer.headers:
            return replace(answer, headers={**answer.headers, _SERVED: self._asked})
        if not self._has_looked:
            self._has_looked = True
            for sentence in about_revision(answer.headers, self._asked):
                self._log.warning("%s", sentence)
        return answer
