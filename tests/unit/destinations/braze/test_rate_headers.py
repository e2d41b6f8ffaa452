"""What Braze's answers show of its limits, in both regimes, whatever our clock says."""

from __future__ import annotations

from email.utils import formatdate
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze import DATA_TYPES, braze_destination
from airflow_provider_cdi.destinations.braze.responses.rate_headers import TheirClock, told_window
from airflow_provider_cdi.engine.ports import RateWindow
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Response, Throttled

NOW = 1_790_000_000.0


class Clocks:
    """Ours, and Braze's, which is ahead by so many seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.now, self.ahead = NOW, ahead

    def date(self) -> str:
        return formatdate(floor(self.now + self.ahead), usegmt=True)


def headers(limit="3000", remaining="2999", reset=str(NOW + 2), **more):
    return {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, **more}


def make(data_type="attributes", clocks=None):
    clocks = clocks or Clocks()
    catalog = "stores" if data_type == "catalog_items" else None
    return braze_destination(data_type, catalog=catalog, now=lambda: clocks.now)


def window(given_headers, clocks=None):
    return make(clocks=clocks).rate_window(Response(201, given_headers, b""))


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_every_data_type_reads_the_window(data_type):
    shown = make(data_type).rate_window(Response(201, headers(), b""))
    assert shown == RateWindow(3_000, 2_999, 2.0)


def test_a_reset_may_be_seconds_left():
    assert window(headers("250000", "249871", "1743")) == RateWindow(250_000, 249_871, 1_743.0)


@pytest.mark.parametrize(
    "silly",
    [
        {},
        headers("", "", ""),
        headers(limit="many"),
        headers(limit="0", remaining="0"),
        headers(remaining="-1"),
        headers(remaining="3001"),
        headers(reset="nan"),
        headers(reset="-inf"),
        headers(reset="-5"),
        headers(reset="0"),
        headers(reset=str(NOW - 1)),
        headers(reset=str(NOW + 100_000)),
        headers(reset=str(NOW * 1_000)),
    ],
)
def test_headers_that_are_missing_empty_or_silly_show_nothing(silly):
    assert window(silly) is None


@pytest.mark.parametrize("reset", [str(NOW), str(NOW - 1), "0"])
def test_a_window_that_ended_while_its_answer_came_is_told_with_no_time_left(reset):
    assert told_window(headers(reset=reset), lambda: NOW) == RateWindow(3_000, 2_999, 0.0)


def test_the_answer_429_of_the_newer_contracts_shows_nothing_but_a_wait():
    answer = Response(429, {"x-ratelimit-retry-after": "2"}, b"{}")
    destination = make()
    assert destination.rate_window(answer) is None
    assert destination.interpret_response(answer, [Record("k", b"{}")]) == Throttled(
        "Braze answered 429: over the rate limit", 2.0
    )


@pytest.mark.parametrize("ahead", [-120.0, -2.6, 2.6, 120.0])
def test_a_moment_is_compared_with_brazes_own_clock(ahead):
    clocks = Clocks(ahead)
    destination, shown = make(clocks=clocks), None
    for _ in range(30):
        clocks.now += 0.1
        reset = str(NOW + ahead + 3_000)
        shown = destination.rate_window(Response(201, headers("250000", "1", reset, date=clocks.date()), b""))
    assert shown is not None
    assert shown.seconds_left == pytest.approx(2_997, abs=0.11)


def test_the_wait_after_a_429_is_by_brazes_clock_too():
    clocks = Clocks(ahead=50.0)
    destination = make(clocks=clocks)
    answer = Response(429, headers(remaining="0", reset=str(NOW + 52), date=clocks.date()), b"{}")
    destination.rate_window(answer)
    assert destination.interpret_response(answer, [Record("k", b"{}")]).wait == 2.0


# --- their clock ----------------------------------------------------------------------------------------


@given(
    ahead=st.floats(-5_000, 5_000),
    answers=st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 2)), min_size=1, max_size=60),
)
def test_the_servers_clock_is_never_thought_to_be_ahead_of_what_it_is_and_at_most_a_second_and_the_way_back_behind(
    ahead, answers
):
    clocks = Clocks(ahead)
    clock = TheirClock(lambda: clocks.now)
    for pause, way_back in answers:
        clocks.now += pause
        date = clocks.date()
        clocks.now += way_back
        clock.note(date)
        theirs = clocks.now + ahead
        assert theirs - 1 - way_back - 1e-4 <= clock() <= theirs + 1e-4


def test_the_servers_clock_is_known_to_a_tenth_after_a_second_of_answers():
    clocks = Clocks(ahead=1.7)
    clock = TheirClock(lambda: clocks.now)
    for _ in range(40):
        clocks.now += 0.03
        clock.note(clocks.date())
    assert clock() == pytest.approx(clocks.now + 1.7, abs=0.1)


def test_our_own_clock_counts_until_an_answer_has_a_date():
    clock = TheirClock(lambda: NOW)
    for nothing in ("", "soon", "Mon, 99 Foo 2026 25:00:00 GMT"):
        clock.note(nothing)
        assert clock() == NOW


def test_a_clock_that_was_put_right_is_believed_after_a_while():
    clocks = Clocks(ahead=2.0)
    clock = TheirClock(lambda: clocks.now)
    clock.note(clocks.date())
    clocks.ahead = 0.0  # somebody set ours forward
    for _ in range(800):
        clocks.now += 0.3
        clock.note(clocks.date())
    assert clock() == pytest.approx(clocks.now, abs=0.2)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_was_set_by_an_hour_is_believed_at_once(hours):
    clocks = Clocks()
    clock = TheirClock(lambda: clocks.now)
    clock.note(clocks.date())
    clocks.now += 3_600 * hours
    clocks.ahead -= 3_600 * hours
    clock.note(clocks.date())
    assert clock() == clocks.now + clocks.ahead
