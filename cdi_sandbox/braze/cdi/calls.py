"""The control endpoints of Braze's own CDI: list, status, start. For parity; nothing is synced."""

from __future__ import annotations

import re

from cdi_sandbox.api.call import Call, Reply, failure, success
from cdi_sandbox.api.json import Json
from cdi_sandbox.api.paging import bad_cursor, page_of
from cdi_sandbox.braze.cdi.integrations import Integration
from cdi_sandbox.braze.workspace import Workspace
from cdi_sandbox.times import write_exact_moment

PAGE_ENTRIES = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def list_integrations(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /cdi/integrations``."""
    page = page_of([_shown(workspace, integration) for integration in workspace.integrations], call, PAGE_ENTRIES)
    if page is None:
        return bad_cursor()
    reply = success(200, results=page.entries)
    reply.headers |= page.headers
    return reply


def job_status(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /cdi/integrations/{id}/job_sync_status``, the newest run first."""
    integration = _find(workspace, call)
    if isinstance(integration, Reply):
        return integration
    runs = [_run(workspace, start) for start in reversed(integration.runs)]
    page = page_of(runs, call, PAGE_ENTRIES)
    if page is None:
        return bad_cursor()
    reply = success(200, results=page.entries)
    reply.headers |= page.headers
    return reply


def start_sync(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /cdi/integrations/{id}/sync``: 202, or 429 while a run goes on."""
    integration = _find(workspace, call)
    if isinstance(integration, Reply):
        return integration
    if integration.runs and _is_running(workspace, integration.runs[-1]):
        return failure(429, "Another job is in progress")
    integration.runs.append(workspace.now())
    return success(202)


def _find(workspace: Workspace, call: Call) -> Integration | Reply:
    wanted = call.params["id"]
    if not _UUID.fullmatch(wanted.lower()):
        return failure(400, "Invalid integration ID")
    for integration in workspace.integrations:
        if integration.integration_id == wanted.lower():
            return integration
    return failure(404, "Integration not found")


def _is_running(workspace: Workspace, start: float) -> bool:
    return workspace.now() < start + workspace.settings.cdi_job_seconds


def _shown(workspace: Workspace, integration: Integration) -> Json:
    last = integration.runs[-1] if integration.runs else None
    written = None if last is None else write_exact_moment(last)
    status = None if last is None else _status(workspace, last)
    return {
        "integration_id": integration.integration_id,
        "app_group_id": "5f0",
        "integration_name": integration.name,
        "integration_type": "attributes",
        "integration_status": "active",
        "contact_emails": "ops@example.com",
        "last_updated_at": written,
        "warehouse_type": "snowflake",
        "last_job_start_time": written,
        "last_job_status": status,
        "next_scheduled_run": None,
    }


def _run(workspace: Workspace, start: float) -> Json:
    finished = None if _is_running(workspace, start) else write_exact_moment(start + workspace.settings.cdi_job_seconds)
    return {
        "job_status": _status(workspace, start),
        "sync_start_time": write_exact_moment(start),
        "sync_finish_time": finished,
        "last_timestamp_synced": write_exact_moment(start),
        "rows_synced": 0,
        "rows_failed_with_errors": 0,
    }


def _status(workspace: Workspace, start: float) -> str:
    return "running" if _is_running(workspace, start) else "success"
