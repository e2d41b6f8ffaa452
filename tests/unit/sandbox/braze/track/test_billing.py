"""The sandbox counts data points by itself, and just as the provider does: two programs written from the same pages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze.users.data_points import counted
from airflow_provider_cdi.engine.rows.records import Record
from cdi_sandbox.braze.track.billing import data_points

WHO = st.sampled_from(
    [
        {"external_id": "c-1"},
        {"braze_id": "b"},
        {"user_alias": {"alias_name": "a", "alias_label": "l"}},
        {"email": "a@acme-demo.io"},
        {"phone": "+4915112345678"},
        {"email": "a@acme-demo.io", "phone": "+4915112345678"},
    ]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["", "gold"]))
TIMES = st.just({"$time": "2026-01-01T00:00:00Z"})
KEYS = st.sampled_from(["id", "name", "breed", "at", "more", "inc"])
NESTED = st.recursive(
    st.one_of(PLAIN, TIMES, st.lists(PLAIN, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner, max_size=3), st.lists(st.dictionaries(KEYS, inner, max_size=2), max_size=2)
    ),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(KEYS, NESTED, max_size=3), min_size=1, max_size=3)
CHOSEN = {"$identifier_key": "id", "$identifier_value": 1}
VALUES = st.one_of(
    PLAIN,
    NESTED,
    st.lists(PLAIN, max_size=4),
    OBJECTS,
    st.fixed_dictionaries({}, optional={"add": st.lists(PLAIN, max_size=3), "remove": st.lists(PLAIN, max_size=3)}),
    st.builds(lambda step: {"inc": step}, st.integers(-3, 3)),
    st.builds(lambda more: {"add": ["a"], "color": "red"} | more, st.dictionaries(KEYS, PLAIN, max_size=2)),
    st.fixed_dictionaries(
        {},
        optional={
            "$add": OBJECTS,
            "$update": st.lists(OBJECTS.map(lambda few: CHOSEN | {"$new_object": few[0]}), max_size=2),
            "$remove": st.lists(st.just(CHOSEN), max_size=3),
        },
    ),
)
STANDARD = {
    "first_name": PLAIN, "country": PLAIN, "dob": PLAIN, "email": PLAIN, "phone": PLAIN, "time_zone": PLAIN,
    "email_subscribe": st.just("opted_in"), "push_subscribe": st.just("subscribed"),
    "push_tokens": st.just([{"app_id": "a"}]),
    "subscription_groups": st.just([{"subscription_group_id": "g", "subscription_state": "subscribed"}]),
    "current_location": st.just({"longitude": 1.5, "latitude": 2.5}),
    "twitter": st.dictionaries(st.sampled_from(["id", "screen_name", "followers_count", "friends_count"]), PLAIN),
    "facebook": st.dictionaries(st.sampled_from(["id", "likes", "num_friends"]), PLAIN),
    "_merge_objects": st.booleans(), "_update_existing_only": st.booleans(),
}  # fmt: skip
ATTRIBUTES = st.builds(
    lambda who, standard, custom: custom | standard | who,
    WHO,
    st.fixed_dictionaries({}, optional=STANDARD),
    st.dictionaries(st.sampled_from(["pets", "tags", "score", "song"]), VALUES, max_size=3),
)
EVENTS = st.builds(
    lambda who, name, properties: who | {"name": name, "properties": properties},
    WHO,
    st.sampled_from(["booked", "ecommerce.order_placed", "ecommerce.cart_updated", "ecommerce.other"]),
    st.dictionaries(KEYS, NESTED, max_size=3),
)
PURCHASES = st.builds(
    lambda who, quantity: who | {"product_id": "p", "price": 1.5, "currency": "EUR", "quantity": quantity},
    WHO,
    st.integers(1, 100),
)


@pytest.mark.parametrize(
    ("array", "things"), [("attributes", ATTRIBUTES), ("events", EVENTS), ("purchases", PURCHASES)]
)
def test_sandbox_and_provider_count_the_same(array, things):
    @given(st.lists(things, max_size=4))
    def check(objects):
        records = [Record("a", json.dumps(one).encode()) for one in objects]
        assert data_points({array: objects}) == counted(array, records)["data_points"]

    check()


def test_the_three_arrays_of_a_request_are_added_up(sandbox):
    sandbox.track(
        attributes=[{"external_id": "c-1", "plan": "gold", "song": {"a": 1, "b": {"c": 2, "d": 3}}}],
        events=[{"external_id": "c-1", "name": "booked", "time": "2026-01-01T00:00:00Z"}],
    )
    assert sandbox.state()["data_points"] == 1 + 3 + 1
