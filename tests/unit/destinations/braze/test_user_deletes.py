"""User deletes."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.braze import braze_destination


@pytest.mark.parametrize(
    ("columns", "group", "key", "entry"),
    [
        ({"EXTERNAL_ID": "c-1"}, "external_ids", "external_id:c-1", "c-1"),
        (
            {"ALIAS_NAME": "n", "ALIAS_LABEL": "l"},
            "user_aliases",
            "alias:l\x1fn",
            {"alias_name": "n", "alias_label": "l"},
        ),
        ({"BRAZE_ID": "66b0"}, "braze_ids", "braze_id:66b0", "66b0"),
    ],
)
def test_each_kind_of_identifier_is_a_group_and_an_array(columns, group, key, entry, encode_row):
    record = encode_row("user_deletes", columns)
    assert (record.group, record.key) == (group, key)
    request = braze_destination("user_deletes").request([record, record])
    assert (request.method, request.path) == ("POST", "/users/delete")
    assert json.loads(request.body) == {group: [entry, entry]}


def test_contacts_never_identify_whom_to_delete(code_of):
    assert code_of("user_deletes", {"EMAIL": "m@e.com", "PHONE": "+82"}) == "identifier_missing"
