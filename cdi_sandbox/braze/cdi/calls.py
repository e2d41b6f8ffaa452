"""The control endpoints of Braze's own CDI: list, status, start. For parity; nothing is synced."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cdi_sandbox.api.call import Call, Reply, failure, success
from cdi_sandbox.api.json import Json
from cdi_sandbox.api.paging import bad_cursor, page_of
from cdi_sandbox.braze.cdi.integrations import Integration
from cdi_sandbox.braze.workspace import Workspace

PAGE_ENTRIES = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def list_integrations(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /cdi/integrations``."""
    return _page([integration.shown(workspace.now()) for integration in workspace.integrations], call)


def job_status(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /cdi/integrations/{id}/job_sync_status``, the newest run first."""
    integration = _find(workspace, call)
    if isinstance(integration, Reply):
        return integration
    return _page(integration.jobs_at(workspace.now())[::-1], call)


def start_sync(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /cdi/integrations/{id}/sync``: 202, or 429 while a run goes on."""
    integration = _find(workspace, call)
    if isinstance(integration, Reply):
        return integration
    jobs = integration.jobs_at(workspace.now())
    if jobs and jobs[-1]["job_status"] == "running":
        return failure(429, "Another job is in progress")
    integration.start(workspace.now(), workspace.settings.cdi_job_seconds)
    return success(202)


def _page(entries: Sequence[Json], call: Call) -> Reply:
    page = page_of(list(entries), call, PAGE_ENTRIES)
    if page is None:
        return bad_cursor()
    reply = success(200, results=page.entries)
    reply.headers |= page.headers
    return reply


def _find(workspace: Workspace, call: Call) -> Integration | Reply:
    wanted = call.params["id"]
    if not _UUID.fullmatch(wanted.lower()):
        return failure(400, "Invalid integration ID")
    for integration in workspace.integrations:
        if integration.integration_id == wanted.lower():
            return integration
    return failure(404, "Integration not found")
