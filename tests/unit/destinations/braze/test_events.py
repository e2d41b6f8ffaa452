"""Events and purchases."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination

BUY = {"product_id": "p", "currency": "KRW", "price": 1}


def event(**members):
    return {"EXTERNAL_ID": "c", "PAYLOAD": {"name": "n"} | members}


def purchase(**members):
    return {"EXTERNAL_ID": "c", "PAYLOAD": BUY | members}


@pytest.mark.parametrize("time", [{}, {"time": None}])
@pytest.mark.parametrize(("data_type", "row"), [("events", event), ("purchases", purchase)])
def test_a_missing_time_is_taken_from_updated_at(data_type, row, time, encoded):
    assert encoded(data_type, row(**time))["time"] == "2026-01-05T09:30:00.123Z"


def test_each_row_gets_its_own_updated_at(rows_of):
    moments = pa.array([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)], pa.timestamp("ns"))
    rows = rows_of(EXTERNAL_ID=["a", "b", "c"], PAYLOAD=['{"name":"n"}'] * 3, UPDATED_AT=moments)
    bodies = [record.body for record in braze_destination("events").encode(rows.slice(1))]
    assert [body.split(b'"time":"')[1][:10] for body in bodies] == [b"2026-01-02", b"2026-01-03"]


@pytest.mark.parametrize("moment", [None, 2**62])
def test_an_updated_at_that_is_no_time_cannot_stand_in(moment, code_of):
    row = event() | {"UPDATED_AT": pa.array([moment], pa.timestamp("us"))}
    assert code_of("events", row) == "time_invalid"
    assert code_of("events", row | event(time="2026-01-05")) is None


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-05T09:30:00Z",
        "2026-01-05T09:30:00.123456Z",
        "2026-01-05T09:30:00.123456789+09:00",
        "2026-01-05T09:30:00:123Z",
        "2026-01-05T09:30:00:123+0900",
        "2026-01-05 09:30:00",
        "2026-01-05",
        "20260105T093000Z",
    ],
)
def test_times_that_braze_reads_are_sent_as_they_are(time, encoded):
    assert encoded("events", event(time=time))["time"] == time


@pytest.mark.parametrize(("data_type", "row"), [("events", event), ("purchases", purchase)])
def test_a_time_in_another_form_is_sent_in_the_canonical_one(data_type, row, encode_row):
    body = encode_row(data_type, row(time="2025-08-17T19:20:30+1:00", properties={"a": 10**20})).body
    assert b'"time":"2025-08-17T18:20:30Z"' in body
    assert b'"a":%d' % 10**20 in body
    assert body.count(b'"time"') == 1


@pytest.mark.parametrize("time", [None, "soon", "3500-01-01"])
@pytest.mark.parametrize(("data_type", "row"), [("events", event), ("purchases", purchase)])
def test_a_time_inside_the_properties_is_one(data_type, row, time, code_of):
    for properties in ({"a": {"$time": time}}, {"a": {"b": [{"$time": time}]}}):
        assert code_of(data_type, row(properties=properties)) == "nested_value_invalid"


@pytest.mark.parametrize("time", ["", "yesterday", "05/01/2026", "2026-13-01", "2026-02-30", 1767605400, ["x"]])
def test_other_times_are_rejected(time, code_of):
    assert code_of("events", event(time=time)) == "time_invalid"


@pytest.mark.parametrize(("size", "adjusted"), [(256, ()), (257, ("properties_not_captured",))])
def test_an_event_with_more_properties_than_braze_captures_is_sent_and_counted(size, adjusted, encode_row):
    record = encode_row("events", event(properties={f"p{n}": n for n in range(size)}))
    assert record.adjusted == adjusted
    assert record.body.count(b'"p') == size + 1


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["n"]])
def test_an_event_needs_a_name(name, code_of):
    assert code_of("events", event(name=name)) == "event_name_missing"


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        (None, None),
        ({}, None),
        ({"a": 1, "b": "x" * 255, "c": [1, "y" * 300], "d": {"time": "z", "$e": None}, "f" * 255: 1}, None),
        ([], "properties_invalid"),
        ("x", "properties_invalid"),
        ({"": 1}, "property_name_invalid"),
        ({"$a": 1}, "property_name_invalid"),
        ({"time": 1}, "property_name_invalid"),
        ({"event_name": 1}, "property_name_invalid"),
        ({"f" * 256: 1}, "property_name_invalid"),
        ({"b": "x" * 256}, "property_value_too_long"),
        ({"b": ["x"] * 30_000}, "properties_too_large"),
    ],
)
@pytest.mark.parametrize(("data_type", "row"), [("events", event), ("purchases", purchase)])
def test_properties(data_type, row, properties, code, code_of):
    assert code_of(data_type, row(properties=properties)) == code


def test_only_the_properties_count_towards_their_size(code_of):
    assert code_of("events", event(properties={"a": 1}, other="x" * 200_000)) is None


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, None),
        ({"price": 19.9, "quantity": 100, "app_id": "a"}, None),
        ({"price": 0, "quantity": None, "currency": "usd"}, None),
        ({"price": -5}, None),
        ({"product_id": None}, "product_id_missing"),
        ({"product_id": " "}, "product_id_missing"),
        ({"product_id": 7}, None),
        ({"product_id": 7.0}, "product_id_missing"),
        ({"product_id": True}, "product_id_missing"),
        ({"product_id": "x" * 256}, "product_id_too_long"),
        ({"currency": None}, "currency_invalid"),
        ({"currency": "KRW "}, "currency_invalid"),
        ({"currency": "₩₩₩"}, "currency_invalid"),
        ({"price": None}, "price_invalid"),
        ({"price": "1"}, "price_invalid"),
        ({"price": True}, "price_invalid"),
        ({"quantity": 0}, "quantity_invalid"),
        ({"quantity": 101}, "quantity_invalid"),
        ({"quantity": 2.0}, "quantity_invalid"),
        ({"quantity": True}, "quantity_invalid"),
        ({"time": "x"}, "time_invalid"),
    ],
)
def test_purchases(members, code, code_of):
    assert code_of("purchases", purchase(**members)) == code


def test_nulls_at_the_top_are_left_out_and_nested_ones_of_texts_stay(encoded):
    row = event(app_id=None, properties={"a": None}, time="2026-01-05")
    assert encoded("events", row) == {
        "external_id": "c",
        "name": "n",
        "time": "2026-01-05",
        "properties": {"a": None},
    }


@pytest.mark.parametrize("data_type", ["attributes", "events", "purchases"])
def test_a_request_holds_the_objects_in_their_order(data_type, rows_of):
    destination = braze_destination(data_type)
    payload = json.dumps(BUY | {"name": "n", "time": "2026-01-05"})
    records = destination.encode(rows_of(EXTERNAL_ID=["a", "b", "c"], PAYLOAD=[payload] * 3))
    request = destination.request(records)
    assert (request.method, request.path) == ("POST", "/users/track")
    assert json.loads(request.body) == {data_type: [json.loads(record.body) for record in records]}
    assert [record["external_id"] for record in json.loads(request.body)[data_type]] == ["a", "b", "c"]
