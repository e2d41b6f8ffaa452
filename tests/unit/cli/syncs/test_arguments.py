"""Arguments of an operator from the words of a command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.command_line import sync_options

from airflow_provider_cdi import (
    BrazeLimits,
    DeleteCap,
    DeliverySettings,
    KlaviyoLimits,
    WarehouseToBrazeOperator,
    WarehouseToKlaviyoOperator,
)
from airflow_provider_cdi.cli.syncs.arguments import arguments_of, typed
from airflow_provider_cdi.exceptions import UsageError


def read(*words, kind=WarehouseToBrazeOperator):
    return typed(kind, arguments_of(sync_options(*words)))


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("catalog=products", "catalog", "products"),
        ("partition=0/8", "partition", "0/8"),
        ("merge=true", "merge", True),
        ("max-reject-percent=2.5", "max_reject_percent", 2.5),
        ('payload_columns=["A", "B"]', "payload_columns", ["A", "B"]),
        ('columns={"EXTERNAL_ID": "KEY"}', "columns", {"EXTERNAL_ID": "KEY"}),
        ("settle=90", "settle", timedelta(seconds=90)),
        ('delivery={"max_in_flight": 3}', "delivery", DeliverySettings(max_in_flight=3)),
        ('delete_cap={"rows": 5}', "delete_cap", DeleteCap(rows=5)),
        ('limits={"track_objects": 50}', "limits", BrazeLimits(track_objects=50)),
        ("sql=select a=b", "sql", "select a=b"),
    ],
)
def test_a_value_is_json_or_text(word, name, value):
    assert read("--arg", word) == {name: value}


def test_limits_are_those_of_the_destination():
    given = read("--arg", 'limits={"body_bytes": 1000}', kind=WarehouseToKlaviyoOperator)
    assert given == {"limits": KlaviyoLimits(body_bytes=1000)}


def test_options_of_their_own_are_arguments_too():
    assert read("--warehouse-conn-id", "wh", "--source", "S") == {"warehouse_conn_id": "wh", "source": "S"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("catalog", "--arg 'catalog' has no value: write --arg NAME=VALUE"),
        ("queue=x", "WarehouseToBrazeOperator has no argument queue. It has data_type, braze_conn_id"),
        ("catalogue=x", "WarehouseToBrazeOperator has no argument catalogue. Did you mean catalog?"),
        ('delivery={"max": 3}', "--arg delivery has no max; it has max_in_flight"),
        ('delivery={"max_in_flight": 0}', "--arg delivery: DeliverySettings.max_in_flight is 0"),
    ],
)
def test_what_makes_no_sense_is_told(word, said):
    with pytest.raises(UsageError) as error:
        read("--arg", word)
    assert str(error.value).startswith(said)
