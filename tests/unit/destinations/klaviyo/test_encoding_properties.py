"""Properties that hold for whatever a warehouse holds."""

from __future__ import annotations

import json
import math
from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.klaviyo_rows import AT, make

from airflow_provider_cdi.destinations.klaviyo.responses.codes import ROW_CODES
from airflow_provider_cdi.engine.rows.records import Record

TEXT_COLUMNS = (
    "KLAVIYO_ID", "EMAIL", "PHONE_NUMBER", "EXTERNAL_ID", "FIRST_NAME", "CITY", "METRIC_NAME", "UNIQUE_ID",
    "VALUE_CURRENCY", "EVENT_TIME", "plan", "home___city",
)  # fmt: skip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | texts
scalars |= st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
names = texts | st.sampled_from(["plan", "home", "$source", "$extra", "a"])
json_texts = st.builds(
    lambda document, ascii_only: json.dumps(document, ensure_ascii=ascii_only),
    st.dictionaries(names, values, max_size=5),
    st.booleans(),
)
good = {"EMAIL": st.just("a@b.io"), "EVENT_TIME": st.just(AT.isoformat()), "METRIC_NAME": st.just("Visit")}
rows = st.fixed_dictionaries(
    {"PAYLOAD": st.none() | json_texts | texts},
    optional={name: st.none() | texts | good.get(name, st.nothing()) for name in TEXT_COLUMNS},
)
OPTIONS = {
    "profiles": [{}, {"null_policy": "clear"}, {"default_region": "DE"}],
    "events": [{}, {"metric": "Fixed", "backfill": True}],
}


@cache
def destinations():
    return [make(name, other_columns=True, **options) for name, each in OPTIONS.items() for options in each]


def batch_of(some_rows):
    columns = {name: pa.array([row.get(name) for row in some_rows], pa.string()) for name in (*TEXT_COLUMNS, "PAYLOAD")}
    return pa.RecordBatch.from_pydict({"UPDATED_AT": pa.array(range(len(some_rows)), pa.timestamp("us")), **columns})


def assert_accounted_for(destination, batch):
    results = destination.encode(batch)
    assert len(results) == batch.num_rows
    for result in results:
        assert isinstance(result, Record) or result.code in ROW_CODES
        assert not isinstance(result, Record) or json.loads(result.body)
    return results


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=5))
def test_every_row_becomes_one_record_or_one_reject(some_rows):
    for destination in destinations():
        assert_accounted_for(destination, batch_of(some_rows))


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=5))
def test_a_request_of_profiles_parses_to_its_records_in_their_order(some_rows):
    destination = destinations()[0]
    records = [entry for entry in destination.encode(batch_of(some_rows)) if isinstance(entry, Record)]
    if records:
        body = json.loads(destination.request(records).body)
        assert body["data"]["attributes"]["profiles"]["data"] == [json.loads(record.body) for record in records]


@settings(max_examples=200, deadline=None)
@given(json_texts)
def test_properties_are_the_payload_without_its_nulls(payload):
    (result,) = make().encode(
        batch_of([{"EMAIL": "a@b.io", "PAYLOAD": payload}]).select(["UPDATED_AT", "EMAIL", "PAYLOAD"])
    )
    if isinstance(result, Record):
        wanted = {name: value for name, value in json.loads(payload).items() if value is not None}
        assert json.loads(result.body)["attributes"].get("properties", {}) == wanted
    else:
        assert result.code == "property_name_invalid"


arrow_columns = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.float32(), st.floats(width=32)),
        (pa.string(), texts),
        (pa.large_string(), texts),
        (pa.bool_(), st.booleans()),
        (pa.timestamp("us"), st.integers(-(2**63) + 1, 2**63 - 1)),
        (pa.timestamp("s", tz="UTC"), st.integers(-(2**40), 2**40)),
        (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.decimal128(30, 5), st.decimals(-(10**20), 10**20, places=5)),
        (pa.list_(pa.float64()), st.lists(st.none() | st.floats(), max_size=3)),
        (pa.struct([("a", pa.int64()), ("b", pa.string())]), st.fixed_dictionaries({"a": st.integers(0, 9)})),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_columns_of_any_type_are_accounted_for(data):
    size = data.draw(st.integers(1, 3))
    columns = {"EMAIL": ["a@b.io"] * size, "EVENT_TIME": [AT] * size, "METRIC_NAME": ["Visit"] * size}
    for name in ("one", "two___x", "two___y"):
        kind, strategy = data.draw(arrow_columns)
        columns[name] = pa.array(data.draw(st.lists(st.none() | strategy, min_size=size, max_size=size)), kind)
    columns["UPDATED_AT"] = pa.array([0] * size, pa.timestamp("us"))
    for destination in destinations():
        for result in assert_accounted_for(destination, pa.RecordBatch.from_pydict(columns)):
            assert isinstance(result, Record) or result.code == "payload_type_unsupported"
            assert not isinstance(result, Record) or all_finite(json.loads(result.body))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("VALUE", pa.array([1e308, float("nan"), None])),
        ("EVENT_TIME", pa.array([2**63 - 1, -(2**63) + 1, None], pa.timestamp("us"))),
        ("EVENT_TIME", pa.array([2**31 - 1, -(2**31), None], pa.date32())),
        ("ZIP", pa.array([1e308, float("inf"), None])),
        ("LATITUDE", pa.array([1e308, float("inf"), None])),
    ],
)
def test_odd_numbers_and_times_are_accounted_for(name, array):
    columns = {"EMAIL": ["a@b.io"] * 3, "EVENT_TIME": [AT] * 3, "METRIC_NAME": ["Visit"] * 3, name: array}
    columns["UPDATED_AT"] = pa.array([0] * 3, pa.timestamp("us"))
    for destination in destinations():
        assert_accounted_for(destination, pa.RecordBatch.from_pydict(columns))


def all_finite(value):
    if isinstance(value, dict | list):
        return all(all_finite(child) for child in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
