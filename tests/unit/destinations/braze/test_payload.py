"""JSON text payloads: bounds, and splicing without a change."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination
from airflow_provider_cdi.engine.rows.records import Record


def body_of(encode_row, payload, data_type="attributes"):
    record = encode_row(data_type, {"EXTERNAL_ID": "c", "PAYLOAD": payload})
    assert isinstance(record, Record), record
    return record.body


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ("{}", b'{"external_id":"c"}'),
        (" \r\n\t{ \n } ", b'{"external_id":"c"}'),
        ('{"a":1}', b'{"external_id":"c","a":1}'),
        ('\ufeff{"a":1}', b'{"external_id":"c","a":1}'),
        ('{ "a" : 1 }', b'{"external_id":"c", "a" : 1 }'),
        ('{"a":123456789012345678901234567890}', b'{"external_id":"c","a":123456789012345678901234567890}'),
        ('{"a":0.1000000000000000000000001}', b'{"external_id":"c","a":0.1000000000000000000000001}'),
        ('{"a":1.10,"b":1E+2}', b'{"external_id":"c","a":1.10,"b":1E+2}'),
        (r'{"a":"\u00e9\/"}', rb'{"external_id":"c","a":"\u00e9\/"}'),
        ('{"a":null}', b'{"external_id":"c","a":null}'),
    ],
)
def test_the_text_is_spliced_as_it_stands(payload, body, encode_row):
    assert body_of(encode_row, payload) == body


def test_an_event_without_nulls_keeps_every_digit(encode_row):
    payload = '{"time":null,"name":"n","properties":{"a":123456789012345678901.10,"b":null,"c":1E+2}}'
    assert body_of(encode_row, payload, "events") == (
        b'{"external_id":"c","time":"2026-01-05T09:30:00.123Z","name":"n",'
        b'"properties":{"a":123456789012345678901.10,"b":null,"c":1E+2}}'
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (None, "payload_missing"),
        ("", "payload_missing"),
        (" \n", "payload_missing"),
        ("\ufeff", "payload_missing"),
        ("null", "payload_missing"),
        ("[]", "payload_not_object"),
        ('"text"', "payload_not_object"),
        ("7", "payload_not_object"),
        ("{", "payload_not_json"),
        ("{'a': 1}", "payload_not_json"),
        ('{"a":1}{"b":2}', "payload_not_json"),
        ('{"a":1},"external_id":"x"', "payload_not_json"),
        ('{"a":NaN}', "payload_not_json"),
        ('{"a":1e999}', "payload_not_json"),
        (r'{"a":"\ud800"}', "payload_not_json"),
        ('{"a":' + "[" * 2000 + "]" * 2000 + "}", "payload_too_deep"),
    ],
)
def test_what_is_not_one_json_object_is_rejected(payload, code, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == code


def test_the_place_of_the_fault_is_named(encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": '{"a": oops}'})
    assert rejection.reason == "PAYLOAD is not valid JSON: see character 7."


def test_a_payload_of_exactly_one_megabyte_is_accepted(code_of):
    padding = 1_048_576 - len('{"a":""}')
    exact, over = ('{"a":"' + "x" * size + '"}' for size in (padding, padding + 1))
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": exact}) is None
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": over}) == "payload_too_large"


def test_bytes_count_and_not_characters(code_of):
    row = {"EXTERNAL_ID": "c", "PAYLOAD": '{"a":"' + "한" * 400_000 + '"}'}
    assert code_of("attributes", row) == "payload_too_large"


def test_250_keys_are_accepted_and_an_object_counts_as_one(code_of):
    payload = {f"k{n}": n for n in range(249)} | {"nested": {f"k{n}": n for n in range(300)}}
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) is None


def nested(levels):
    return '{"a":' * levels + "{}" + "}" * levels


@pytest.mark.parametrize(("levels", "code"), [(50, None), (51, "payload_too_deep")])
@pytest.mark.parametrize("data_type", ["attributes", "catalog_items"])
def test_fifty_levels_inside_the_payload_are_accepted(data_type, levels, code, code_of):
    assert code_of(data_type, {"EXTERNAL_ID": "c", "ID": "c", "PAYLOAD": nested(levels)}) == code


def test_brackets_in_texts_and_many_flat_objects_are_no_depth(code_of):
    payload = {"a": "[" * 200, "b": [{"c": 1}] * 200}
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) is None


@pytest.mark.parametrize(
    ("limit", "payload", "code"),
    [
        ({"payload_bytes": 10}, {"a": "123456"}, "payload_too_large"),
        ({"payload_keys": 1}, {"a": 1, "b": 2}, "payload_too_many_keys"),
        ({"nesting": 1}, {"a": {"b": []}}, "payload_too_deep"),
        ({"nested_chars": 3}, {"a": {"b": "1234"}}, "nested_value_invalid"),
        ({"nested_bytes": 5}, {"a": {"b": "1234"}}, "nested_value_invalid"),
        ({"array_elements": 1}, {"a": [1, 2]}, "array_too_long"),
        ({"external_id_bytes": 2}, {}, "identifier_too_long"),
    ],
)
def test_every_bound_is_a_setting(limit, payload, code, code_of):
    row = {"EXTERNAL_ID": "c-1", "PAYLOAD": payload}
    assert code_of("attributes", row, limits=BrazeLimits(**limit), on_long_array="reject") == code


def test_a_bad_row_does_not_stop_its_neighbours(rows_of):
    rows = rows_of(EXTERNAL_ID=["a", "b", None, "d"], PAYLOAD=['{"x":1}', "{", "{}", '{"x":4}'])
    results = braze_destination("attributes").encode(rows)
    assert [getattr(result, "code", None) for result in results] == [
        None,
        "payload_not_json",
        "identifier_missing",
        None,
    ]
    assert json.loads(results[3].body) == {"external_id": "d", "x": 4}
