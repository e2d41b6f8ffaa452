"""Keeps the connector from logging rows, and links by which whoever has them can read a part of the result."""

from __future__ import annotations

import logging

from airflow_provider_cdi.hooks.link_logs import hide_signatures

#: Writes every answer as it is, rows and links. It is shut off where it is made, but a logging configuration that
#: is loaded afterwards opens it again.
_ANSWERS = "databricks.sql.unsafe"
#: Two lines of INFO for each request.
_REQUESTS = "databricks.sql.auth"
#: They write a link as it is when it is slow, when it fails, and when it is tried again.
_LINKS = (
    "databricks.sql.cloudfetch.downloader",
    "databricks.sql.common.unified_http_client",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


def keep_logs_clean() -> None:
    """Log no answers and no signatures of links from now on; requests that went well only where somebody wants them."""
    answers = logging.getLogger(_ANSWERS)
    answers.propagate = False
    answers.setLevel(logging.CRITICAL)
    hide_signatures(*_LINKS)
    requests = logging.getLogger(_REQUESTS)
    if requests.level == logging.NOTSET:
        requests.setLevel(logging.WARNING)
