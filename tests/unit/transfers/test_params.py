"""The trigger form: what a person chooses is what the operator reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict
from support.airflow_versions import ParamValidationError

from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.run_plan import SYNC_MODES
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator


def chosen(**choices: Any) -> dict[str, Any]:
    params = ParamsDict(sync_params())
    params.update(choices)
    return params.validate()


def rendered(params: dict[str, Any]) -> WarehouseToBrazeOperator:
    with DAG("form", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        task = WarehouseToBrazeOperator(task_id="t", warehouse_conn_id="w", source="s", data_type="attributes")
    task.render_template_fields({"params": params})
    return task


def fields_of(task: WarehouseToBrazeOperator) -> tuple[str, str, str, str]:
    return task.sync_mode, task.since, task.until, str(task.is_dry_run).lower()


def test_form_offers_every_mode():
    assert sync_params()["sync_mode"].schema["enum"] == list(SYNC_MODES)


def test_every_field_has_a_title_and_a_description():
    assert all(param.schema["title"] and param.description for param in sync_params().values())


def test_untouched_form_is_an_ordinary_run():
    assert fields_of(rendered(chosen())) == ("auto", "", "", "false")


def test_dag_without_the_params_is_an_ordinary_run():
    assert fields_of(rendered({})) == ("auto", "", "", "false")


def test_chosen_window_reaches_the_operator():
    since, until = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"
    form = chosen(sync_mode="window", since=since, until=until, dry_run=True)
    assert fields_of(rendered(form)) == ("window", since, until, "true")


def test_defaults_can_be_changed():
    params = ParamsDict(sync_params(sync_mode="full", dry_run=True)).validate()
    assert fields_of(rendered(params)) == ("full", "", "", "true")


@pytest.mark.parametrize("wrong", [{"sync_mode": "ful"}, {"since": 5}, {"dry_run": "maybe"}])
def test_form_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ParamValidationError):
        chosen(**wrong)
