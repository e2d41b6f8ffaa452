"""Rows that are like most are encoded many at once, and come out as if each had been looked at closely."""

from __future__ import annotations

import json
import subprocess
import sys
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.rows.records import Record

LIMITS = BrazeLimits(
    array_elements=3, payload_keys=6, nesting=3, catalog_nesting=3, catalog_value_chars=40, external_id_bytes=12,
    catalog_id_chars=5, property_chars=6, nested_chars=6, nested_bytes=60, payload_bytes=120,
)  # fmt: skip
DESTINATIONS = [
    braze_destination("attributes"),
    braze_destination("attributes", limits=LIMITS, update_existing_only=True),
    braze_destination("events"),
    braze_destination("events", limits=LIMITS),
    braze_destination("purchases"),
    braze_destination("user_deletes", limits=LIMITS),
    braze_destination("catalog_items", catalog="shops"),
    braze_destination("catalog_items", catalog="shops", limits=LIMITS, merge=True),
]
TEXT_COLUMNS = ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID", "EMAIL", "PHONE", "ID", "DELETED")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
identifiers = texts | st.sampled_from(
    ["c-1", "C_2", "", " ", "\t", "a b", 'a"b', "a\\b", "é", "\x7f", "\x1f", "\u2028", "a\n", "x" * 12, "x" * 13, "a.b"]
)
names = texts | st.sampled_from(
    ["name", "time", "properties", "product_id", "currency", "price", "quantity", "email", "phone", "external_id", "id",
     "_update_existing_only", "email_subscribe", "subscription_groups", "add", "$add", "a.b", "", "$x", "long name"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | texts | st.floats(allow_nan=False)
scalars |= st.sampled_from(["2026-01-05T09:30:00Z", "2026-01-05T09:30:00:123Z", "USD", "subscribed", "x" * 41])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3))
events = st.fixed_dictionaries(
    {"name": st.just("n"), "properties": st.dictionaries(names, values, max_size=3)},
    optional={"time": scalars, "app_id": scalars, "x": scalars},
)
purchases = st.fixed_dictionaries(
    {"product_id": st.just("p"), "currency": st.just("USD"), "price": scalars}, optional={"time": scalars, "x": scalars}
)
documents = st.dictionaries(names, values, max_size=7) | events | purchases
json_texts = st.builds(
    lambda before, document, after, ascii_only, indent: (
        before
        + json.dumps(document, ensure_ascii=ascii_only, indent=indent, separators=(",", ":")).replace(
            "Infinity", "1e999"
        )
        + after
    ),
    st.sampled_from(["", "", "", " ", "\n\t", "\ufeff", "x"]),
    documents,
    st.sampled_from(["", "", "", " ", "\n", "\x00", "}", "{}"]),
    st.booleans(),
    st.sampled_from([None, None, 1]),
)
odd_texts = st.sampled_from(
    ["", " ", "{}", "{ }", "[]", "null", '"x"', "1", "{", '{"a":1,"a":2}', '{"a":[[[1]]]}', '{"a":[[[[1]]]]}',
     '{"a":{"b":{"c":{"d":1}}}}', '{"a":"\\ud800"}', '{"a":"\\ud83d\\ude00"}', '{"\\u0065xternal_id":1}', '{"a":1.50}',
     '{"a":123456789012345678901234567890}', '{"a":[1,2,3,4]}', '{"a":-0}', '{"a":1,}', '{"a":"{["}', '{"a":{}}']
)  # fmt: skip
payloads = (json_texts | odd_texts | texts).map(str.encode) | st.sampled_from([b"\xff", b'{"a":"\xff"}', None])
rows = st.fixed_dictionaries({"PAYLOAD": payloads}, optional={name: st.none() | identifiers for name in TEXT_COLUMNS})
fast_identifiers = st.fixed_dictionaries({"EXTERNAL_ID": st.just("c-1"), "ID": st.just("c-1"), "PAYLOAD": payloads})


def batch_of(some_rows):
    columns = {name: pa.array([row.get(name) for row in some_rows], pa.string()) for name in TEXT_COLUMNS}
    columns["PAYLOAD"] = pa.array([row["PAYLOAD"] for row in some_rows], pa.binary())
    columns["UPDATED_AT"] = pa.array([None, *range(1, len(some_rows))], pa.timestamp("us"))
    return pa.RecordBatch.from_pydict(columns)


def plain(entries):
    return [
        (entry.key, entry.body, entry.group, entry.unique) if isinstance(entry, Record) else entry for entry in entries
    ]


def closely(destination, batch):
    """Encode each row by itself, with all looks."""
    with mock.patch.object(destination, "_encode_fast", lambda rows, *_: [None] * rows.num_rows):
        return plain(destination.encode(batch))


@settings(max_examples=400, deadline=None)
@given(st.lists(rows | fast_identifiers, min_size=1, max_size=6))
@example([{"EXTERNAL_ID": "c", "ID": "c", "PAYLOAD": b'{"a":[1,2,3]}'}])
def test_a_short_look_and_a_close_one_give_the_same_entries(some_rows):
    for destination in DESTINATIONS:
        for batch in (batch_of(some_rows), batch_of(some_rows).slice(1)):
            assert plain(destination.encode(batch)) == closely(destination, batch)


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000, 5001, 1_048_576, 1_048_577])
def test_both_looks_agree_at_the_documented_limits(size):
    members = [b'"k%d":1' % number for number in range(size // 4)]
    texts = [
        b'{"a":"%b"}' % (b"x" * (size - 8)),
        b'{"a":[%b]}' % b",".join([b"1"] * (size // 2)),
        b"{%b}" % b",".join(members),
        b'{"a":%b%b}' % (b"[" * (size // 20), b"]" * (size // 20)),
    ]
    batch = batch_of([{"EXTERNAL_ID": "c", "ID": "c", "PAYLOAD": text} for text in texts])
    for destination in DESTINATIONS:
        assert plain(destination.encode(batch)) == closely(destination, batch)


@pytest.mark.parametrize("keys", [250, 251])
@pytest.mark.parametrize("elements", [500, 501])
def test_both_looks_agree_on_numbers_of_keys_and_elements(keys, elements):
    payload = json.dumps({f"k{number}": 1 for number in range(keys - 1)} | {"a": [1] * elements}).encode()
    batch = batch_of([{"EXTERNAL_ID": "c", "ID": "c", "PAYLOAD": payload}])
    for destination in DESTINATIONS:
        assert plain(destination.encode(batch)) == closely(destination, batch)


@pytest.mark.parametrize("name", ["EXTERNAL_ID", "BRAZE_ID", "EMAIL"])
def test_an_identifier_that_is_no_text_is_found_beside_rows_of_the_fast_path(name):
    columns = {
        "EXTERNAL_ID": pa.array([b"c-1", b"c-2"]),
        name: pa.array([b"c-1", b"\xff"]),
        "PAYLOAD": pa.array(["{}", '{"a":1}']),
        "UPDATED_AT": pa.array([0, 0], pa.timestamp("us")),
    }
    _, unreadable = DESTINATIONS[0].encode(pa.RecordBatch.from_pydict(columns))
    assert unreadable.code == "identifier_unreadable"


@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda each: each.contract.data_type)
def test_most_rows_need_no_close_look(destination):
    payloads = {
        "attributes": b'{"plan":"pro","tags":["a"],"home":{"city":"Busan"}}',
        "events": b'{"name":"n","properties":{"a":1}}',
        "purchases": b'{"product_id":"p","currency":"USD","price":1.5,"time":"2026-01-05"}',
        "catalog_items": b'{"name":"n","at":{"a":1}}',
    }
    payload = payloads.get(destination.contract.data_type)
    batch = batch_of([{"EXTERNAL_ID": f"c-{row}", "ID": f"c-{row}", "PAYLOAD": payload} for row in range(4)])
    with mock.patch.object(destination, "_encode_row", create=True) as close_look:
        assert all(isinstance(entry, Record) for entry in destination.encode(batch.slice(1)))
    close_look.assert_not_called()


def test_encoding_does_not_import_pandas():
    script = """
import pyarrow as pa, sys
from airflow_provider_cdi.destinations.braze import braze_destination
def texts(value):
    ends = len(value).to_bytes(4, "little")
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes(4) + ends), pa.py_buffer(value)])
columns = [texts(b"c-1"), texts(b"a@b.io"), texts(b'{"name":"n"}'), pa.nulls(1, pa.timestamp("us"))]
rows = pa.RecordBatch.from_arrays(columns, ["EXTERNAL_ID", "EMAIL", "PAYLOAD", "UPDATED_AT"])
for data_type in ("attributes", "events", "user_deletes"):
    braze_destination(data_type).encode(rows)
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
