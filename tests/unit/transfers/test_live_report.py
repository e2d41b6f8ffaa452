"""The report of a run that is at work: when it is written, and what happens when Airflow does not answer."""

from __future__ import annotations

from airflow_provider_cdi.engine.standstill import Standstill
from airflow_provider_cdi.transfers.live_report import LiveReport

FULL = Standstill("what the rate limit leaves to this sync is used up", 42.4)


def live(pushed, **kwargs):
    return LiveReport(lambda status: {"status": status, "rows_read": 7}, pushed.append, in_thread=False, **kwargs)


def looked_at(report, *looks):
    for now, standstill in looks:
        report.look(standstill, now)
        report.save()


def test_it_is_written_at_the_begin_and_then_once_a_minute():
    pushed: list[dict] = []
    report = live(pushed)
    report.begin()
    looked_at(report, *((second / 2, None) for second in range(2 * 181)))
    assert [one["status"] for one in pushed] == ["running"] * 4


def test_a_wait_for_the_rate_is_written_at_once_with_its_reason_and_the_seconds_left():
    pushed: list[dict] = []
    report = live(pushed)
    looked_at(report, (0, None), (12, FULL), (13, FULL), (30, None))
    assert [one["status"] for one in pushed] == ["waiting", "running"]
    assert pushed[0]["waiting"] == {"reason": FULL.reason, "seconds_left": 42}
    assert "waiting" not in pushed[1]


def test_a_status_that_flickers_is_written_every_ten_seconds_at_most():
    pushed: list[dict] = []
    looked_at(live(pushed), *((second, FULL if second % 2 else None) for second in range(60)))
    assert len(pushed) <= 6


def test_nothing_is_written_once_the_run_has_told_its_end():
    pushed: list[dict] = []
    report = live(pushed)
    report.begin()
    looked_at(report, (0, None))
    report.look(None, 70)
    report.end()
    report.save()
    assert len(pushed) == 1


def test_an_airflow_that_does_not_answer_disturbs_no_run():
    def refuse(report):
        raise RuntimeError("the API server is away")

    report = LiveReport(lambda status: {"status": status}, refuse, in_thread=False)
    report.begin()
    looked_at(report, (0, None), (61, None))


def test_a_thread_writes_beside_the_run_where_that_is_allowed():
    pushed: list[dict] = []
    report = LiveReport(lambda status: {"status": status}, pushed.append, in_thread=True)
    report.look(None, 0)
    report.look(None, 61)
    report._writer.join()
    assert pushed == [{"status": "running"}]
