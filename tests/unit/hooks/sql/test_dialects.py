"""The name that a connection has at the warehouse, after the sync."""

from __future__ import annotations

from airflow_provider_cdi.hooks.redshift.hook import REDSHIFT


def test_a_sync_id_with_quotes_and_backslashes_stays_one_literal_where_backslashes_escape():
    assert REDSHIFT.tagging("users\\") == "set query_group to 'users/'"
    assert REDSHIFT.tagging("ann's") == "set query_group to 'ann''s'"
