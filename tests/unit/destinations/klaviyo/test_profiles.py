"""A row as a profile: standard fields, properties, NULLs; and two rows of one person."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.klaviyo_rows import ADA, AT, NOT_UTF8, code_of, encode_row, make, profile, rows_of

from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, Response
from airflow_provider_cdi.exceptions import SourceError

JSON_FIELD = {b"cdi": b"json"}


def attributes(row, **options):
    return profile({**ADA, **row}, **options)["attributes"]


def properties(row, **options):
    return attributes(row, **options).get("properties")


# --- standard fields ------------------------------------------------------------------------------------


def test_standard_fields_come_from_their_columns():
    row = {"FIRST_NAME": "Ada", "CITY": "Berlin", "ZIP": "10115", "LATITUDE": 52.5, "LONGITUDE": "13.4"}
    assert attributes(row) == {
        "email": "ada@acme-demo.io",
        "first_name": "Ada",
        "location": {"city": "Berlin", "zip": "10115", "latitude": 52.5, "longitude": "13.4"},
    }


@pytest.mark.parametrize(("value", "text"), [(10115, "10115"), (10115.0, "10115"), (Decimal("10115"), "10115")])
def test_a_number_in_a_text_field_becomes_text(value, text):
    assert attributes({"ZIP": value})["location"] == {"zip": text}


def test_a_standard_field_that_has_no_text_stops_the_sync():
    with pytest.raises(SourceError, match="FIRST_NAME"):
        encode_row({**ADA, "FIRST_NAME": {"a": 1}})


def test_text_that_is_not_utf8_refuses_its_row_only():
    assert code_of({**ADA, "FIRST_NAME": NOT_UTF8}) == "payload_type_unsupported"
    assert code_of({**ADA, "plan": NOT_UTF8}) == "payload_type_unsupported"


# --- properties -----------------------------------------------------------------------------------------


def test_a_json_payload_is_put_in_as_it_was_written():
    record = encode_row({**ADA, "PAYLOAD": ' {"big": 12345678901234567890123, "d": 1.10, "n": {"x": null}} '})
    assert b'"properties":{"big": 12345678901234567890123, "d": 1.10, "n": {"x": null}}}' in record.body


def test_other_columns_become_properties_under_their_own_names():
    row = {"Plan": "gold", "visits": 3, "born": date(1990, 5, 1), "at": AT, "price": Decimal("1.10"), "vip": True}
    assert properties(row) == {
        "Plan": "gold",
        "visits": 3,
        "born": "1990-05-01",
        "at": "2026-01-05T09:30:00.123Z",
        "price": 1.1,
        "vip": True,
    }


def test_three_underscores_nest():
    row = {"home___city": "Berlin", "home___zip": "10115", "a___b___c": 1, "___x": 2, "y___": 3}
    nested = {"home": {"city": "Berlin", "zip": "10115"}, "a": {"b": {"c": 1}}, "___x": 2, "y___": 3}
    assert properties(row) == nested


def test_columns_that_would_lie_inside_each_other_stop_the_sync():
    with pytest.raises(SourceError, match=r"home.*home___city"):
        encode_row({**ADA, "home": "x", "home___city": "y"})


def test_null_columns_are_left_out_and_so_is_what_would_hold_only_them():
    assert attributes({"plan": None, "home___city": pa.array([None], pa.string()), "FIRST_NAME": None}) == {
        "email": "ada@acme-demo.io"
    }


def test_a_column_of_json_text_is_put_in_as_json():
    schema = pa.schema([("EMAIL", pa.string()), pa.field("basket", pa.string(), metadata=JSON_FIELD)])
    good, bad = make().encode(pa.record_batch([["a@b.io", "c@d.io"], ['{"sku":[1]}', "{"]], schema=schema))
    assert b'"properties":{"basket":{"sku":[1]}}' in good.body
    assert bad == Rejection("payload_not_json", "basket should hold JSON text, and does not.")


def test_payload_and_columns_join():
    assert properties({"PAYLOAD": '{"a":1,"z":null}', "b": 2}) == {"a": 1, "b": 2}
    assert properties({"PAYLOAD": "{}", "b": 2}) == {"b": 2}
    assert properties({"PAYLOAD": '{"a":1}', "b": None}) == {"a": 1}


def test_a_property_that_payload_and_column_give_is_refused():
    assert code_of({**ADA, "PAYLOAD": '{"plan":1}', "plan": 2}) == "property_twice"


@pytest.mark.parametrize("payload", [None, "", " ", "null", "{}", "{ }"])
def test_no_payload_is_no_properties(payload):
    assert attributes({"PAYLOAD": pa.array([payload], pa.string())}) == {"email": "ada@acme-demo.io"}


@pytest.mark.parametrize("payload", ['{"$source":1}', '{"":1}', '{"\\u0024x":1}', '{"a":1, "$b":null}'])
def test_names_that_are_klaviyos_own_are_refused(payload):
    assert code_of({**ADA, "PAYLOAD": payload}) == "property_name_invalid"


def test_a_dollar_inside_a_name_or_a_value_does_no_harm():
    assert properties({"PAYLOAD": '{"us$":"$5","n":{"$x":""}}'}) == {"us$": "$5", "n": {"$x": ""}}


def test_a_column_that_begins_with_a_dollar_stops_the_sync():
    with pytest.raises(SourceError, match=r"\$source"):
        encode_row({**ADA, "$source": 1})


def test_a_binary_column_stops_the_sync():
    with pytest.raises(SourceError, match="picture"):
        encode_row({**ADA, "picture": b"x"})


def test_values_that_json_cannot_say_refuse_their_row():
    assert code_of({**ADA, "score": float("nan")}) == "payload_type_unsupported"
    assert code_of({**ADA, "LATITUDE": float("inf")}) == "payload_type_unsupported"


def test_a_struct_as_payload_is_the_properties():
    assert properties({"PAYLOAD": {"plan": "gold", "n": None}}) == {"plan": "gold"}


def test_a_profile_over_100_kb_is_refused():
    assert code_of({**ADA, "bio": "x" * 99_000}) is None
    assert code_of({**ADA, "bio": "x" * 100_000}) == "profile_too_large"
    assert code_of({**ADA, "PAYLOAD": '{"a":"' + "x" * 100_000 + '"}'}) == "payload_too_large"


# --- NULLs ----------------------------------------------------------------------------------------------

CLEARING = {"FIRST_NAME": None, "CITY": None, "plan": None, "PAYLOAD": '{"a":null,"b":1}'}


def test_with_keep_a_null_changes_nothing_and_travels_in_bulk():
    record = encode_row({**ADA, **CLEARING})
    assert record.group == ""
    assert json.loads(record.body)["attributes"] == {"email": "ada@acme-demo.io", "properties": {"b": 1}}


def test_with_clear_nulls_clear_fields_and_unset_properties():
    record = encode_row({**ADA, **CLEARING}, null_policy="clear")
    assert record.group == "clear"
    assert json.loads(record.body) == {
        "type": "profile",
        "attributes": {
            "email": "ada@acme-demo.io",
            "first_name": None,
            "location": {"city": None},
            "properties": {"b": 1},
        },
        "meta": {"patch_properties": {"unset": ["plan", "a"]}},
    }


def test_with_clear_a_row_without_nulls_travels_in_bulk():
    assert encode_row({**ADA, "FIRST_NAME": "Ada", "plan": "gold"}, null_policy="clear").group == ""


def test_an_empty_identifier_never_clears():
    record = encode_row({**ADA, "PHONE_NUMBER": None, "plan": "gold"}, null_policy="clear")
    assert (record.group, "phone_number" in json.loads(record.body)["attributes"]) == ("", False)


def test_profiles_that_clear_go_one_by_one():
    destination = make(null_policy="clear")
    assert destination.limits.group_records["clear"] == 1
    record = encode_row({**ADA, "plan": None}, null_policy="clear")
    request = destination.request([record])
    assert (request.method, request.path) == ("POST", "/api/profile-import")
    assert json.loads(request.body) == {"data": json.loads(record.body)}
    answer = Response(200, {}, b'{"data":{"type":"profile","id":"01K"}}')
    assert destination.interpret_response(answer, [record]) == Completed()


def test_profiles_that_clear_are_added_to_lists_afterwards():
    destination = make(null_policy="clear", list_ids=["LiSt01", "LiSt02"])
    record = encode_row({**ADA, "plan": None}, null_policy="clear")
    verdict = destination.interpret_response(Response(201, {}, b'{"data":{"type":"profile","id":"01K"}}'), [record])
    paths = []
    while not isinstance(verdict, Completed):
        assert json.loads(verdict.request.body) == {"data": [{"type": "profile", "id": "01K"}]}
        paths.append(verdict.request.path)
        verdict = verdict.read(Response(204, {}, b""))
    assert paths == ["/api/lists/LiSt01/relationships/profiles", "/api/lists/LiSt02/relationships/profiles"]


# --- requests -------------------------------------------------------------------------------------------


def test_a_request_holds_the_profiles_and_the_lists():
    destination = make(list_ids=["LiSt01"])
    records = destination.encode(rows_of(EMAIL=["a@b.io", "c@d.io"], plan=["x", "y"]))
    request = destination.request(records)
    assert (request.method, request.path) == ("POST", "/api/profile-bulk-import-jobs")
    assert json.loads(request.body) == {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": [json.loads(record.body) for record in records]}},
            "relationships": {"lists": {"data": [{"type": "list", "id": "LiSt01"}]}},
        }
    }


@pytest.mark.parametrize("data_type", ["profiles", "events"])
@pytest.mark.parametrize("size", [90, 901, 4_000])
def test_a_full_request_stays_below_the_limit_of_bytes(data_type, size):
    limits = KlaviyoLimits(body_bytes=5_000, import_profiles=10_000)
    options = {"list_ids": ["LiSt01"] * 5} if data_type == "profiles" else {"metric": "m"}
    destination = make(data_type, limits=limits, **options)
    row = {"EMAIL": "a@b.io", "EVENT_TIME": AT, "note": "x" * size}
    record = encode_row(row, data_type, limits=limits, **({} if data_type == "profiles" else options))
    most = (destination.limits.body_bytes - 256) // (len(record.body) + 1)
    assert len(destination.request([record] * most).body) < 5_000


# --- two rows of one person -----------------------------------------------------------------------------


def merged(older, newer, **options):
    one, two = (encode_row({**ADA, **row}, **options) for row in (older, newer))
    merge = make(**options).merge(one, two)
    if merge is None:
        return None
    assert (merge.dropped, merge.reason) == (one, "superseded")
    return json.loads(merge.kept.body)["attributes"]


def test_the_newer_row_is_laid_over_the_older():
    older = {"FIRST_NAME": "Ada", "CITY": "Bonn", "ZIP": "53111", "PAYLOAD": '{"a":1,"b":1.10}', "EXTERNAL_ID": "C-1"}
    newer = {"FIRST_NAME": None, "LAST_NAME": "Lang", "CITY": "Berlin", "PAYLOAD": '{"a":2}'}
    assert merged(older, newer) == {
        "email": "ada@acme-demo.io",
        "external_id": "C-1",
        "first_name": "Ada",
        "last_name": "Lang",
        "location": {"city": "Berlin", "zip": "53111"},
        "properties": {"a": 2, "b": 1.1},
    }


def test_the_digits_of_numbers_survive_a_merge():
    one = encode_row({**ADA, "PAYLOAD": '{"a":12345678901234567890123,"b":1.10,"c":{"d":1e30}}'})
    kept = make().merge(one, encode_row({**ADA, "PAYLOAD": '{"e":1}'})).kept
    assert b"12345678901234567890123" in kept.body
    assert b"1.10" in kept.body
    assert b"1e30" in kept.body


def test_the_merged_profile_stands_for_the_newer_row_and_all_identifiers():
    one, two = encode_row({**ADA, "EXTERNAL_ID": "C-1"}), encode_row({**ADA, "plan": "gold"})
    one.row, two.row = 1, 2
    kept = make().merge(one, two).kept
    assert (kept.row, kept.key) == (2, two.key)
    assert kept.identifiers == {"email": "ada@acme-demo.io", "external_id": "C-1"}


def test_rows_that_would_be_too_large_together_travel_one_after_the_other():
    assert merged({"a": "x" * 60_000}, {"b": "x" * 60_000}) is None


def test_a_row_that_clears_travels_alone():
    assert merged({"plan": "gold"}, {"plan": None}, null_policy="clear") is None


VALUES = st.dictionaries(
    st.sampled_from(["FIRST_NAME", "CITY", "ZIP", "p", "q", "n___a", "n___b"]), st.none() | st.sampled_from(["1", "2"])
)


@given(st.lists(VALUES, min_size=2, max_size=5))
def test_merged_rows_leave_what_they_leave_one_after_the_other(rows):
    records = [encode_row({**ADA, **row}) for row in rows]
    assert all(isinstance(record, Record) for record in records)
    held: dict = {}
    for record in records:
        _import(held, json.loads(record.body)["attributes"])
    kept = records[0]
    for record in records[1:]:
        kept = make().merge(kept, record).kept
    assert isinstance(kept, PersonRecord)
    once: dict = {}
    _import(once, json.loads(kept.body)["attributes"])
    assert once == held


def _import(held, attributes):
    """Do what a bulk import does to a profile."""
    nested = {name: {**held.get(name, {}), **attributes.get(name, {})} for name in ("location", "properties")}
    held.update(attributes)
    held.update({name: members for name, members in nested.items() if members})
