"""What a run leaves behind says what happened: dry runs, runs that fail, runs that replay."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.transfers.runs.reporting import REPORT_KEY
from airflow_provider_cdi.version_compat import AirflowFailException

#: Ten rows, of which four have a payload that is no JSON.
USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, case when i < 4 then 'x' else '{"n":1}' end as payload from range(10) as numbers(i)"""


def failed(lab, words, error=AirflowFailException, **arguments):
    """Run, see it fail, and return the error's text and the report that the try left."""
    with pytest.raises(error, match=words) as caught:
        lab.run(**arguments)
    return str(caught.value), lab.world.xcoms.get((f"run-{lab.runs}", REPORT_KEY))


def test_a_dry_run_with_too_many_rejects_says_that_nothing_was_sent(lab):
    lab.sql(USERS)
    text, report = failed(lab, "40.00 % of the rows would be rejected", dry_run=True, max_reject_percent=5)
    assert "nothing was sent" in text
    assert "delivered" not in text
    assert "None" not in text
    assert (report["dry_run"], report["accepted"], report["rejected"], report["rejects_files"]) == (True, 6, 4, [])
    assert lab.arrivals()["requests"] == 0


def test_a_dry_run_counts_the_data_points_of_what_would_be_sent(lab):
    lab.sql(USERS)
    assert lab.run(dry_run=True)["plan"]["data_points"] == 6
    assert "plan" not in lab.run()


def test_a_run_that_fails_by_its_bound_leaves_its_report(lab):
    lab.sql(USERS)
    text, report = failed(lab, "40.00 % of the rows were rejected", max_reject_percent=5)
    (part,) = report["rejects_files"]
    assert part["path"] in text
    assert "the watermark is saved" in text
    assert (report["dry_run"], report["accepted"], report["rejected"]) == (False, 6, 4)
    assert part["rows"] == 4
    assert report["error"].startswith("TooManyRejects: 40.00 %")


def test_a_window_that_fails_by_its_bound_says_that_the_watermark_stays(lab):
    lab.sql(USERS)
    text, _ = failed(lab, "were rejected", max_reject_percent=5, since="2026-01-01", until="2026-01-02")
    assert "the watermark stays where it was" in text


def test_a_run_that_is_to_be_tried_again_leaves_its_report_so_far(lab):
    lab.sql(USERS.replace("i < 4", "i < 1"))
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 2, "times": 99})
    _, report = failed(
        lab,
        "503",
        error=RetryLater,
        delivery=DeliverySettings(max_in_flight=1, window_rows=4, retry=RetryPolicy(attempts=1)),
        limits=BrazeLimits(track_objects=2),
    )
    assert report["accepted"] == 4
    assert report["error"].startswith("RetryLater")
    assert report["status"] == "error"


def test_a_run_that_the_destination_refuses_leaves_its_report(lab):
    lab.sql(USERS)
    lab.connect_braze(password="wrong")
    _, report = failed(lab, "key")
    assert (report["accepted"], report["mode"]) == (0, "incremental")


def test_a_run_that_stops_before_it_reads_leaves_which_sync_it_was_and_why(lab):
    lab.sql(USERS)
    _, report = failed(lab, "no_such_table", source="no_such_table")
    assert (report["status"], report["data_type"], report["run_id"]) == ("config_error", "attributes", "run-1")
    assert "no_such_table" in report["error"]
    assert "accepted" not in report


def test_a_run_whose_rows_all_went_is_a_success(lab):
    lab.sql(USERS.replace("i < 4", "false"))
    assert lab.run()["status"] == "success"


def test_a_run_with_rejects_is_partial(lab):
    lab.sql(USERS)
    assert lab.run()["status"] == "partial"


@pytest.mark.parametrize(
    ("status", "words", "arguments"),
    [
        ("config_error", "key", {"password": "wrong"}),
        ("guarded", "all rejected with one code", {"stop_if_all_rejected": 4}),
        ("partial", "were rejected", {"max_reject_percent": 5}),
    ],
)
def test_a_run_that_fails_says_what_became_of_it(lab, status, words, arguments):
    lab.sql(USERS)
    if password := arguments.pop("password", None):
        lab.connect_braze(password=password)
    assert failed(lab, words, **arguments)[1]["status"] == status


def test_a_report_that_cannot_be_saved_does_not_hide_the_error(lab, monkeypatch):
    lab.sql(USERS)
    operator, context = lab.make(max_reject_percent=5), lab.world.context("run-1")
    push = context["ti"].xcom_push

    def refuse(key, value):
        if key == REPORT_KEY:
            raise RuntimeError("the API server is away")
        push(key, value)

    monkeypatch.setattr(type(context["ti"]), "xcom_push", lambda self, key, value: refuse(key, value))
    with pytest.raises(AirflowFailException, match="were rejected"):
        operator.execute(context)


def test_a_run_that_ends_well_leaves_the_report_that_it_returns(lab):
    lab.sql(USERS)
    returned = lab.run()
    assert returned["accepted"] == 6
    assert lab.world.xcoms["run-1", REPORT_KEY] == returned


def test_a_run_that_begins_says_that_it_is_running(lab, monkeypatch):
    lab.sql(USERS)
    operator, context = lab.make(), lab.world.context("run-1")
    seen, push = [], type(context["ti"]).xcom_push

    def note(ti, key, value):
        seen.append((key, value))
        push(ti, key, value)

    monkeypatch.setattr(type(context["ti"]), "xcom_push", note)
    operator.execute(context)
    told = [value for key, value in seen if key == REPORT_KEY]
    assert [one["status"] for one in told] == ["running", "partial"]
    assert (told[0]["run_id"], told[0]["sync_id"]) == ("run-1", operator.sync_id)


def test_a_cleared_run_says_that_it_replays(lab):
    lab.sql(USERS)
    assert lab.run(run_id="one")["replay"] is False
    again = lab.run(run_id="one", context={"clear_number": 1})
    assert (again["replay"], again["moves_watermark"], again["accepted"]) == (True, False, 6)
    assert again["slice"].startswith("replay of incremental")
