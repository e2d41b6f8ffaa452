"""Payloads that are Arrow structs, maps and JSON types."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record

US = pa.timestamp("us")


def struct(value, kind=None):
    return pa.array([{"a": value}], pa.struct([("a", kind)]) if kind else None)


def body_of(encode_row, payload, data_type="attributes"):
    record = encode_row(data_type, {"EXTERNAL_ID": "c", "ID": "c", "PAYLOAD": payload})
    assert isinstance(record, Record), record
    head = b'{"id":"c",' if data_type == "catalog_items" else b'{"external_id":"c",'
    return record.body.removeprefix(head).removesuffix(b"}")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, pa.null(), b"null"),
        (None, pa.int64(), b"null"),
        (True, pa.bool_(), b"true"),
        (2**63 - 1, pa.int64(), b"9223372036854775807"),
        (2**64 - 1, pa.uint64(), b"18446744073709551615"),
        (0.1, pa.float64(), b"0.1"),
        (0.1, pa.float32(), b"0.1"),
        (0.5, pa.float16(), b"0.5"),
        (Decimal("12345678901234567890123.10"), pa.decimal128(38, 2), b"12345678901234567890123.10"),
        (Decimal("1E+3"), pa.decimal128(5, -3), b"1E+3"),
        (Decimal("1"), pa.decimal256(60, 0), b"1"),
        ('é"\n', pa.string(), 'é"\n'.encode().join([b'"', b'"']).replace(b'"\n', b'\\"\\n')),
        ("x", pa.large_string(), b'"x"'),
        ("x", pa.string_view(), b'"x"'),
        (date(2026, 1, 5), pa.date32(), b'"2026-01-05"'),
        (date(1969, 12, 31), pa.date64(), b'"1969-12-31"'),
        (time(9, 30), pa.time32("s"), b'"09:30:00"'),
        (datetime(2026, 1, 5, 9, 30, tzinfo=UTC), pa.timestamp("s"), b'"2026-01-05T09:30:00.000Z"'),
        (datetime(2026, 1, 5, 9, 30, 0, 123999, tzinfo=UTC), US, b'"2026-01-05T09:30:00.123Z"'),
        (datetime(1960, 1, 1, 0, 0, 0, 1999, tzinfo=UTC), US, b'"1960-01-01T00:00:00.001Z"'),
        (1, pa.timestamp("ns"), b'"1970-01-01T00:00:00.000Z"'),
        (0, pa.timestamp("us", tz="Asia/Seoul"), b'"1970-01-01T00:00:00.000Z"'),
        ([1, None, 2], pa.list_(pa.int64()), b"[1,null,2]"),
        ([1, 2], pa.list_(pa.int64(), 2), b"[1,2]"),
        (["x"], pa.large_list(pa.string()), b'["x"]'),
        ([1], pa.list_view(pa.int64()), b"[1]"),
        ({"b": {"c": None}}, pa.struct([("b", pa.struct([("c", pa.int8())]))]), b'{"b":{}}'),
        ([("k", 1), ("l", None)], pa.map_(pa.string(), pa.int64()), b'{"k":1}'),
        ([(1, "x")], pa.map_(pa.int64(), pa.string()), b'{"1":"x"}'),
        ([], pa.map_(pa.string(), pa.int64()), b"{}"),
        ([datetime(2026, 1, 5, tzinfo=UTC)], pa.list_(US), b'["2026-01-05T00:00:00.000Z"]'),
    ],
)
def test_a_column_becomes_json(value, kind, text, encode_row):
    assert body_of(encode_row, struct(value, kind)) == b'"a":' + text


def test_extension_types_become_json(encode_row):
    inner = {
        "id": pa.array([uuid.UUID(int=1).bytes], pa.uuid()),
        "doc": pa.array(['{"x": 1.10}'], pa.json_()),
        "tier": pa.array(["gold"]).dictionary_encode(),
        "same": pc.run_end_encode(pa.array([7])),
    }
    payload = pa.StructArray.from_arrays(list(inner.values()), list(inner))
    assert body_of(encode_row, payload) == (
        b'"id":"00000000-0000-0000-0000-000000000001","doc":{"x": 1.10},"tier":"gold","same":7'
    )


def test_a_json_column_is_spliced_like_text(encode_row):
    assert body_of(encode_row, pa.array(['{"a": 1.10}'], pa.json_())) == b'"a": 1.10'


def test_a_binary_column_is_read_as_json_text(encode_row):
    assert body_of(encode_row, pa.array([b'{"a": 1.10}'], pa.large_binary())) == b'"a": 1.10'


def test_a_map_column_is_an_object(encode_row):
    assert body_of(encode_row, pa.array([[("a", "1"), ("b", None)]], pa.map_(pa.string(), pa.string()))) == (
        b'"a":"1","b":null'
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"x", pa.binary()),
        (timedelta(1), pa.duration("us")),
        (float("nan"), pa.float64()),
        (float("inf"), pa.float32()),
        ([1.0, float("-inf")], pa.list_(pa.float64())),
        ({"b": [{"c": b"x"}]}, pa.struct([("b", pa.list_(pa.struct([("c", pa.binary())])))])),
        ([("k", b"x")], pa.map_(pa.string(), pa.binary())),
        (2**62, US),
        (2**62, pa.timestamp("s")),
        (2**31 - 1, pa.date32()),
    ],
)
def test_what_json_cannot_say_is_rejected_with_the_fields_name(value, kind, encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": struct(value, kind)})
    assert rejection.code == "payload_type_unsupported"
    assert rejection.reason.startswith("PAYLOAD.a")


@pytest.mark.parametrize("kind", [pa.binary(), pa.duration("us"), pa.float64()])
def test_null_is_null_in_a_type_that_json_does_not_know(kind, encode_row):
    assert body_of(encode_row, struct(None, kind)) == b'"a":null'


def test_dates_inside_nested_attributes_are_marked_as_times(encode_row):
    inner = pa.struct([("on", pa.date32()), ("at", US), ("no", US)])
    payload = struct({"on": date(2026, 1, 5), "at": datetime(2026, 1, 5, tzinfo=UTC), "no": None}, inner)
    assert body_of(encode_row, payload) == (
        b'"a":{"on":{"$time":"2026-01-05"},"at":{"$time":"2026-01-05T00:00:00.000Z"}}'
    )


@pytest.mark.parametrize(("data_type", "homes"), [("attributes", b'"homes":[{}],'), ("catalog_items", b"")])
def test_null_is_left_out_of_everything_that_is_nested(data_type, homes, encode_row):
    place = pa.struct([("city", pa.string()), ("tags", pa.list_(pa.string()))])
    kind = [("home", place), ("more", pa.map_(pa.string(), place)), ("gone", place)]
    value = {"home": {"city": None, "tags": ["x", None]}, "more": [("k", None)], "gone": None}
    if homes:
        kind, value = [("homes", pa.list_(place)), *kind], {"homes": [None, {"city": None}], **value}
    assert body_of(encode_row, pa.array([value], pa.struct(kind)), data_type) == (
        homes + b'"home":{"tags":["x"]},"more":{},"gone":null'
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": [1, {"b": null}]}', b'{"a":[1,{}]}'),
        ('[{"b":null,"n":1.10},null]', b'[{"n":1.10}]'),
        ('{"a":{"b":null},"c":[1,null,12345678901234567890123]}', b'{"a":{},"c":[1,12345678901234567890123]}'),
        ("[1,null]", b"[1,null]"),
        ("null", b"null"),
    ],
)
def test_null_is_left_out_of_json_that_is_a_nested_part_of_what_is_built(text, sent, encode_row):
    assert body_of(encode_row, json_field(text)) == b'"a":' + sent


@pytest.mark.parametrize("data_type", ["events", "catalog_items"])
def test_null_in_json_is_sent_where_no_page_of_brazes_forbids_it(data_type, encode_row):
    name = "properties" if data_type == "events" else "a"
    field = pa.field(name, pa.string(), metadata={b"cdi": b"json"})
    built = pa.StructArray.from_arrays(
        [pa.array(['{"b":{"c":null},"d":[null]}']), pa.array(["n"])], fields=[field, pa.field("name", pa.string())]
    )
    assert f'"{name}":{{"b":{{"c":null}},"d":[null]}}'.encode() in body_of(encode_row, built, data_type)


def test_null_in_json_stays_where_it_deletes(encode_row):
    merge = pa.StructArray.from_arrays(
        [*json_field('{"b":null}').flatten(), pa.array([True])],
        fields=[*json_field("1").type, pa.field("_merge_objects", pa.bool_())],
    )
    record = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": merge})
    assert record.body == b'{"external_id":"c","a":{"b":null},"_merge_objects":true}'
    assert record.adjusted == ("nested_null_in_merge",)


def test_a_time_in_json_that_is_null_is_rejected(code_of):
    payload = json_field('{"at":{"$time":null}}')
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "nested_value_invalid"


@pytest.mark.parametrize("at", [datetime(3500, 1, 1, tzinfo=UTC), date(3001, 1, 1)])
def test_a_nested_time_after_the_year_3000_is_rejected(at, code_of):
    payload = pa.array([{"a": {"at": at}}])
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "nested_value_invalid"
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": pa.array([{"at": at}])}) is None


def test_dates_inside_catalog_items_are_not_marked(encode_row):
    payload = struct({"on": date(2026, 1, 5)}, pa.struct([("on", pa.date32())]))
    assert body_of(encode_row, payload, "catalog_items") == b'"a":{"on":"2026-01-05"}'


def test_null_fields_of_events_are_left_out_at_every_level(encode_row):
    kind = pa.struct(
        [
            ("name", pa.string()),
            ("time", US),
            ("properties", pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.int64())]))])),
        ]
    )
    value = {"name": "n", "time": datetime(2026, 1, 5, tzinfo=UTC), "properties": {"a": None, "b": {"c": None}}}
    assert body_of(encode_row, pa.array([value], kind), "events") == (
        b'"name":"n","time":"2026-01-05T00:00:00.000Z","properties":{"b":{}}'
    )


def json_field(text):
    field = pa.field("a", pa.string(), metadata={b"cdi": b"json"})
    return pa.StructArray.from_arrays([pa.array([text], pa.string())], fields=[field])


@pytest.mark.parametrize("text", ['{"x":1.10}', "[1E+2]", "null", ' "s" '])
def test_a_field_marked_as_json_is_spliced(text, encode_row):
    assert body_of(encode_row, json_field(text)) == b'"a":' + text.encode()


def test_null_in_a_field_marked_as_json_is_null(encode_row):
    assert body_of(encode_row, json_field(None)) == b'"a":null'


@pytest.mark.parametrize("text", ["", "{", '1,"external_id":"other"', "NaN"])
def test_a_field_marked_as_json_that_is_none_is_rejected(text, encode_row):
    rejection = encode_row("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": json_field(text)})
    assert (rejection.code, "PAYLOAD.a" in rejection.reason) == ("payload_not_json", True)


def test_a_null_struct_is_a_missing_payload(code_of):
    payload = pa.array([None], pa.struct([("a", pa.int64())]))
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "payload_missing"


@pytest.mark.parametrize("payload", [pa.array([7]), pa.array([[1]]), pa.array([True])])
def test_a_column_that_is_no_object_is_rejected(payload, code_of):
    assert code_of("attributes", {"EXTERNAL_ID": "c", "PAYLOAD": payload}) == "payload_not_object"


def test_slices_keep_rows_and_values_together(rows_of):
    kind = pa.struct([("n", pa.int64()), ("l", pa.list_(pa.int64())), ("m", pa.map_(pa.string(), pa.int64()))])
    values = [None if n == 3 else {"n": n, "l": [n] * (n % 3), "m": [("k", n)]} for n in range(8)]
    rows = rows_of(EXTERNAL_ID=[str(n) for n in range(8)], PAYLOAD=pa.array(values, kind))
    whole, sliced = (
        [getattr(result, "body", None) for result in braze_destination("attributes").encode(batch)]
        for batch in (rows, rows.slice(2, 5))
    )
    assert sliced == whole[2:7]
    assert whole[4] == b'{"external_id":"4","n":4,"l":[4],"m":{"k":4}}'


def test_unreadable_text_in_a_struct_rejects_only_its_row(rows_of):
    texts = pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffc")],
    )
    payload = pa.StructArray.from_arrays([texts], ["t"])
    results = braze_destination("attributes").encode(rows_of(EXTERNAL_ID=["1", "2", "3"], PAYLOAD=payload))
    assert [getattr(result, "code", None) for result in results] == [None, "payload_type_unsupported", None]
