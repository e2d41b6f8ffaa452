"""What is wrong with an event refuses its request, and is pointed at."""

from __future__ import annotations

import json

import pytest
from support.klaviyo_world import event, pointers, single_event

ADA = {"email": "ada@acme-demo.io"}
ENTRIES = "/data/attributes/events-bulk-create/data"


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        (1, "/type"),
        ({"type": "event"}, "/attributes"),
        (event(properties=None), "/attributes/properties"),
        (event(""), "/attributes/metric/data/attributes/name"),
        (event("x" * 128), "/attributes/metric/data/attributes/name"),
        (event(metric={"data": {}}), "/attributes/metric/data/attributes/name"),
        (event(time="yesterday"), "/attributes/time"),
        (event(time="1989-12-31T23:59:59Z"), "/attributes/time"),
        (event(time="2027-09-22T14:13:20Z"), "/attributes/time"),
        (event(value="59.90"), "/attributes/value"),
        (event(value=True), "/attributes/value"),
        (event(value_currency="Euro"), "/attributes/value_currency"),
        (event(unique_id=""), "/attributes/unique_id"),
        (event(unique_id="x" * 256), "/attributes/unique_id"),
        (event(unique_id=7), "/attributes/unique_id"),
        (event(backfill="yes"), "/attributes/backfill"),
        (event(mood="good"), "/attributes/mood"),
    ],
    ids=lambda value: json.dumps(value)[-60:],
)
def test_a_bad_event_refuses_the_request_and_is_pointed_at(klaviyo, sent, pointer):
    answer = klaviyo.send_events((ADA, event(unique_id="1")), ({"external_id": "c-2"}, event(unique_id="1"), sent))
    assert pointers(answer) == [f"{ENTRIES}/1/attributes/events/data/1{pointer}"]
    assert klaviyo.events() == []


def test_a_bad_profile_refuses_the_request_and_is_pointed_at(klaviyo):
    answer = klaviyo.send_events((ADA, event(unique_id="1")), ({"phone_number": "0151"}, event(unique_id="1")))
    assert pointers(answer) == [f"{ENTRIES}/1/attributes/profile/data/attributes/phone_number"]
    assert answer.json()["errors"][0]["detail"] == "Invalid phone number format"


def test_the_profile_of_a_bad_single_event_is_pointed_at(klaviyo):
    answer = single_event(klaviyo, {"attributes": {"email": "nobody"}}, event(time="yesterday"))
    assert pointers(answer) == ["/data/attributes/profile/data/attributes/email", "/data/attributes/time"]


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        (1, "/0/type"),
        ({"type": "event-bulk-create", "attributes": {}}, "/0/attributes/profile"),
        ({"type": "event-bulk-create", "attributes": {"profile": {}}}, "/0/attributes/events/data"),
    ],
    ids=json.dumps,
)
def test_an_entry_of_another_shape_is_refused(make_klaviyo, entry, pointer):
    klaviyo = make_klaviyo(strict=False)
    attributes = {"events-bulk-create": {"data": [entry]}}
    answer = klaviyo.send("event-bulk-create-jobs", "event-bulk-create-job", attributes)
    assert pointers(answer) == [ENTRIES + pointer]


@pytest.mark.parametrize(
    "entries", [[], [(ADA, *(event(unique_id=str(n)) for n in range(1_001)))]], ids=["none", "1001"]
)
def test_none_and_more_than_a_thousand_events_are_refused(klaviyo, entries):
    assert pointers(klaviyo.send_events(*entries)) == [ENTRIES]


def test_a_thousand_events_of_few_profiles_are_taken(klaviyo):
    entries = [({"external_id": f"c-{n}"}, *(event(unique_id=str(m)) for m in range(100))) for n in range(10)]
    assert klaviyo.send_events(*entries).status_code == 202
    assert len(klaviyo.sandbox.http.get("/_sandbox/klaviyo/events?limit=2000").json()["events"]) == 1_000
    assert klaviyo.sandbox.received("/api/event-bulk-create-jobs")["objects"] == 1_000


def test_the_profile_of_an_event_is_refused_on_demand(klaviyo):
    klaviyo.sandbox.set_fault(kind="refuse", identifiers=["external_id:c-2"], error="Not this one")
    answer = klaviyo.send_events((ADA, event(unique_id="1")), ({"external_id": "c-2"}, event(unique_id="1")))
    assert pointers(answer) == [f"{ENTRIES}/1/attributes/profile/data"]


def test_an_anonymous_id_is_enough_for_an_event(klaviyo):
    assert klaviyo.send_events(({"anonymous_id": "x"}, event(unique_id="1"))).status_code == 202
    assert len(klaviyo.events()) == 1
