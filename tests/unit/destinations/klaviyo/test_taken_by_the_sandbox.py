"""What the destination sends of events, the sandbox takes: both know the same rules."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.klaviyo_rows import NOW, VISIT, encode_row

from airflow_provider_cdi.engine.rows.records import Rejection
from cdi_sandbox.klaviyo.events.checks import check_event, check_properties, event_rules

NAMES = st.sampled_from(["", " ", "a", "$a", "$extra", "b.c", "x" * 300])
LEAVES = st.sampled_from([None, True, 1.5, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, "", "x", "x" * 100_001])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def nested(levels):
    """Return a property that makes so many levels with the object in which it stands."""
    value = "x"
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


def refusals(row):
    """Return what the sandbox finds wrong with a row as it is sent; nothing, when it is a reject."""
    record = encode_row(row, "events")
    if isinstance(record, Rejection):
        return []
    (found,) = json.loads(record.body)["attributes"]["events"]["data"]
    return check_event(found, event_rules("2026-10-15", NOW)) or check_properties(found)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
@example(nested(10))
@example(nested(11))
@example({"a": [1] * 4_000})
@example({"a": [1] * 4_001})
@example({f"p{number}": 1 for number in range(400)})
def test_the_properties_of_an_event_that_is_sent_are_taken(properties):
    assert refusals({**VISIT, "PAYLOAD": json.dumps(properties)}) == []


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "METRIC_NAME": st.sampled_from(["Visit", " ", "", "x" * 127, "x" * 128]),
            "UNIQUE_ID": st.sampled_from([None, "", " ", "u", "x" * 255, "x" * 256]),
            "VALUE_CURRENCY": st.sampled_from([None, "EUR", "eur", "euro", "éur", ""]),
            "VALUE": st.none() | st.floats(),
        }
    )
)
def test_an_event_that_is_sent_is_taken(fields):
    assert refusals({**VISIT, **fields}) == []
