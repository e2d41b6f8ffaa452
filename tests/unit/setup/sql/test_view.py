"""A view that gives an existing table the names of a contract."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.sql.choice import contract_of
from airflow_provider_cdi.setup.sql.view import view_columns

ATTRIBUTES = contract_of("braze", "attributes")


def test_without_a_word_all_identifiers_are_taken_under_their_own_names():
    columns = view_columns(ATTRIBUTES, {})
    assert list(columns) == [name for name in ATTRIBUTES.names if name != "PAYLOAD"] + ["PAYLOAD"]
    assert all(name == column for name, column in columns.items())


def test_what_is_named_is_taken_from_there_and_other_identifiers_are_left_out():
    columns = view_columns(ATTRIBUTES, {"external_id": "customer_id", "UPDATED_AT": "changed_at"})
    assert columns == {"UPDATED_AT": "changed_at", "EXTERNAL_ID": "customer_id", "PAYLOAD": "PAYLOAD"}


def test_what_every_row_needs_is_there_in_any_case():
    columns = view_columns(contract_of("klaviyo", "events"), {"EMAIL": "mail"})
    assert set(columns) == {"UPDATED_AT", "EMAIL", "EVENT_TIME", "METRIC_NAME"}


def test_a_data_type_without_payload_gets_none():
    assert "PAYLOAD" not in view_columns(contract_of("braze", "user_deletes"), {})


def test_further_columns_go_along_where_they_become_properties():
    assert view_columns(contract_of("klaviyo", "profiles"), {"EMAIL": "mail", "plan": "tier"})["plan"] == "tier"
    with pytest.raises(ConfigurationError, match=r"--column plan=… is no column of attributes; there are UPDATED_AT"):
        view_columns(ATTRIBUTES, {"plan": "tier"})


def test_a_column_that_is_named_twice_is_refused():
    with pytest.raises(ConfigurationError, match="twice"):
        view_columns(ATTRIBUTES, {"email": "a", "EMAIL": "b"})
