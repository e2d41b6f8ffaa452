"""Whose row it is."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from airflow_provider_cdi.exceptions import SourceError


@pytest.mark.parametrize(
    ("columns", "key", "member"),
    [
        ({"EXTERNAL_ID": "c-1"}, "external_id:c-1", {"external_id": "c-1"}),
        ({"BRAZE_ID": "66b0"}, "braze_id:66b0", {"braze_id": "66b0"}),
        (
            {"ALIAS_NAME": "web-77", "ALIAS_LABEL": "visitor"},
            "alias:visitor\x1fweb-77",
            {"user_alias": {"alias_name": "web-77", "alias_label": "visitor"}, "_update_existing_only": False},
        ),
        ({"EMAIL": "Mina@example.com"}, "email:mina@example.com", {"email": "Mina@example.com"}),
        ({"PHONE": "+8210"}, "phone:+8210", {"phone": "+8210"}),
        ({"EMAIL": "m@e.com", "PHONE": "+8210"}, "email:m@e.com", {"email": "m@e.com", "phone": "+8210"}),
        ({"EXTERNAL_ID": "c-1", "ALIAS_LABEL": "visitor"}, "external_id:c-1", {"external_id": "c-1"}),
        ({"EXTERNAL_ID": "", "BRAZE_ID": "\t ", "EMAIL": "m@e.com"}, "email:m@e.com", {"email": "m@e.com"}),
        ({"EXTERNAL_ID": ' "é\\\n'}, 'external_id: "é\\\n', {"external_id": ' "é\\\n'}),
        (
            {"EXTERNAL_ID": "c-1", "EMAIL": "m@e.com", "PHONE": "+8210"},
            "external_id:c-1",
            {"external_id": "c-1", "email": "m@e.com", "phone": "+8210"},
        ),
    ],
)
def test_the_identifier_of_an_attributes_row(columns, key, member, encode_row):
    record = encode_row("attributes", columns | {"PAYLOAD": '{"plan":"pro"}'})
    assert (record.key, record.group) == (key, "")
    assert json.loads(record.body) == member | {"plan": "pro"}


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"EXTERNAL_ID": None}, "identifier_missing"),
        ({"ALIAS_LABEL": "visitor"}, "identifier_missing"),
        ({"EXTERNAL_ID": "c", "ALIAS_NAME": "n", "ALIAS_LABEL": "l"}, "several_identifiers"),
        ({"EXTERNAL_ID": "c", "ALIAS_NAME": "n"}, "several_identifiers"),
        ({"ALIAS_NAME": "n", "ALIAS_LABEL": "l", "BRAZE_ID": "b"}, "several_identifiers"),
        ({"ALIAS_NAME": "n", "ALIAS_LABEL": " ", "EMAIL": "m@e.com"}, "alias_incomplete"),
        ({"EXTERNAL_ID": "x" * 988}, "identifier_too_long"),
    ],
)
@pytest.mark.parametrize("data_type", ["attributes", "user_deletes"])
def test_a_row_without_one_clear_identifier_is_rejected(data_type, columns, code, code_of):
    assert code_of(data_type, columns | {"PAYLOAD": "{}"}) == code


@pytest.mark.parametrize("external_id", ["x" * 987, '"' * 987, "é" * 493])
def test_an_external_id_of_987_bytes_is_accepted_however_it_is_escaped(external_id, encoded):
    assert encoded("attributes", {"EXTERNAL_ID": external_id, "PAYLOAD": "{}"}) == {"external_id": external_id}


@pytest.mark.parametrize("data_type", ["events", "purchases"])
def test_contacts_beside_a_primary_identifier_are_left_out_of_events(data_type, encoded):
    payload = {"name": "n", "product_id": "p", "currency": "KRW", "price": 1, "time": "2026-01-05"}
    row = {"EXTERNAL_ID": "c", "EMAIL": "m@e.com", "PHONE": "+82", "PAYLOAD": payload}
    assert encoded(data_type, row) == {"external_id": "c"} | payload


def test_a_contact_in_the_payload_takes_the_place_of_the_columns(encode_row):
    row = {"EXTERNAL_ID": "c", "EMAIL": "old@e.com", "PHONE": "+82", "PAYLOAD": '{"email":"new@e.com"}'}
    assert encode_row("attributes", row).body == b'{"external_id":"c","phone":"+82","email":"new@e.com"}'


@pytest.mark.parametrize("name", ["external_id", "user_alias", "alias_name", "alias_label", "braze_id"])
@pytest.mark.parametrize("identifier", ["EXTERNAL_ID", "BRAZE_ID", "EMAIL", "PHONE"])
def test_a_primary_identifier_in_the_payload_is_rejected(identifier, name, code_of):
    assert code_of("attributes", {identifier: "x", "PAYLOAD": {name: "x"}}) == "identifier_in_payload"


@pytest.mark.parametrize(
    ("identifier", "name", "code"),
    [
        ("EMAIL", "email", "identifier_in_payload"),
        ("EMAIL", "phone", None),
        ("PHONE", "phone", "identifier_in_payload"),
        ("PHONE", "email", "identifier_in_payload"),
        ("EXTERNAL_ID", "email", None),
    ],
)
def test_a_contact_in_the_payload_must_not_change_whose_row_it_is(identifier, name, code, code_of):
    assert code_of("attributes", {identifier: "x", "PAYLOAD": {name: "x"}}) == code


def test_an_identifier_in_the_payload_is_found_behind_escapes(code_of):
    row = {"EXTERNAL_ID": "c", "PAYLOAD": r'{"external\u005fid": "other"}'}
    assert code_of("attributes", row) == "identifier_in_payload"


@pytest.mark.parametrize(
    "ids", [pa.array([7, 8]), pa.array(["7", "8"]).dictionary_encode(), pa.array(["7", "8"], pa.large_string())]
)
def test_identifiers_of_other_types_are_read_as_text(ids, encode_row):
    record = encode_row("attributes", {"EXTERNAL_ID": ids.slice(0, 1), "PAYLOAD": "{}"})
    assert record.key == "external_id:7"


def test_a_column_that_cannot_be_an_identifier_stops_the_sync(encode_row):
    with pytest.raises(SourceError, match="EXTERNAL_ID has the type struct"):
        encode_row("attributes", {"EXTERNAL_ID": pa.array([{"a": 1}]), "PAYLOAD": "{}"})


@pytest.mark.parametrize(
    ("only", "columns", "payload", "expected"),
    [
        (True, {"EXTERNAL_ID": "c"}, {}, True),
        (True, {"ALIAS_NAME": "n", "ALIAS_LABEL": "l"}, {}, True),
        (True, {"EXTERNAL_ID": "c"}, {"_update_existing_only": False}, False),
        (False, {"ALIAS_NAME": "n", "ALIAS_LABEL": "l"}, {}, False),
        (False, {"ALIAS_NAME": "n", "ALIAS_LABEL": "l"}, {"_update_existing_only": True}, True),
        (False, {"EXTERNAL_ID": "c"}, {}, None),
        (False, {"EMAIL": "m@e.com"}, {}, None),
    ],
)
@pytest.mark.parametrize("data_type", ["attributes", "events"])
def test_update_existing_only(data_type, only, columns, payload, expected, encoded):
    body = encoded(data_type, columns | {"PAYLOAD": {"name": "n"} | payload}, update_existing_only=only)
    assert body.get("_update_existing_only") is expected
