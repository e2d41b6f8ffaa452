"""``airflow cdi connections``: who uses what, and what is missing."""

from __future__ import annotations

import json

import pytest
from support.command_line import run, write_dags

from airflow_provider_cdi.cli.syncs.connection_uses import find_once

DAG = """
    braze("one", source="ONE", rejects_path="s3://storage@bucket/r/")
    WarehouseToKlaviyoOperator(
        task_id="two", warehouse_conn_id="wh", source="S", data_type="profiles", klaviyo_conn_id="{{ run_id }}"
    )
    WarehouseToBrazeOperator.partial(
        task_id="parts", warehouse_conn_id="wh", source="S", data_type="attributes", **mapped_sync("parts")
    ).expand(partition=partitions(2))
"""
WAREHOUSE = {"conn_type": "postgres", "extra": {"ssh_conn_id": "bastion"}}


@pytest.fixture
def connections(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_CONN_WH", json.dumps(WAREHOUSE))
    find_once.cache_clear()
    file = write_dags(tmp_path, a=DAG)
    return lambda *words: run(capsys, ["connections", "--dag-file", str(file), *words])


def uses(ran):
    return [(one["conn_id"], one["used_as"], one["exists"], one["task_id"]) for one in json.loads(ran.out)]


def test_each_connection_is_shown_once_for_each_sync_with_what_for_and_whether_it_is_there(connections):
    assert uses(connections("--output", "json")) == [
        ("bastion", "ssh tunnel", False, "one"),
        ("bastion", "ssh tunnel", False, "parts"),
        ("bastion", "ssh tunnel", False, "two"),
        ("braze_default", "destination", False, "one"),
        ("braze_default", "destination", False, "parts"),
        ("storage", "reject storage", False, "one"),
        ("wh", "warehouse", True, "one"),
        ("wh", "warehouse", True, "parts"),
        ("wh", "warehouse", True, "two"),
        ("{{ run_id }}", "destination", None, "two"),
    ]


def test_one_connection_shows_only_its_syncs(connections):
    ran = connections("--conn-id", "storage", "--output", "json")
    assert uses(ran) == [("storage", "reject storage", False, "one")]


def test_a_missing_connection_makes_the_exit_code_1_and_is_named_with_where_it_was_looked_for(connections):
    ran = connections("--conn-id", "storage")
    assert ran.code == 1
    assert "Not there: storage. Looked for in environment variables" in ran.err


def test_a_connection_that_is_there_makes_the_exit_code_0(connections):
    ran = connections("--conn-id", "wh", "--output", "plain")
    assert ran.code == 0
    assert ran.out.splitlines()[1].split() == ["wh", "postgres", "yes", "warehouse", "a", "one", "a.one"]


def test_a_connection_that_no_sync_uses_is_told(connections):
    ran = connections("--conn-id", "nobodys")
    assert (ran.code, ran.out) == (0, "")
    assert ": DAGs 1, syncs 4." in ran.err
    assert "Nothing found." in ran.err


def test_no_secret_of_a_connection_is_shown(connections, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WH", json.dumps({**WAREHOUSE, "login": "anna", "password": "s3cret"}))
    ran = connections("--output", "json")
    assert "s3cret" not in ran.out + ran.err
    assert "anna" not in ran.out + ran.err
