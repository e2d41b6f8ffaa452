"""Where ``payload_columns`` say what is sent, nothing else is."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.klaviyo import klaviyo_destination
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

PEOPLE = {"EXTERNAL_ID": ["c-1", None, None], "EMAIL": ["a@b.io", "c@d.io", None], "PHONE": ["+1", "+2", "+3"]}


def bodies(*payloads, **arguments):
    """Encode three people as the operator's own destination does."""
    operator = WarehouseToBrazeOperator(
        task_id="t", warehouse_conn_id="w", source="s", data_type="attributes", **arguments
    )
    destination = operator.make_destination(loads_history=False)
    rows = pa.RecordBatch.from_pydict(
        {
            "UPDATED_AT": pa.array([0] * 3, pa.timestamp("us")),
            **PEOPLE,
            "PAYLOAD": pa.array(payloads * (3 // len(payloads))),
        }
    )
    return [json.loads(record.body) for record in destination.encode(rows)]


@pytest.mark.parametrize("payload", [{"work_phone": "+9"}, {"plan": "pro"}])
def test_contacts_that_do_not_identify_are_not_sent_beside_a_payload_that_is_built(payload):
    assert bodies(payload, payload_columns=list(payload))[0] == {"external_id": "c-1"} | payload


def test_contacts_that_are_named_are_sent_once_and_refuse_no_row():
    contacts = [
        dict(zip(("email", "phone"), pair, strict=True)) for pair in zip(PEOPLE["EMAIL"], PEOPLE["PHONE"], strict=True)
    ]
    first, second, third = bodies(*contacts, payload_columns=["email", "phone"])
    assert first == {"external_id": "c-1", "email": "a@b.io", "phone": "+1"}
    assert second == {"email": "c@d.io", "phone": "+2"}
    assert third == {"phone": "+3"}


def test_contacts_that_identify_do_so_also_beside_a_payload_that_is_built():
    _, second, third = bodies({"plan": "pro"}, payload_columns=["plan"])
    assert second == {"email": "c@d.io", "plan": "pro"}
    assert third == {"phone": "+3", "plan": "pro"}


def test_contacts_are_sent_beside_a_payload_of_the_source():
    assert bodies({"plan": "pro"})[0] == {"external_id": "c-1", "email": "a@b.io", "phone": "+1", "plan": "pro"}


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ({}, {"FIRST_NAME": "first_name", "CITY": "city", "plan": "plan"}),
        ({"payload_columns": ["plan"]}, {}),
        ({"payload_columns": {"first_name": "nickname"}}, {}),
        ({"payload_columns": ["plan"], "columns": {"CITY": "city"}}, {"CITY": "city"}),
    ],
)
def test_standard_fields_of_a_profile_are_read_only_where_they_are_named(arguments, read):
    contract = klaviyo_destination("profiles").contract
    selection = select_columns(contract, ["updated_at", "email", "first_name", "city", "plan"], **arguments)
    assert dict(selection.optional) == read
