"""The trigger form: what it offers, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamsDict
from support.airflow_versions import ParamValidationError

from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.runs.plan import SYNC_MODES


def chosen(**choices: Any) -> dict[str, Any]:
    params = ParamsDict(sync_params())
    params.update(choices)
    return params.validate()


def test_form_offers_every_mode():
    assert sync_params()["sync_mode"].schema["enum"] == list(SYNC_MODES)


def test_the_form_says_that_a_dag_that_is_switched_on_for_a_dry_run_really_sends():
    said = sync_params()["dry_run"].description
    assert "does not start while the DAG is paused" in said
    assert "really sends on its schedule" in said


def test_every_field_has_a_title_and_a_description():
    assert all(param.schema["title"] and param.description for param in sync_params().values())


@pytest.mark.parametrize("wrong", [{"sync_mode": "ful"}, {"since": 5}, {"dry_run": "maybe"}])
def test_form_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ParamValidationError):
        chosen(**wrong)


def test_the_form_says_that_a_bound_means_a_window():
    for name in ("since", "until"):
        assert "Filled in, a window is sent" in sync_params()[name].description
