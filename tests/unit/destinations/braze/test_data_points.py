"""Data points are counted as Braze's pages say: "Data points", "Nested custom attributes", "Array of objects"."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.braze.users.data_points import counted as counted_by_us
from airflow_provider_cdi.engine.rows.records import Record

WHO = {"external_id": "c-1"}
SONG = {"title": "Blue", "artist": "Nina", "album": "Live", "year": 1960, "style": "jazz"}
PETS = [
    {"id": 1, "type": "dog", "breed": "beagle", "name": "A"},
    {"id": 2, "type": "cat", "breed": "tabby", "name": "B"},
]
BY_ID = {"$identifier_key": "id", "$identifier_value": 4}
NEW_YEAR = {"$time": "2026-01-01T00:00:00Z"}


def counted(array, document):
    return counted_by_us(array, [Record("external_id:c-1", json.dumps(document).encode())])["data_points"]


@pytest.mark.parametrize(
    ("attributes", "points"),
    [
        # "any attribute set on an end user profile": each is one.
        ({"plan": "gold"}, 1),
        ({"plan": "gold", "visits": 3, "vip": True}, 3),
        ({"plan": None}, 1),
        ({"first_name": "A", "last_name": "B", "gender": "F", "dob": "1990-01-01", "home_city": "Oslo"}, 5),
        # Country and language are billed when Braze has not collected them itself.
        ({"country": "NO", "language": "no", "time_zone": "Europe/Oslo"}, 3),
        # Email and phone are profile data, where something else identifies.
        ({"email": "a@example.com", "phone": "+4740000000"}, 2),
        # User id, subscription states and push tokens are not billed.
        ({}, 0),
        ({"email_subscribe": "opted_in", "push_subscribe": "subscribed"}, 0),
        ({"subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]}, 0),
        ({"push_tokens": [{"app_id": "a", "token": "t"}]}, 0),
        ({"_update_existing_only": True, "_merge_objects": True, "plan": "gold"}, 1),
        # "Most recent location"
        ({"current_location": {"longitude": 10.7, "latitude": 59.9}}, 1),
        # A whole array is one; values that are added to it are one each.
        ({"sports": ["ski", "run", "swim"]}, 1),
        ({"sports": {"add": ["ski", "run"]}}, 2),
        ({"visits": {"inc": 5}}, 1),
        # The page's object of five keys, and two in the object within, is seven.
        ({"most_played_song": {**SONG, "plays": {"count": 1000, "is_top": True}}}, 7),
        ({"most_played_song": None}, 1),
        ({"_merge_objects": True, "most_played_song": {"year": 1960}}, 1),
        ({"dates": {"birthday": NEW_YEAR, "wedding": NEW_YEAR}}, 2),
        ({"renewal": NEW_YEAR}, 1),
        # The page's two pets with four attributes each are eight; two updated properties are two.
        ({"pets": PETS}, 8),
        ({"pets": {"$add": PETS}}, 8),
        ({"pets": {"$update": [{**BY_ID, "$new_object": {"breed": "x"}}, {**BY_ID, "$new_object": {"name": "C"}}]}}, 2),
        # "each removal criteria you send"
        ({"pets": {"$remove": [BY_ID, BY_ID, BY_ID]}}, 3),
        # "Any key that is sent consumes a data point", also in objects of an array that is itself within an object.
        ({"trip": {"price": 3, "legs": [{"from": "a", "to": "b"}, {"from": "c", "to": "d"}]}}, 5),
        ({"pets": [{"id": 1, "shots": [{"day": 1, "kind": 2}, {"day": 3, "kind": 4}]}]}, 5),
        ({"pets": {"$add": [{"id": 3, "vets": [{"name": "n", "city": "c"}]}]}}, 3),
        ({"pets": {"$update": [{**BY_ID, "$new_object": {"vet": {"name": "n", "city": "c"}}}]}}, 2),
        ({"pets": {"$add": [PETS[0]], "$update": [{**BY_ID, "$new_object": {"name": "C"}}], "$remove": [BY_ID]}}, 6),
        ({"song": {"tags": ["a", "b", "c"], "year": 1960}}, 2),
        ({"song": {"plays": {"inc": 1}, "year": None}, "_merge_objects": True}, 2),
        # "Updating an array costs one data point per API call, even if the array doesn't actually change."
        ({"sports": {"remove": ["ski", "run", "swim"]}}, 1),
        ({"sports": {"add": ["ski", "run"], "remove": ["swim", "dive"]}}, 3),
        ({"sports": [], "song": {}, "pets": {"$add": []}, "clubs": {"add": []}}, 4),
        # A key that is called as an operator among others is a key.
        ({"stats": {"inc": 1, "other": 2}}, 2),
        ({"paint": {"add": ["x"], "color": "red"}}, 2),
        # "Twitter: Username" is billed; "Followers", "Following", "Number of tweets" and "Facebook: Likes" are not.
        ({"twitter": {"screen_name": "a", "followers_count": 1, "friends_count": 2, "statuses_count": 3}}, 1),
        ({"facebook": {"id": "1", "likes": ["x"], "num_friends": 9}}, 2),
    ],
)
def test_attributes_are_counted_as_braze_bills_them(attributes, points):
    assert counted("attributes", WHO | attributes) == points


@pytest.mark.parametrize("identifier", ["email", "phone"])
def test_an_address_that_identifies_is_no_attribute(identifier):
    assert counted("attributes", {identifier: "x", "plan": "gold"}) == 1


@pytest.mark.parametrize(("name", "points"), [("booked", 1), ("ecommerce.order_placed", 0), ("ecommerce.other", 1)])
def test_an_event_is_one_and_the_ecommerce_events_are_free(name, points):
    assert counted("events", WHO | {"name": name, "properties": {"a": 1, "b": {"c": 2}}}) == points


@pytest.mark.parametrize(("quantity", "points"), [({}, 1), ({"quantity": 1}, 1), ({"quantity": 7}, 7)])
def test_a_purchase_is_as_many_as_its_quantity_because_braze_records_so_many(quantity, points):
    """ "Braze treats a quantity X as X separate purchases with quantity 1", and "each purchase recorded" is one."""
    bought = {"product_id": "p", "price": 1.5, "currency": "EUR", "properties": {"size": "L", "tags": ["a"]}}
    assert counted("purchases", WHO | bought | quantity) == points


def test_an_event_of_many_properties_is_one():
    properties = {f"p{number}": {"a": [{"b": number}]} for number in range(300)}
    assert counted("events", WHO | {"name": "booked", "properties": properties}) == 1
