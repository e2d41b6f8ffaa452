"""Braze's own Cloud Data Ingestion, as its REST API tells of it: which integrations there are, and how they ran.

Braze, "List integrations" and "List job sync status": ten a page, a ``Link`` header leads to the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.statuses import kind_of_status
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater
from airflow_provider_cdi.hooks.braze.hook import BrazeHook
from airflow_provider_cdi.hooks.http.calls import TRANSIENT_STATUSES

_INTEGRATIONS = "/cdi/integrations"
# Only the cursor is taken: the path of Braze's own example lacks a slash.
_NEXT = re.compile(r'<[^>]*[?&]cursor=([^>&]+)[^>]*>\s*;\s*rel="?next"?', re.ASCII)


def list_integrations(hook: BrazeHook) -> list[dict[str, Any]]:
    """List the integrations of the workspace, in Braze's own members.

    :param hook: its key needs the permission ``cdi.integration_list``.
    :raises DestinationRefused: when the key lacks it, or Braze answers something else.
    :raises RetryLater: when Braze could not be asked, after a minute of tries.
    """
    return list(_entries(hook, _INTEGRATIONS, "cdi.integration_list", "Braze's integrations could not be listed"))


def list_jobs(hook: BrazeHook, integration_id: str) -> Iterator[dict[str, Any]]:
    """Go through the runs of an integration, the newest first; a page is asked for when it is needed.

    :param hook: its key needs the permission ``cdi.integration_job_status``.
    :param integration_id: Braze's id of it.
    :raises DestinationRefused: as above.
    :raises RetryLater: as above.
    """
    path = f"{_INTEGRATIONS}/{quote(integration_id, safe='')}/job_sync_status"
    return _entries(hook, path, "cdi.integration_job_status", f"The runs of {integration_id} could not be listed")


def _entries(hook: BrazeHook, path: str, permission: str, failed: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        answer = hook.ask(Request("GET", path + (f"?cursor={cursor}" if cursor else ""), b""), failed)
        yield from _results(answer, hook.settings.host, path, permission)
        following = _NEXT.search(answer.headers.get("link", ""))
        if following is None or following[1] in seen:
            return
        cursor = following[1]
        seen.add(cursor)


def _results(answer: Response, host: str, path: str, permission: str) -> list[dict[str, Any]]:
    if answer.status in TRANSIENT_STATUSES:
        raise RetryLater(f"Braze at {host} did not answer GET {path} (status {answer.status}): try again in a minute.")
    if answer.status != 200:
        why = _REFUSALS.get(answer.status, "refused: check the connection's host").format(permission=permission)
        refused = DestinationRefused(f"Braze at {host} {why} (status {answer.status} to GET {path}).")
        raise refused.of_kind(kind_of_status(answer.status))
    results = (json_object(answer.body) or {}).get("results")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise DestinationRefused(
            f"{host} answered GET {path} with something that is not Braze's list: check the connection's host "
            "and proxy."
        )
    return results


_REFUSALS = {
    401: "refused the API key: check the key, that it belongs to this instance, and that it has {permission}",
    403: "refused: the API key needs the permission {permission} (Settings > APIs and Identifiers > API Keys)",
    404: "knows no such integration, or has no Cloud Data Ingestion in this workspace",
}
