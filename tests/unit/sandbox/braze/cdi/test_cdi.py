"""Braze's own CDI: a run is started, and followed to its end."""

from __future__ import annotations

from datetime import UTC, datetime

from cdi_sandbox.braze.cdi.integrations import EXAMPLE_ID

PATH = f"/cdi/integrations/{EXAMPLE_ID}"


def test_a_run_begins_at_the_very_moment_at_which_it_was_asked_for(sandbox):
    sandbox.clock.now += 0.123456
    assert sandbox.call("POST", f"{PATH}/sync").status_code == 202
    (run,) = sandbox.call("GET", f"{PATH}/job_sync_status").json()["results"]
    assert datetime.fromisoformat(run["sync_start_time"]) == datetime.fromtimestamp(sandbox.clock.now, UTC)
    assert (run["job_status"], run["sync_finish_time"]) == ("running", None)
