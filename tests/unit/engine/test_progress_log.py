"""What a run says while it is at work: in its log, and to whoever wants to know; all in virtual time."""

from __future__ import annotations

import logging

import pytest
from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually

PATIENT = DeliverySettings(max_in_flight=1, window_rows=100, retry=RetryPolicy(rate_limit_seconds=900))


class BusyOnce:
    """Answers one request, early in the run, that there are too many, for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.requests = seconds, 0

    def __call__(self, objects):
        self.requests += 1
        return Response(429, {"wait": str(self.seconds)}, b"") if self.requests == 2 else None


def run(seconds, seen=None, **kwargs):
    journal, source = MemoryJournal(), ListSource([Row(number - 1000, f"c-{number}") for number in range(40)])
    look = None if seen is None else lambda standstill, now: seen.append((now, standstill))
    things = Things(fault=BusyOnce(seconds), **kwargs)
    return run_virtually(
        make_run(source, things, journal, incremental(None), settings=PATIENT, on_look=look).run()
    )  # fmt: skip


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="airflow_provider_cdi.engine.progress_log")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_wait_for_the_rate_is_told_once_a_minute_with_its_reason(lines):
    run(300)
    waits = [line for line in lines() if line.startswith("Waiting for the rate limit")]
    assert len(waits) == 5
    assert all("answered that there are too many requests" in line for line in waits)
    assert "The next request may leave in 300 s; 0 of about 40 rows are done" in waits[0]


def test_a_short_wait_for_the_rate_is_the_pace_of_a_run_and_is_not_told(lines):
    run(8)
    assert not [line for line in lines() if "rate limit" in line]


def test_who_wants_to_know_hears_what_keeps_requests_back_and_for_how_long():
    seen = []
    run(100, seen)
    kept = [(now, standstill) for now, standstill in seen if standstill is not None]
    assert kept[0][1].seconds_left == pytest.approx(100, abs=1)
    assert kept[-1][1].seconds_left < 1, "a wait is one until its end"
    assert seen[-1][1] is None


def test_answers_that_take_long_are_told_once_a_minute_and_not_every_few_seconds(lines):
    run(0.1, delay=150.0)
    told = [line for line in lines() if line.startswith("Waiting for the warehouse's rows or the destination's")]
    assert len(told) >= 2
    assert not [line for line in lines() if "time left unknown" in line]


def test_a_run_that_moves_tells_its_pace_every_few_seconds(lines):
    run(0.1, delay=2.0)
    moving = [line for line in lines() if "rows/s" in line]
    assert len(moving) >= 3
    assert "30 of about 40 rows, 75 %" in moving[-1]
