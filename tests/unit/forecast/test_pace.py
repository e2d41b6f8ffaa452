"""The time of a run: by the limit that decides, told in words."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.http.rows import HttpRows
from airflow_provider_cdi.destinations.klaviyo import KlaviyoArguments, klaviyo_destination
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.forecast.pace import Pace, behind_a_look, pace_of
from airflow_provider_cdi.forecast.tally import Sent

EVENTS = "POST /api/event-bulk-create-jobs"


def pace(sent, destination, reading_seconds=0.5, **settings):
    return pace_of(sent, destination, DeliverySettings(**settings), reading_seconds=reading_seconds)


@pytest.mark.parametrize(
    ("requests", "seconds", "words"),
    [
        (1, 0.5, "reading and encoding"),
        (12, 1.0, "9 requests a second"),
        (135, 14.0, "9 requests a second"),
        (271, 120.0, "135 requests a minute"),
    ],
)
def test_of_klaviyos_two_windows_the_slower_one_decides(requests, seconds, words):
    events = klaviyo_destination("events", KlaviyoArguments(rate_share=0.9))
    found = pace({EVENTS: Sent(EVENTS, requests)}, events)
    assert found.seconds == seconds
    assert words in found.decided_by


def test_brazes_documented_limit_is_used_by_the_share():
    attributes = braze_destination("attributes")
    found = pace({"POST /users/track": Sent("", 7_201)}, attributes)
    assert found.seconds == 9.0
    assert "3,000 requests in 3 s, of which 80% is used; a contract may have another" in found.decided_by
    assert pace({"POST /users/track": Sent("", 7_201)}, attributes, rate_share=0.2).seconds == 36.0


def test_a_rate_of_ones_own_decides_where_it_is_the_slower_one():
    found = pace({"POST /users/track": Sent("", 601)}, braze_destination("attributes"), requests_per_second=10)
    assert (found.seconds, found.decided_by) == (60.0, "requests_per_second=10")


def test_without_any_limit_it_is_the_reading():
    found = pace({"POST /rows": Sent("", 5_000)}, HttpRows("/rows"), reading_seconds=4.0)
    assert (found.seconds, found.decided_by) == (4.0, "reading and encoding the rows")


def test_the_look_at_new_people_comes_before_the_rest():
    found = behind_a_look(Pace(9.0, "the limit"), 120.0)
    assert (found.seconds, found.decided_by) == (129.0, "the look at max_new_profiles (120.0 s), and the limit")
