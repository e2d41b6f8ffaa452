"""Catalog items."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination
from airflow_provider_cdi.exceptions import SourceError


def item(payload="{}", item_id="s-1", **columns):
    return {"ID": item_id, "PAYLOAD": payload} | columns


@pytest.mark.parametrize(("merge", "method"), [(False, "PUT"), (True, "PATCH")])
def test_an_item_is_replaced_or_merged(merge, method, encode_row):
    record = encode_row("catalog_items", item({"city": "Seoul", "seats": 40, "open": None}), merge=merge)
    assert (record.key, record.group) == ("id:s-1", method)
    request = braze_destination("catalog_items", catalog="shops", merge=merge).request([record])
    assert (request.method, request.path) == (method, "/catalogs/shops/items")
    assert json.loads(request.body) == {"items": [{"id": "s-1", "city": "Seoul", "seats": 40, "open": None}]}


@pytest.mark.parametrize(
    "deleted",
    [pa.array([True]), pa.array([1]), pa.array([1.0]), pa.array([Decimal("1.00")]), "true", " T ", "1", "yes"],
)
@pytest.mark.parametrize("payload", [None, "not json", '{"a":1}'])
def test_a_deleted_row_needs_no_payload(deleted, payload, encode_row):
    record = encode_row("catalog_items", item(payload, DELETED=deleted))
    assert (record.group, record.body) == ("DELETE", b'{"id":"s-1"}')


@pytest.mark.parametrize(
    "deleted", [pa.array([False]), pa.array([None], pa.bool_()), pa.array([0]), None, "", "F", "no"]
)
def test_other_rows_are_written(deleted, encode_row):
    assert encode_row("catalog_items", item(DELETED=deleted)).group == "PUT"


@pytest.mark.parametrize("deleted", [pa.array([2]), pa.array([0.5]), pa.array([float("nan")]), "maybe", "2026-01-05"])
def test_an_unclear_deleted_deletes_nothing(deleted, code_of):
    assert code_of("catalog_items", item(DELETED=deleted)) == "deleted_invalid"


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.struct([("a", pa.bool_())])])
def test_a_deleted_of_a_type_that_is_neither_true_nor_false_stops_the_run_with_a_sentence(kind, encode_row):
    with pytest.raises(SourceError, match=r"Column DELETED has the type .* Make it a boolean"):
        encode_row("catalog_items", item(DELETED=pa.array([None], kind)))


@pytest.mark.parametrize("item_id", ["a", "A_b-9", "x" * 250])
def test_ids_that_braze_takes(item_id, code_of):
    assert code_of("catalog_items", item(item_id=item_id)) is None


@pytest.mark.parametrize("number", [42, 42.0, Decimal("42.00"), Decimal("42")])
def test_a_whole_number_is_an_id_too(number, encode_row):
    assert encode_row("catalog_items", item(item_id=pa.array([number]))).body == b'{"id":"42"}'


@pytest.mark.parametrize(
    ("item_id", "code"),
    [
        (None, "identifier_missing"),
        (" ", "identifier_missing"),
        ("x" * 251, "catalog_id_invalid"),
        ("a b", "catalog_id_invalid"),
        ("a\n", "catalog_id_invalid"),
        ("é", "catalog_id_invalid"),
    ],
)
@pytest.mark.parametrize("deleted", ["true", "false"])
def test_ids_that_braze_refuses(item_id, code, deleted, code_of):
    assert code_of("catalog_items", item(item_id=item_id, DELETED=deleted)) == code


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (None, "payload_missing"),
        ([], "payload_not_object"),
        ({"id": "s-1"}, "identifier_in_payload"),
        ({"a": "x" * 5000, "b.c": 1, **{f"k{n}": n for n in range(400)}}, None),
        ({"a": "x" * 5001}, "catalog_value_too_long"),
        ({"a": [{"b": "x" * 5001}]}, "catalog_value_too_long"),
        ({"a": {"b.c": 1}}, "catalog_key_invalid"),
        ({"a": [{"b": {"$c": 1}}]}, "catalog_key_invalid"),
        ({"a": {"$add": [1]}}, "catalog_key_invalid"),
        ({"a": ["x"] * 100, "b": [], "c": ["1", "2"]}, None),
        ({"a": ["x"] * 101}, "catalog_array_invalid"),
        ({"a": [1]}, "catalog_array_invalid"),
        ({"a": ["x", None]}, "catalog_array_invalid"),
        ({"a": ["x", 7], "b": {"c": 1}}, "catalog_array_invalid"),
        ({"a": [{"b": "x"}]}, "catalog_array_invalid"),
        ({"a": [["x"]]}, "catalog_array_invalid"),
        ({"at": [126.97, 37]}, None),
        ({"at": [126.97, 37, 0]}, "catalog_array_invalid"),
        ({"at": [True, False]}, "catalog_array_invalid"),
        ({"a": {"b": [1, 2, 3], "c": ["x"] * 101}}, None),
    ],
)
def test_payloads(payload, code, code_of):
    assert code_of("catalog_items", item(payload if payload is None else json.dumps(payload))) == code


def test_merging_may_add_to_and_remove_from_arrays(code_of):
    payload = {"tags": {"$add": ["a"], "$remove": ["b"]}}
    assert code_of("catalog_items", item(payload), merge=True) is None
    assert code_of("catalog_items", item({"tags": {"$set": 1}}), merge=True) == "catalog_key_invalid"


@pytest.mark.parametrize("operator", ["$add", "$remove"])
@pytest.mark.parametrize("array", [[1], ["x"] * 101, [1.5, 2]])
def test_merging_adds_and_removes_texts_only(operator, array, code_of):
    assert code_of("catalog_items", item({"tags": {operator: array}}), merge=True) == "catalog_array_invalid"


def test_how_many_elements_an_array_may_have_is_a_limit(code_of):
    limits = BrazeLimits(catalog_array_elements=1)
    assert code_of("catalog_items", item({"tags": ["a", "b"]}), limits=limits) == "catalog_array_invalid"


def test_deletions_go_to_the_same_path(encode_row):
    record = encode_row("catalog_items", item(DELETED="true"))
    request = braze_destination("catalog_items", catalog="shops").request([record, record])
    assert (request.method, request.path) == ("DELETE", "/catalogs/shops/items")
    assert json.loads(request.body) == {"items": [{"id": "s-1"}, {"id": "s-1"}]}
