"""Attributes: what Braze would drop without a word is rejected with one."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination

LONG = "x" * 256


@pytest.mark.parametrize(
    "payload",
    [
        {"plan": "pro", "points": {"inc": 40}, "last_seen_city": "Busan"},
        {"topics": {"add": ["ski"], "remove": ["golf"]}},
        {"topics": {"add": ["x" * 300]}},
        {"a": None, "email_subscribe": None, "subscription_groups": None},
        {"email_subscribe": "opted_in", "push_subscribe": "unsubscribed"},
        {"subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]},
        {"a": {"b": {"$time": "2026-01-05"}, "c": [1, "x", None]}, "_merge_objects": True},
        {"cars": {"$add": [{"id": 1, "model": "x"}]}},
        {"cars": {"$update": [{"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"m": 2}}]}},
        {"cars": [{"id": n} for n in range(600)]},
        {"a": ["x"] * 500, LONG: LONG},
        {"facebook": {"id": "1", "likes": [{"name": LONG}]}, "push_tokens": [{"app_id": "a", "token": LONG}]},
        {"add": {"add": 1}},
        {},
    ],
)
def test_what_braze_documents_is_accepted(payload, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) is None


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"a": {"b.c": 1}}, "nested_value_invalid"),
        ({"a": {"b c": 1}}, "nested_value_invalid"),
        ({"a": {"$b": 1}}, "nested_value_invalid"),
        ({"a": {"$": 1, "time": 2}}, "nested_value_invalid"),
        ({"a": {LONG: 1}}, "nested_value_invalid"),
        ({"a": {"b": LONG}}, "nested_value_invalid"),
        ({"a": {"b": [1, {"c": LONG}]}}, "nested_value_invalid"),
        ({"a": [{"b": 1}, {"c.d": 1}]}, "nested_value_invalid"),
        ({"a": {"$add": [{"b.c": 1}]}}, "nested_value_invalid"),
        ({"a": {"b": ["x" * 200] * 600}}, "nested_value_invalid"),
        ({"a": [{"b": "x" * 200}] * 600}, "nested_value_invalid"),
        ({"email_subscribe": "yes"}, "subscription_state_invalid"),
        ({"push_subscribe": True}, "subscription_state_invalid"),
        ({"subscription_groups": {"g": "subscribed"}}, "subscription_state_invalid"),
        ({"subscription_groups": ["g"]}, "subscription_state_invalid"),
        ({"subscription_groups": [{"subscription_state": "opted_in"}]}, "subscription_state_invalid"),
        ({"subscription_groups": [{"subscription_state": ["subscribed"]}]}, "subscription_state_invalid"),
    ],
)
def test_what_braze_drops_or_refuses_is_rejected(payload, code, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == code


LONG_ARRAYS = [
    {"a": list(range(501))},
    {"a": {"add": [f"x{n}" for n in range(501)]}},
    {"a": {"add": list(range(501)), "remove": [1]}},
    {"a": [*range(500), 1.0]},
    {"b": {"c": 1}, "a": [*range(499), True, 0.0]},
]
NO_LONG_ARRAYS = [
    {"a": [*range(500), 1]},
    {"a": ["x"] * 600},
    {"a": {"add": [1] * 501}},
    {"a": {"add": [1], "remove": list(range(501))}},
    {"a": [*range(500), None]},
    {"a": [{"id": n} for n in range(501)]},
    {"a": {"b": list(range(501))}},
]


@pytest.mark.parametrize("payload", LONG_ARRAYS)
def test_an_array_of_which_braze_keeps_the_latest_elements_is_sent_whole_and_counted(payload, encode_row):
    record = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload})
    assert record.adjusted == ("truncated_by_braze",)
    assert json.loads(record.body) == {"external_id": "c"} | payload


@pytest.mark.parametrize("payload", LONG_ARRAYS)
def test_such_an_array_is_rejected_when_that_is_asked_for(payload, encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}, on_long_array="reject")
    assert (rejection.code, rejection.reason) == ("array_too_long", "a has more than 500 different elements.")


@pytest.mark.parametrize("on_long_array", ["send", "reject"])
@pytest.mark.parametrize("payload", NO_LONG_ARRAYS)
def test_an_array_that_braze_keeps_whole_is_not_counted(payload, on_long_array, encode_row):
    record = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}, on_long_array=on_long_array)
    assert record.adjusted == ()


def test_how_many_elements_braze_keeps_is_a_limit(encode_row):
    limits = BrazeLimits(array_elements=2)
    record = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": {"a": [1, 2, 3]}}, limits=limits)
    assert record.adjusted == ("truncated_by_braze",)


BAD_TIMES = [None, "soon", "01/02/2024", "3500-01-01T00:00:00Z", "3000-12-31T23:00:00-05:00", 1767605400, "", ["x"]]


def nested(value):
    """Give each way in which a nested attribute can hold a value."""
    return [
        {"a": value} if isinstance(value, dict) else {"a": {"b": value}},
        {"a": {"b": value}},
        {"a": {"b": [1, value]}},
        {"a": [{"b": 1}, {"c": value}]},
        {"a": {"$add": [{"b": value}]}},
        {"a": {"$update": [{"$identifier_key": "i", "$identifier_value": 1, "$new_object": {"b": {"c": value}}}]}},
        {"a": [[{"b": value}]]},
    ]


@pytest.mark.parametrize("payload", [one for time in BAD_TIMES for one in nested({"$time": time})])
def test_a_nested_time_that_braze_does_not_keep_is_rejected(payload, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "nested_value_invalid"
    merging = payload | {"_merge_objects": True}
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": merging}) == "nested_value_invalid"


@pytest.mark.parametrize("payload", nested({"$time": "2026-01-05", "more": 1}))
def test_a_nested_time_stands_alone(payload, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "nested_value_invalid"


@pytest.mark.parametrize("time", ["2026-01-05", "2026-01-05T09:30:00+09:00", "0001-01-01", "3000-12-31T23:59:59Z"])
def test_a_nested_time_that_braze_keeps_is_sent_as_it_stands(time, encoded):
    for payload in nested({"$time": time})[:-1]:
        assert encoded("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == {"external_id": "c"} | payload


def test_a_nested_time_in_another_form_is_sent_in_the_canonical_one(encode_row):
    payload = '{"a": {"b": [{"$time": "2024-05-01 12:34:56.000 +0000"}], "n": 1.10}}'
    body = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}).body
    assert body == b'{"external_id":"c","a":{"b":[{"$time":"2024-05-01T12:34:56.000Z"}],"n":1.10}}'


@pytest.mark.parametrize("payload", nested(None))
def test_a_nested_null_that_was_written_by_hand_is_rejected(payload, encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload})
    assert (rejection.code, rejection.reason) == ("nested_value_invalid", "a has a null inside.")


@pytest.mark.parametrize("payload", nested(None))
def test_a_nested_null_that_deletes_in_a_merge_is_sent_and_counted(payload, encode_row):
    record = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload | {"_merge_objects": True}})
    assert record.adjusted == ("nested_null_in_merge",)


@pytest.mark.parametrize("payload", [{"a": ["x", None]}, {"a": {"add": ["x", None]}}, {"a": None}, {"a": "null"}])
def test_a_null_that_is_not_nested_is_sent_and_not_counted(payload, encode_row):
    assert encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}).adjusted == ()


def test_a_large_payload_of_small_objects_is_accepted(code_of):
    payload = {f"k{n}": {"b": "x" * 250} for n in range(249)} | {"long": ["y" * 1000] * 300}
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) is None


def test_the_reason_names_the_attribute(encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": {"address": {"zip code": "1"}}})
    assert rejection.reason.startswith("address has a nested key")


def test_null_removes_an_attribute_and_is_sent(encoded):
    assert encoded("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": {"plan": None}}) == {
        "external_id": "c",
        "plan": None,
    }


def test_a_source_without_rows_gives_no_records(rows_of):
    rows = rows_of(EXTERNAL_ID=["c"], PAYLOAD=["{}"]).slice(0, 0)
    assert braze_destination("attributes").encode(rows) == []
