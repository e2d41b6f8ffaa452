"""A row as an event: its time, its unique id, its limits, and how events share a request."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.klaviyo_rows import ADA, AT, NOT_UTF8, NOW, VISIT, code_of, encode_row, event, make, rows_of

from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits
from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.exceptions import SourceError

TIME = "2026-01-05T09:30:00Z"


def visit(**row):
    return event({**VISIT, **row})


def test_an_event_says_what_when_and_what_it_is_worth():
    row = {"UNIQUE_ID": "POS-1", "VALUE": Decimal("59.90"), "VALUE_CURRENCY": "eur", "PAYLOAD": '{"items":3}'}
    assert visit(**row) == {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Visit"}}},
        "time": TIME,
        "unique_id": "POS-1",
        "properties": {"items": 3},
        "value": 59.9,
        "value_currency": "EUR",
    }


def test_an_event_belongs_to_a_profile_of_identifiers_only():
    record = encode_row({**VISIT, "KLAVIYO_ID": "01K", "EXTERNAL_ID": "C-1", "store": "Berlin"}, "events")
    entry = json.loads(record.body)["attributes"]
    assert entry["profile"] == {
        "data": {
            "type": "profile",
            "id": "01K",
            "attributes": {"email": "ada@acme-demo.io", "external_id": "C-1"},
        }
    }
    assert "backfill" not in entry


def test_other_columns_are_properties_and_may_be_empty():
    assert visit(store="Berlin", basket___sku="A1", note=None)["properties"] == {
        "store": "Berlin",
        "basket": {"sku": "A1"},
    }
    assert visit()["properties"] == {}


def test_backfilled_events_say_so():
    record = encode_row(VISIT, "events", backfill=True)
    assert json.loads(record.body)["attributes"]["backfill"] is True


def test_klaviyos_own_place_for_bulky_content_is_allowed():
    assert visit(PAYLOAD='{"$extra":{"a":1}}')["properties"] == {"$extra": {"a": 1}}
    assert code_of({**VISIT, "PAYLOAD": '{"$value":1}'}, "events") == "property_name_invalid"


# --- metric ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [None, "", "  "])
def test_a_fixed_metric_names_rows_without_one(metric):
    row = {**ADA, "EVENT_TIME": AT, "METRIC_NAME": pa.array([metric], pa.string())}
    assert event(row, metric="Fixed")["metric"]["data"]["attributes"] == {"name": "Fixed"}
    assert code_of(row, "events") == "metric_name_missing"


def test_a_row_with_a_metric_keeps_it():
    assert event(VISIT, metric="Fixed")["metric"]["data"]["attributes"] == {"name": "Visit"}


def test_the_column_of_the_metric_is_required_unless_it_is_fixed():
    assert make("events").contract.required == ("EVENT_TIME", "METRIC_NAME")
    assert make("events", metric="Fixed").contract.required == ("EVENT_TIME",)


# --- time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        AT,
        pa.array([1_767_605_400_999_999], pa.timestamp("us")),
        datetime(2026, 1, 5, 10, 30, tzinfo=timezone(timedelta(hours=1))),
        pa.array([1_767_605_400_123_456_789], pa.timestamp("ns")),
        pa.array([1_767_605_400], pa.timestamp("s", tz="Asia/Seoul")),
        "2026-01-05T09:30:00.9Z",
        "2026-01-05 10:30:00+01:00",
        " 2026-01-05T09:30:00 ",
        "2026-01-05 09:30:00.250 +0000",
        "2026-01-05 09:30:00.000 Z",
        "2026-01-05 09:30:00 UTC",
        "2026-01-05T10:30:00+1:00",
        "2026-01-05t09:30:00z",
    ],
)
def test_the_time_is_cut_to_the_second_and_said_in_utc(value):
    assert visit(EVENT_TIME=value)["time"] == TIME


def test_a_date_is_its_midnight():
    assert visit(EVENT_TIME=date(2026, 1, 5))["time"] == "2026-01-05T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (pa.array([None], pa.timestamp("us")), "event_time_missing"),
        (pa.array([None]), "event_time_missing"),
        (pa.array([None], pa.string()), "event_time_missing"),
        ("yesterday", "event_time_invalid"),
        (NOT_UTF8, "payload_type_unsupported"),
        ("0001-01-01T00:00:00+05:00", "event_time_invalid"),
        (datetime(1989, 12, 31, 23, 59, 59, tzinfo=UTC), "event_time_out_of_range"),
        (datetime(1990, 1, 1, tzinfo=UTC), None),
        (AT + timedelta(days=365), None),
        (AT + timedelta(days=365, seconds=1), "event_time_out_of_range"),
        ("1989-12-31T23:59:59Z", "event_time_out_of_range"),
        ("9999-12-31T23:59:59-10:00", "event_time_invalid"),
        (pa.array([2**62], pa.timestamp("s")), "event_time_out_of_range"),
    ],
)
def test_times_that_klaviyo_does_not_take_are_refused(value, code):
    assert code_of({**VISIT, "EVENT_TIME": value}, "events") == code


def test_a_time_that_is_a_number_stops_the_sync():
    with pytest.raises(SourceError, match="EVENT_TIME"):
        encode_row({**VISIT, "EVENT_TIME": 1_767_605_400}, "events")


# --- limits ---------------------------------------------------------------------------------------------


def nested(levels):
    return {"a": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({f"p{n}": n for n in range(400)}, None),
        ({f"p{n}": n for n in range(401)}, "too_many_properties"),
        ({"a": list(range(4_000))}, None),
        ({"a": [{"b": list(range(4_001))}]}, "property_array_too_long"),
        ({"a": "ä" * 50_000}, None),
        ({"a": ["ä" * 50_001]}, "property_too_long"),
        ({"a": 2**63 - 1, "b": -(2**63)}, None),
        ({"a": 2**63}, "property_number_too_large"),
        ({"a": 10**30}, "property_number_too_large"),
        ({"a": 1e30}, None),
        ({"a": "12345678901234567890123"}, None),
        (nested(10), None),
        (nested(11), "payload_too_deep"),
    ],
)
def test_limits_of_properties_are_kept_where_klaviyo_would_drop_the_event(properties, code):
    assert code_of({**VISIT, "PAYLOAD": json.dumps(properties)}, "events") == code


def test_limits_hold_for_columns_too():
    assert code_of({**VISIT, "a": pa.array([list(range(4_001))])}, "events") == "property_array_too_long"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"METRIC_NAME": "x" * 127}, None),
        ({"METRIC_NAME": "x" * 128}, "metric_name_too_long"),
        ({"UNIQUE_ID": "x" * 255}, None),
        ({"UNIQUE_ID": "x" * 256}, "unique_id_too_long"),
        ({"VALUE_CURRENCY": "EURO"}, "value_currency_invalid"),
        ({"VALUE_CURRENCY": "€"}, "value_currency_invalid"),
        ({"VALUE": float("nan")}, "payload_type_unsupported"),
    ],
)
def test_limits_of_the_event_are_kept(row, code):
    assert code_of({**VISIT, **row}, "events") == code


def test_a_value_that_is_no_number_stops_the_sync():
    with pytest.raises(SourceError, match="VALUE"):
        encode_row({**VISIT, "VALUE": "59.90"}, "events")


def test_the_limits_can_be_changed():
    limits = KlaviyoLimits(event_properties=1, event_first_year=2000, silent_domains=frozenset())
    assert code_of({**VISIT, "a": 1, "b": 2}, "events", limits=limits) == "too_many_properties"
    assert (
        code_of({**VISIT, "EVENT_TIME": "1999-12-31T00:00:00Z"}, "events", limits=limits) == "event_time_out_of_range"
    )
    assert code_of({**VISIT, "EMAIL": "a@test.com"}, "events", limits=limits) is None


# --- unique ids -----------------------------------------------------------------------------------------


def unique_id(**row):
    return visit(**row)["unique_id"]


def test_a_number_as_unique_id_is_text():
    assert unique_id(UNIQUE_ID=778812.0) == "778812"


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_derived_unique_id_is_the_same_in_every_try(blank):
    assert unique_id(store="Berlin") == unique_id(store="Berlin", UNIQUE_ID=pa.array([blank], pa.string()))


def test_a_derived_unique_id_does_not_depend_on_how_the_address_is_written_or_the_driver_says_time():
    in_nanoseconds = pa.array([round(AT.timestamp() * 1e6) * 1_000], pa.timestamp("ns"))
    assert unique_id() == unique_id(EMAIL="ADA@acme-demo.io", EVENT_TIME=in_nanoseconds)


@pytest.mark.parametrize(
    "difference",
    [
        {"EMAIL": "bo@acme-demo.io"},
        {"METRIC_NAME": "Visited"},
        {"EVENT_TIME": AT + timedelta(microseconds=1)},
        {"VALUE": 1},
        {"VALUE_CURRENCY": "EUR"},
        {"store": "Bonn"},
        {"PAYLOAD": '{"a":1}'},
    ],
)
def test_events_that_differ_in_anything_have_different_derived_ids(difference):
    assert unique_id() != unique_id(**difference)


# --- requests -------------------------------------------------------------------------------------------


def test_events_of_one_profile_share_an_entry_in_their_order():
    destination = make("events", metric="Visit")
    emails = ["a@b.io", "c@d.io", "a@b.io", "A@b.io"]
    rows = rows_of(EMAIL=emails, EVENT_TIME=[AT] * 4, UNIQUE_ID=["u1", "u2", "u3", "u4"])
    request = destination.request(destination.encode(rows))
    assert (request.method, request.path) == ("POST", "/api/event-bulk-create-jobs")
    body = json.loads(request.body)
    assert body["data"]["type"] == "event-bulk-create-job"
    entries = body["data"]["attributes"]["events-bulk-create"]["data"]
    assert [entry["type"] for entry in entries] == ["event-bulk-create"] * 3
    assert [
        (
            entry["attributes"]["profile"]["data"]["attributes"]["email"],
            [each["attributes"]["unique_id"] for each in entry["attributes"]["events"]["data"]],
        )
        for entry in entries
    ] == [("a@b.io", ["u1", "u3"]), ("c@d.io", ["u2"]), ("A@b.io", ["u4"])]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(min_size=1, max_size=9)), min_size=1, max_size=12))
def test_every_event_is_in_the_request_once(events):
    destination = make("events", metric="Visit")
    rows = rows_of(
        EXTERNAL_ID=[person for person, _ in events],
        EVENT_TIME=[AT] * len(events),
        note=[note for _, note in events],
    )
    records = destination.encode(rows)
    body = json.loads(destination.request(records).body)
    sent = [
        (entry["attributes"]["profile"]["data"]["attributes"]["external_id"], each["attributes"]["properties"]["note"])
        for entry in body["data"]["attributes"]["events-bulk-create"]["data"]
        for each in entry["attributes"]["events"]["data"]
    ]
    assert sorted(sent) == sorted(events)


def test_the_first_of_two_equal_events_stays():
    one, two = encode_row(VISIT, "events"), encode_row(VISIT, "events")
    assert (one.key, one.unique) == (two.key, two.unique)
    assert make("events").merge(one, two) == Merge(one, two, "duplicate_event")


def test_events_of_one_person_with_different_ids_may_share_a_request():
    assert (
        encode_row({**VISIT, "UNIQUE_ID": "1"}, "events").unique
        != encode_row({**VISIT, "UNIQUE_ID": "2"}, "events").unique
    )


def test_a_repeat_of_events_is_harmless():
    assert make("events").repeat_is_harmless([encode_row(VISIT, "events")])


def test_the_clock_is_passed_in():
    row = {**VISIT, "EVENT_TIME": AT + timedelta(days=366)}
    assert code_of(row, "events") == "event_time_out_of_range"
    assert code_of(row, "events", now=lambda: NOW + 2 * 86_400) is None
