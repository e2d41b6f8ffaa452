"""Catalogs: all or nothing, verbs, types, storage."""

from __future__ import annotations

import pytest

SEOUL = {"id": "s-1", "city": "Seoul", "seats": 40}


@pytest.fixture
def shop(sandbox):
    sandbox.make_catalog(
        city="string", seats="number", open="boolean", opened_at="time", address="object", tags="array", at="geo"
    )
    return sandbox


def error_of(answer):
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    return error["id"], error["parameter_values"]


def test_one_bad_item_refuses_the_whole_request(shop):
    answer = shop.items("PUT", SEOUL, {"id": "s-2", "colour": "red"})
    assert error_of(answer) == ("invalid-fields", ["s-2"])
    assert shop.held_items() == {}


def test_items_are_accepted_first_and_applied_later(make_sandbox):
    sandbox = make_sandbox(apply_delay=5)
    sandbox.make_catalog(city="string")
    assert sandbox.items("PUT", {"id": "s-1", "city": "Seoul"}).status_code == 202
    assert sandbox.held_items() == {}
    sandbox.clock.now += 5
    assert sandbox.held_items() == {"s-1": {"id": "s-1", "city": "Seoul"}}


def test_put_replaces_the_whole_item(shop):
    shop.items("PUT", SEOUL)
    shop.items("PUT", {"id": "s-1", "city": "Busan"})
    assert shop.held_items() == {"s-1": {"id": "s-1", "city": "Busan"}}


def test_patch_edits_existing_items_and_makes_none(shop):
    shop.items("PUT", SEOUL)
    shop.items("PATCH", {"id": "s-1", "city": "Busan"}, {"id": "s-2", "city": "Jeju"})
    assert shop.held_items() == {"s-1": {**SEOUL, "city": "Busan"}}


def test_patch_adds_to_and_removes_from_arrays(shop):
    shop.items("PUT", {"id": "s-1", "tags": ["a", "b"]})
    shop.items("PATCH", {"id": "s-1", "tags": {"$add": ["c"], "$remove": ["a"]}})
    assert shop.held_items()["s-1"]["tags"] == ["b", "c"]


def test_post_leaves_existing_items_alone(shop):
    shop.items("POST", SEOUL)
    shop.items("POST", {"id": "s-1", "city": "Busan"})
    assert shop.held_items() == {"s-1": SEOUL}


def test_delete_removes_items(shop):
    shop.items("PUT", SEOUL, {"id": "s-2"})
    assert shop.items("DELETE", {"id": "s-1"}, {"id": "unknown"}).status_code == 202
    assert list(shop.held_items()) == ["s-2"]


def nested(depth):
    return 1 if depth == 0 else {"a": nested(depth - 1)}


REFUSED = {
    "no id": ({"city": "Seoul"}, "items-missing-ids"),
    "an id that is a number": ({"id": 7}, "ids-not-strings"),
    "a long id": ({"id": "x" * 251}, "ids-too-large"),
    "an id with a space": ({"id": "s 1"}, "invalid-ids"),
    "text for a number": ({"id": "s-1", "seats": "many"}, "unable-to-coerce-value"),
    "an object for a string": ({"id": "s-1", "city": {}}, "unable-to-coerce-value"),
    "text for a boolean": ({"id": "s-1", "open": "yes"}, "unable-to-coerce-value"),
    "text for a time": ({"id": "s-1", "opened_at": "soon"}, "unable-to-coerce-value"),
    "a list for an object": ({"id": "s-1", "address": []}, "unable-to-coerce-value"),
    "text for an array": ({"id": "s-1", "tags": "a"}, "unable-to-coerce-value"),
    "a latitude of 91": ({"id": "s-1", "at": [0, 91]}, "unable-to-coerce-value"),
    "a long value": ({"id": "s-1", "city": "x" * 5_001}, "items-too-large"),
    "a dot in a nested key": ({"id": "s-1", "address": {"a": [{"b.c": 1}]}}, "invalid-keys-in-value-object"),
    "51 levels": ({"id": "s-1", "address": nested(51)}, "too-deep-nesting-in-value-object"),
    "not an object": ("s-1", "item-array-invalid"),
}


@pytest.mark.parametrize(("item", "error_id"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_item_is_refused_with_its_error_id(shop, item, error_id):
    assert error_of(shop.items("PUT", item))[0] == error_id


def test_an_id_stands_once_in_a_request(shop):
    assert error_of(shop.items("PUT", SEOUL, SEOUL)) == ("ids-not-unique", ["s-1", "s-1"])


def test_values_are_coerced_to_the_type_of_their_field(shop):
    shop.items("PUT", {"id": "s-1", "city": 7, "seats": "40", "open": "true", "opened_at": "2026-01-05"})
    held = shop.held_items()["s-1"]
    assert held == {"id": "s-1", "city": "7", "seats": 40, "open": True, "opened_at": "2026-01-05T00:00:00.000Z"}


def test_catalogs_have_a_size_limit_and_deleting_makes_space(make_sandbox):
    sandbox = make_sandbox(catalog_bytes=100)
    sandbox.make_catalog(city="string")
    assert sandbox.items("PUT", {"id": "s-1", "city": "x" * 60}).status_code == 202
    full = sandbox.items("PUT", {"id": "s-2", "city": "x" * 60})
    assert error_of(full)[0] == "company-size-limit-already-reached"
    sandbox.items("DELETE", {"id": "s-1"})
    assert sandbox.items("PUT", {"id": "s-2", "city": "x" * 60}).status_code == 202


def test_single_items_are_written_at_once(make_sandbox):
    sandbox = make_sandbox(apply_delay=60)
    sandbox.make_catalog(city="string")
    path = "/catalogs/stores/items/s-1"
    assert sandbox.call("POST", path, {"items": [{"city": "Seoul"}]}).status_code == 201
    assert sandbox.call("POST", path, {"items": [{"city": "Seoul"}]}).status_code == 400
    assert sandbox.call("PATCH", path, {"items": [{"city": "Busan"}]}).status_code == 200
    assert sandbox.call("GET", path).json()["items"] == [{"id": "s-1", "city": "Busan"}]
    assert sandbox.call("DELETE", path).status_code == 200
    assert sandbox.call("GET", path).status_code == 404


def test_items_are_listed_in_pages_of_fifty(shop):
    for start in (0, 50):
        shop.items("PUT", *({"id": f"s-{n}"} for n in range(start, start + 30 + start // 5)))
    first = shop.call("GET", "/catalogs/stores/items")
    assert len(first.json()["items"]) == 50
    following = first.headers["link"].split(">")[0].strip("<")
    assert len(shop.call("GET", following).json()["items"]) == 20
    assert shop.call("GET", "/catalogs/stores/items?cursor=x").status_code == 400


def test_catalogs_are_listed_and_deleted(shop):
    shop.items("PUT", SEOUL)
    (listed,) = shop.call("GET", "/catalogs").json()["catalogs"]
    assert (listed["name"], listed["num_items"]) == ("stores", 1)
    assert shop.call("DELETE", "/catalogs/stores").status_code == 200
    assert shop.call("GET", "/catalogs").json()["catalogs"] == []
    assert shop.state()["catalog_bytes"] == 0


def test_fields_can_be_added_and_deleted(shop):
    body = {"fields": [{"name": "colour", "type": "string"}]}
    assert shop.call("POST", "/catalogs/stores/fields", body).status_code == 202
    assert shop.items("PUT", {"id": "s-1", "colour": "red"}).status_code == 202
    assert shop.call("DELETE", "/catalogs/stores/fields/colour").status_code == 202
    assert error_of(shop.items("PUT", {"id": "s-1", "colour": "red"}))[0] == "invalid-fields"


BAD_CATALOGS = {
    "invalid_catalog_name": {"name": "a b", "fields": [{"name": "id", "type": "string"}]},
    "catalog-name-too-large": {"name": "x" * 251, "fields": [{"name": "id", "type": "string"}]},
    "description-too-long": {"name": "c", "description": "x" * 251, "fields": [{"name": "id", "type": "string"}]},
    "invalid-fields": {"name": "c"},
    "id-not-first-column": {"name": "c", "fields": [{"name": "city", "type": "string"}]},
    "invalid-field-types": {"name": "c", "fields": [{"name": "id", "type": "text"}]},
    "invalid-field-names": {"name": "c", "fields": [{"name": "i d", "type": "string"}]},
    "field-names-not-unique": {"name": "c", "fields": [{"name": "id", "type": "string"}] * 2},
    "too-many-fields": {"name": "c", "fields": [{"name": f"f{n}", "type": "string"} for n in range(501)]},
}


@pytest.mark.parametrize(("error_id", "catalog"), BAD_CATALOGS.items(), ids=BAD_CATALOGS.keys())
def test_a_bad_catalog_is_refused_with_its_error_id(sandbox, error_id, catalog):
    assert error_of(sandbox.call("POST", "/catalogs", {"catalogs": [catalog]}))[0] == error_id
