"""The pace that the Braze connection sets for its tasks, over real sockets."""

from __future__ import annotations

import time

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits

TABLE = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"plan":"pro"}' as payload from range(12) t(i)"""


def arrivals(sandbox):
    return sorted(visit["at"] for visit in sandbox.requests() if visit["path"] == "/users/track")


def test_requests_per_second_of_the_connection_are_kept_by_a_run(lab):
    lab.sql(TABLE)
    lab.connect_braze(extra={"requests_per_second": 20})
    began = time.time()
    assert lab.run(limits=BrazeLimits(track_objects=1))["accepted"] == 12
    # The last one leaves no earlier, however busy the machine is; at 20 a minute it would leave after 33 seconds.
    assert 0.99 * 11 / 20 < arrivals(lab.sandbox)[-1] - began < 30


def test_a_dry_run_does_not_wait_for_turns(lab):
    lab.sql(TABLE)
    lab.connect_braze(extra={"requests_per_second": 0.001})
    report = lab.run(limits=BrazeLimits(track_objects=1), dry_run=True)
    assert (report["requests"], report["seconds"] < 60) == (12, True)
    assert arrivals(lab.sandbox) == []
