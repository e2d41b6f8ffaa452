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


def put(sandbox, *integrations):
    return sandbox.call("PUT", "/_sandbox/cdi/integrations", list(integrations))


def job(hour, **more):
    times = {"sync_start_time": f"2026-01-05T{hour:02}:00:00Z", "sync_finish_time": f"2026-01-05T{hour:02}:01:00Z"}
    return {**times, "last_timestamp_synced": f"2026-01-05T{hour - 1:02}:59:58.123456Z", **more}


def test_what_is_put_in_is_listed_with_what_its_last_run_tells(sandbox):
    put(sandbox, {"integration_name": "users", "integration_status": "paused", "jobs": [job(9), job(10)]})
    (shown,) = sandbox.call("GET", "/cdi/integrations").json()["results"]
    assert (shown["integration_name"], shown["integration_status"]) == ("users", "paused")
    assert (shown["last_updated_at"], shown["last_job_status"]) == ("2026-01-05T09:59:58.123456Z", "success")


def test_runs_are_listed_ten_a_page_the_newest_first_and_links_lead_through_them(sandbox):
    put(
        sandbox,
        {"integration_name": "users", "integration_id": EXAMPLE_ID, "jobs": [job(hour) for hour in range(1, 14)]},
    )
    first = sandbox.call("GET", f"{PATH}/job_sync_status")
    following = first.headers["link"].partition("<")[2].partition(">")[0]
    second = sandbox.call("GET", following)
    runs = first.json()["results"] + second.json()["results"]
    assert [run["sync_start_time"][11:13] for run in runs] == [f"{hour:02}" for hour in range(13, 0, -1)]
    assert 'rel="next"' not in second.headers["link"]


def test_an_integration_without_a_run_has_no_timestamp(sandbox):
    put(sandbox, {"integration_name": "never ran"})
    (shown,) = sandbox.call("GET", "/cdi/integrations").json()["results"]
    assert (shown["last_updated_at"], shown["last_job_start_time"], shown["last_job_status"]) == (None, None, None)


def test_a_member_that_braze_does_not_have_is_refused(sandbox):
    answer = put(sandbox, {"integration_name": "users", "table": "t"})
    assert answer.status_code == 400
    assert "integration_status" in answer.text


def test_each_endpoint_wants_its_own_permission(make_sandbox):
    sandbox = make_sandbox(keys={"k": frozenset({"cdi.integration_list"})})
    assert sandbox.call("GET", "/cdi/integrations", key="k").status_code == 200
    assert sandbox.call("GET", f"{PATH}/job_sync_status", key="k").status_code == 403
