"""Who says how fast a task sends: the task, else the connection, else nobody."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

OPERATORS = {"braze": WarehouseToBrazeOperator, "klaviyo": WarehouseToKlaviyoOperator}


@pytest.fixture(params=["braze", "klaviyo"])
def make(request, monkeypatch):
    def make(extra=None, **arguments):
        connection = {"conn_type": request.param, "host": "127.0.0.1:8125", "password": "pk_1", "extra": extra or {}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{request.param.upper()}_DEFAULT", json.dumps(connection))
        return OPERATORS[request.param](
            task_id="a_task", warehouse_conn_id="warehouse", source="t", data_type="events", **arguments
        )

    return make


def pace(operator):
    chosen = operator.delivery_settings()
    return chosen.requests_per_second, chosen.rate_share


def test_without_any_word_the_pace_is_the_usual_one(make):
    assert pace(make()) == (None, None)


def test_the_connection_sets_the_pace_of_its_tasks(make):
    assert pace(make({"requests_per_second": 200})) == (200.0, None)
    assert pace(make({"rate_share": 0.5})) == (None, 0.5)


def test_a_task_that_says_its_pace_does_not_look_at_the_connections(make):
    extra = {"requests_per_second": 200, "rate_share": 0.5}
    assert pace(make(extra, delivery=DeliverySettings(rate_share=0.9))) == (None, 0.9)
    assert pace(make(extra, delivery=DeliverySettings(requests_per_second=20))) == (20, None)


def test_other_settings_of_the_task_stay_with_the_connections_pace(make):
    operator = make({"rate_share": 0.5}, delivery=DeliverySettings(max_in_flight=3))
    assert operator.delivery_settings() == DeliverySettings(max_in_flight=3, rate_share=0.5)


def test_a_pace_that_makes_no_sense_is_named(make):
    with pytest.raises(ConfigurationError, match="'rate_share' in extra"):
        make({"rate_share": 80}).delivery_settings()


@pytest.mark.parametrize(
    ("extra", "arguments", "requests"),
    [
        ({}, {}, 135),
        ({"rate_share": 0.5}, {}, 75),
        ({"rate_share": 0.5}, {"delivery": DeliverySettings(rate_share=0.2)}, 30),
        ({"rate_share": 0.5}, {"delivery": DeliverySettings(rate_share=0.2), "rate_share": 1}, 150),
    ],
)
def test_klaviyos_rates_take_the_share_of_the_argument_else_of_the_settings_else_of_the_connection(
    monkeypatch, extra, arguments, requests
):
    connection = {"conn_type": "klaviyo", "password": "pk_1", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO_DEFAULT", json.dumps(connection))
    operator = WarehouseToKlaviyoOperator(
        task_id="a_task", warehouse_conn_id="warehouse", source="t", data_type="events", metric="Visit", **arguments
    )
    rates = operator.make_destination(loads_history=False).rates["POST /api/event-bulk-create-jobs"]
    assert max(rate.requests for rate in rates) == requests
