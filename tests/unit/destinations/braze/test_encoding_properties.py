"""Properties that hold for whatever a warehouse holds."""

from __future__ import annotations

import json
import math

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze import DATA_TYPES, braze_destination
from airflow_provider_cdi.destinations.braze.responses.codes import ROW_CODES
from airflow_provider_cdi.engine.rows.records import Record, Rejection

DESTINATIONS = [braze_destination(name, catalog="shops" if name == "catalog_items" else None) for name in DATA_TYPES]
ID_COLUMNS = ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID", "EMAIL", "PHONE", "ID", "DELETED")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | texts
scalars |= st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
names = texts | st.sampled_from(["name", "time", "properties", "price", "email", "external_id", "add", "inc"])
documents = st.dictionaries(names, values, max_size=6)
wide_space = st.sampled_from(["", " ", "\n\t", "\ufeff"])
json_texts = st.builds(
    lambda before, document, ascii_only, indent: before + json.dumps(document, ensure_ascii=ascii_only, indent=indent),
    wide_space,
    documents,
    st.booleans(),
    st.sampled_from([None, 1]),
)
rows = st.fixed_dictionaries(
    {"PAYLOAD": st.none() | json_texts | texts},
    optional={name: st.none() | texts for name in ID_COLUMNS},
)


def batch_of(some_rows):
    columns = {name: pa.array([row.get(name) for row in some_rows], pa.string()) for name in (*ID_COLUMNS, "PAYLOAD")}
    columns["UPDATED_AT"] = pa.array(range(len(some_rows)), pa.timestamp("us"))
    return pa.RecordBatch.from_pydict(columns)


def assert_accounted_for(destination, batch):
    results = destination.encode(batch)
    assert len(results) == batch.num_rows
    for result in results:
        assert isinstance(result, Record) or result.code in ROW_CODES
    return results


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=6))
def test_every_row_becomes_one_record_or_one_reject(some_rows):
    for destination in DESTINATIONS:
        assert_accounted_for(destination, batch_of(some_rows))


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, min_size=1, max_size=6))
def test_a_request_parses_to_its_records_in_their_order(some_rows):
    for destination in DESTINATIONS:
        records = [row for row in destination.encode(batch_of(some_rows)) if isinstance(row, Record)]
        for group in {record.group for record in records}:
            mine = [record for record in records if record.group == group]
            (objects,) = json.loads(destination.request(mine).body).values()
            assert objects == [json.loads(record.body) for record in mine]


@settings(max_examples=200, deadline=None)
@given(texts.filter(str.strip), json_texts)
def test_a_spliced_body_is_the_payload_and_the_identifier(external_id, payload):
    (result,) = DESTINATIONS[0].encode(batch_of([{"EXTERNAL_ID": external_id, "PAYLOAD": payload}]))
    if isinstance(result, Rejection):
        assert result.code in ("identifier_in_payload", "array_too_long", "nested_value_invalid")
        return
    assert json.loads(result.body) == {"external_id": external_id} | json.loads(payload.lstrip("\ufeff"))


arrow_scalars = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.float32(), st.floats(width=32)),
        (pa.string(), texts),
        (pa.binary(), st.binary(max_size=4)),
        (pa.bool_(), st.booleans()),
        (pa.timestamp("us"), st.integers(-(2**63) + 1, 2**63 - 1)),
        (pa.timestamp("s", tz="UTC"), st.integers(-(2**40), 2**40)),
        (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.decimal128(30, 5), st.decimals(-(10**20), 10**20, places=5)),
        (pa.duration("us"), st.integers(0, 99)),
    ]
)


def or_null(pair):
    kind, strategy = pair
    return kind, st.none() | strategy


def list_of(pair):
    kind, strategy = pair
    return pa.list_(kind), st.none() | st.lists(strategy, max_size=3)


def map_of(pair):
    kind, strategy = pair
    return pa.map_(pa.string(), kind), st.none() | st.lists(st.tuples(texts, strategy), max_size=3)


def struct_of(pairs):
    kind = pa.struct([(f"f{n}", pair[0]) for n, pair in enumerate(pairs)])
    return kind, st.none() | st.fixed_dictionaries({f"f{n}": pair[1] for n, pair in enumerate(pairs)})


arrow_types = st.recursive(
    arrow_scalars.map(or_null),
    lambda inner: inner.map(list_of) | inner.map(map_of) | st.lists(inner, max_size=3).map(struct_of),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_payload_of_any_arrow_type_is_accounted_for(data):
    kind, strategy = struct_of(data.draw(st.lists(arrow_types, max_size=3)))
    payloads = data.draw(st.lists(strategy, min_size=1, max_size=4))
    batch = pa.RecordBatch.from_pydict(
        {
            "EXTERNAL_ID": [f"c{n}" for n in range(len(payloads))],
            "ID": [f"c{n}" for n in range(len(payloads))],
            "PAYLOAD": pa.array(payloads, kind),
            "UPDATED_AT": pa.array([0] * len(payloads), pa.timestamp("us")),
        }
    )
    for destination in DESTINATIONS:
        for record in assert_accounted_for(destination, batch.slice(len(payloads) // 2)):
            if isinstance(record, Record) and record.group != "external_ids":
                assert all_finite(json.loads(record.body))


def all_finite(value):
    if isinstance(value, dict | list):
        return all(all_finite(child) for child in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
