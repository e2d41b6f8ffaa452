"""Making a Braze destination, and its limits."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from airflow_provider_cdi.destinations.braze import DATA_TYPES, BrazeLimits, braze_destination
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.exceptions import ConfigurationError


def make(data_type, **options):
    catalog = "shops" if data_type == "catalog_items" else None
    return braze_destination(data_type, **({"catalog": catalog} | options))


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_the_contract_carries_the_data_type(data_type):
    assert make(data_type).contract.data_type == data_type


@pytest.mark.parametrize(
    ("data_type", "options", "words"),
    [
        ("atributes", {}, "attributes, events"),
        ("catalog_items", {"catalog": None}, "give the name of a catalog"),
        ("catalog_items", {"catalog": "a/b"}, "give the name of a catalog"),
        ("attributes", {"catalog": "shops"}, "catalog_items only"),
        ("user_deletes", {"merge": True}, "catalog_items only"),
        ("attributes", {"on_unknown_field": "drop"}, "catalog_items only"),
        ("catalog_items", {"catalog": "c", "on_unknown_field": "keep"}, "stop, reject, drop"),
        ("user_deletes", {"update_existing_only": True}, "update_existing_only"),
        ("catalog_items", {"update_existing_only": True}, "update_existing_only"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(data_type, options, words):
    with pytest.raises(ConfigurationError, match=words):
        make(data_type, **options)


def test_users_are_identified_by_five_kinds():
    expected = ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID", "EMAIL", "PHONE")
    assert [make(name).contract.identifiers for name in DATA_TYPES[:3]] == [expected] * 3


def test_deletes_take_no_contacts_and_refuse_a_payload():
    contract = make("user_deletes").contract
    assert contract.identifiers == ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID")
    assert (contract.has_payload, contract.refuses_payload) == (False, True)


def test_catalog_items_have_an_id_and_may_have_deleted():
    contract = make("catalog_items").contract
    assert (contract.identifiers, contract.optional, contract.has_payload) == (("ID",), ("DELETED",), True)


@pytest.mark.parametrize(
    ("data_type", "records"),
    [("attributes", 75), ("events", 75), ("user_deletes", 50), ("catalog_items", 50)],
)
def test_batches_keep_to_brazes_documented_limits(data_type, records):
    limits = make(data_type).limits
    assert limits.records == records
    assert limits.body_bytes < 4_000_000


def test_a_limit_that_was_given_counts():
    limits = BrazeLimits(track_objects=5, delete_ids=6, catalog_items=7)
    assert [make(name, limits=limits).limits.records for name in DATA_TYPES] == [5, 5, 5, 6, 7]


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_only_events_and_purchases_count_twice_when_repeated(data_type):
    records = [Record("external_id:c-1", b'{"external_id":"c-1","visits":1}')]
    assert make(data_type).repeat_is_harmless(records) == (data_type not in ("events", "purchases"))


@pytest.mark.parametrize("operator", ['{"inc":1}', '{"$add":[{"a":1}]}'])
@pytest.mark.parametrize("data_type", ["attributes", "catalog_items"])
def test_an_operator_that_adds_up_counts_twice_when_repeated(data_type, operator):
    records = [Record("k", b"{}"), Record("l", b'{"visits":' + operator.encode() + b"}")]
    assert not make(data_type).repeat_is_harmless(records)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "75", None])
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(BrazeLimits)])
def test_a_limit_must_be_a_whole_number_above_zero(name, value):
    with pytest.raises(ConfigurationError, match=name):
        BrazeLimits(**{name: value})


def test_nesting_stays_within_what_can_be_measured():
    with pytest.raises(ConfigurationError, match="200"):
        BrazeLimits(nesting=201)


def test_importing_the_limits_is_cheap():
    program = (
        "import sys; from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination; "
        "sys.exit(bool({'pyarrow', 'orjson', 'airflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
