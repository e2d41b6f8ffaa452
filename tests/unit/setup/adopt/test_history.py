"""How far an integration has come, read from its runs."""

from __future__ import annotations

from itertools import chain, count, repeat

from airflow_provider_cdi.setup.adopt.history import MOST_RUNS, read_history
from airflow_provider_cdi.setup.adopt.integration import Integration, Job

NOBODY = Integration.read({"integration_id": "i"})


def job(synced="2026-01-05T09:00:00.5Z", rows=0, status="success", failed=0):
    return Job.read(
        {"job_status": status, "last_timestamp_synced": synced, "rows_synced": rows, "rows_failed_with_errors": failed}
    )


def test_the_run_that_moved_tells_how_many_rows_lie_behind_the_timestamp_before():
    history = read_history(NOBODY, [job(), job(rows=7, failed=2), job("2026-01-05T08:00:00Z", 3)])
    assert (history.synced, history.since, history.rows, history.failed) == (
        "2026-01-05T09:00:00.5Z",
        "2026-01-05T08:00:00Z",
        9,
        2,
    )
    assert history.tied is None


def test_a_run_that_read_rows_and_stayed_read_those_of_the_last_timestamp_alone():
    history = read_history(NOBODY, [job(), job(rows=4), job(rows=9), job("2026-01-05T08:00:00Z", 3)])
    assert history.tied == 4


def test_runs_in_error_and_runs_that_go_on_do_not_count():
    runs = [job("2026-01-05T11:00:00Z", 1, status="running"), job(None, status="config_error"), job(rows=7)]
    history = read_history(NOBODY, runs)
    assert (history.synced, history.rows, history.is_running) == ("2026-01-05T09:00:00.5Z", 7, True)


def test_statuses_of_older_days_mean_the_same():
    assert read_history(NOBODY, [job(rows=7, status="Partial")]).rows == 7
    assert read_history(NOBODY, [job(rows=7, status="Error")]).synced == ""


def test_where_no_run_is_listed_any_more_the_list_of_integrations_tells():
    known = Integration.read({"integration_id": "i", "last_updated_at": "2026-01-05T09:00:00Z"})
    history = read_history(known, [])
    assert (history.synced, history.rows) == ("2026-01-05T09:00:00Z", None)


def test_an_integration_that_stood_still_for_long_is_not_followed_back_for_ever():
    asked = count()
    runs = (one for one, _ in zip(repeat(job()), asked, strict=False))
    history = read_history(NOBODY, chain(runs))
    assert (history.synced, history.rows, history.reached) == ("2026-01-05T09:00:00.5Z", None, None)
    assert next(asked) <= MOST_RUNS + 1


def test_what_braze_answers_may_lack_anything():
    assert read_history(Integration.read({}), [Job.read({"rows_synced": "many"})]).synced == ""
