"""The pace that the Braze connection sets for its tasks, over real sockets."""

from __future__ import annotations

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits

TABLE = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"plan":"pro"}' as payload from range(12) t(i)"""


def arrivals(sandbox):
    return sorted(visit["at"] for visit in sandbox.requests() if visit["path"] == "/users/track")


def test_requests_per_second_of_the_connection_are_kept_by_a_run(lab):
    lab.sql(TABLE)
    lab.connect_braze(extra={"requests_per_second": 20})
    assert lab.run(limits=BrazeLimits(track_objects=1))["accepted"] == 12
    times = arrivals(lab.sandbox)
    # The first one makes the connection and arrives later than it left.
    assert 0.7 * 11 / 20 < times[-1] - times[0] < 2 * 11 / 20


def test_a_dry_run_does_not_wait_for_turns(lab):
    lab.sql(TABLE)
    lab.connect_braze(extra={"requests_per_second": 0.001})
    report = lab.run(limits=BrazeLimits(track_objects=1), dry_run=True)
    assert (report["requests"], report["seconds"] < 60) == (12, True)
    assert arrivals(lab.sandbox) == []
