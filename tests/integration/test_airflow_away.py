"""An API server of Airflow's that is away for a while: outlasted, else told in our own words, and nothing lost."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.state import airflow_calls
from airflow_provider_cdi.state.airflow_calls import PATIENCE, outlasting

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(40) as numbers(i)"""
SMALL = {"delivery": DeliverySettings(max_in_flight=1, window_rows=8), "limits": BrazeLimits(track_objects=2)}


def trouble(status=None, kind=ErrorType.API_SERVER_ERROR):
    detail = {"status_code": status, "message": "Server error"} if status else {"message": "Connection refused"}
    return AirflowRuntimeError(SimpleNamespace(error=kind, detail=detail))


class Clock:
    def __init__(self):
        self.now, self.waits = 0.0, []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def failing(times, error):
    left = itertools.count(1)

    def call():
        if next(left) <= times:
            raise error
        return "answer"

    return call


@pytest.mark.parametrize("error", [trouble(), trouble(500), trouble(503), trouble(429)])
def test_a_server_that_comes_back_is_asked_again(error):
    clock = Clock()
    assert outlasting(failing(4, error), sleep=clock.sleep, clock=lambda: clock.now)() == "answer"
    assert clock.waits == [1, 2, 4, 8]


def test_a_server_that_stays_away_is_given_up_after_a_bounded_time():
    clock = Clock()
    with pytest.raises(AirflowRuntimeError):
        outlasting(failing(10_000, trouble()), sleep=clock.sleep, clock=lambda: clock.now)()
    assert PATIENCE / 2 < clock.now <= PATIENCE


@pytest.mark.parametrize("error", [trouble(404), trouble(409), trouble(None, ErrorType.XCOM_NOT_FOUND)])
def test_what_the_server_did_answer_is_not_asked_again(error):
    clock = Clock()
    with pytest.raises(AirflowRuntimeError):
        outlasting(failing(1, error), sleep=clock.sleep, clock=lambda: clock.now)()
    assert clock.waits == []


@pytest.fixture
def away(lab, monkeypatch):
    """Return a switch: from which call of the asset's store on, and for how many calls, Airflow does not answer."""
    clock, calls, when = Clock(), itertools.count(), SimpleNamespace(since=0, calls=0)
    monkeypatch.setattr(airflow_calls, "time", SimpleNamespace(sleep=clock.sleep, monotonic=lambda: clock.now))

    def stands_before(name):
        real = getattr(lab.world.asset, name)

        def call(*args, **kwargs):
            if when.since <= next(calls) < when.since + when.calls:
                raise trouble()
            return real(*args, **kwargs)

        return call

    for name in ("get", "set"):
        monkeypatch.setattr(lab.world.asset, name, stands_before(name))
    return when


@pytest.mark.parametrize("since", range(0, 12, 2))
def test_a_run_outlasts_a_server_that_is_away_for_some_calls(lab, away, since):
    lab.sql(USERS)
    away.since, away.calls = since, 3
    report = lab.run(**SMALL)
    assert (report["accepted"], len(lab.arrivals()["received"])) == (40, 40)
    assert max(lab.arrivals()["received"].values()) == 1


@pytest.mark.parametrize("since", range(0, 8, 2))
def test_a_server_that_stays_away_is_told_in_our_words_and_the_next_try_loses_nothing(lab, away, since):
    lab.sql(USERS)
    away.since, away.calls = since, 10_000
    with pytest.raises(RetryLater, match="API server"):
        lab.run(run_id="one", **SMALL)
    away.calls = 0
    lab.run(run_id="one", **SMALL)
    assert len(lab.arrivals()["received"]) == 40
