"""What the destination sends of events and purchases, the sandbox takes: both know the same rules."""

from __future__ import annotations

import json

import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record
from cdi_sandbox.braze.identifiers import with_text_ids
from cdi_sandbox.braze.track.objects import check_event, check_purchase

LONG = "x" * 256
texts = st.sampled_from(["", " ", "a", "a.b", "$a", "time", "event_name", "$time", LONG, "é" * 255, "\u0000"])
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
properties = values | st.dictionaries(texts, values, max_size=3)
times = st.sampled_from(["2026-01-05T09:30:00Z", "2026-01-05 09:30:00 UTC", "2026-01-05", "yesterday", 7, None])


def sent(data_type, payload):
    """Return the object as it would travel; None when it is a reject."""
    batch = pa.RecordBatch.from_pydict(
        {
            "UPDATED_AT": pa.array([0], pa.timestamp("us")),
            "EXTERNAL_ID": ["c"],
            "PAYLOAD": [json.dumps(payload, ensure_ascii=False)],
        }
    )
    (record,) = braze_destination(data_type).encode(batch)
    return orjson.loads(record.body) if isinstance(record, Record) else None


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({"name": texts}, optional={"time": times, "properties": properties, "app_id": texts}))
@example({"name": LONG, "properties": {"plan": {"$set": {"": LONG, "time": [LONG]}}}})
def test_an_event_that_is_sent_is_taken(payload):
    event = sent("events", payload)
    assert event is None or check_event(event) is None


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "product_id": texts | st.integers(),
            "currency": st.sampled_from(["USD", "usd", "éur", "", 7]),
            "price": scalars,
        },
        optional={"quantity": st.integers(0, 101) | scalars, "time": times, "properties": properties},
    )
)
@example({"product_id": "p", "currency": "USD", "price": 1, "properties": {"lines": [{"$sku": LONG}]}})
@example({"product_id": 7, "currency": "USD", "price": 1})
def test_a_purchase_that_is_sent_is_taken(payload):
    purchase = sent("purchases", payload)
    assert purchase is None or check_purchase(with_text_ids({"purchases": [purchase]})["purchases"][0]) is None


@pytest.mark.parametrize("name", ["$a", "time", "", LONG])
def test_both_refuse_a_property_of_a_name_that_braze_forbids(name):
    payload = {"name": "n", "time": "2026-01-05T09:30:00Z", "properties": {name: 1}}
    assert sent("events", payload) is None
    assert check_event(payload) is not None
