"""What Airflow reads about the package must be valid: one mistake breaks every ``airflow`` command."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import json
import subprocess
import sys
from functools import cache

import pytest

from airflow_provider_cdi.get_provider_info import get_provider_info
from airflow_provider_cdi.hooks.braze.hook import BrazeHook
from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook
from airflow_provider_cdi.version_compat import BaseHook

#: What the UI gets: from 3.2 on made out of the provider info, before out of the hook's form widgets.
SHOWS_FORM = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
for form in HookMetaService.hook_meta_data():
    if form.connection_type in ("braze", "klaviyo"):
        print(form.model_dump_json())
"""
HOOKS = pytest.mark.parametrize("hook", [BrazeHook, KlaviyoHook])
COMMON_FIELDS = ["timeout", "connect_timeout", "ca_bundle", "proxy", "requests_per_second", "rate_share"]


def schema(name):
    return json.loads(importlib.resources.files("airflow").joinpath(name).read_text())


def test_provider_info_satisfies_airflow_s_schema():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_connection_type_satisfies_the_stricter_schema_of_providers():
    jsonschema = pytest.importorskip("jsonschema")
    whole = schema("provider.yaml.schema.json")
    part = {"$ref": "#/properties/connection-types", "properties": whole["properties"]}
    part["definitions"] = whole.get("definitions", {})
    jsonschema.validate(get_provider_info()["connection-types"], part)


def test_provider_info_is_plain_json():
    assert json.loads(json.dumps(get_provider_info())) == get_provider_info()


@HOOKS
def test_connection_type_names_the_hook(hook):
    (connection,) = [one for one in get_provider_info()["connection-types"] if one["connection-type"] == hook.conn_type]
    assert connection["hook-class-name"] == f"{hook.__module__}.{hook.__qualname__}"
    assert connection["hook-name"] == hook.hook_name


@pytest.mark.parametrize("section", ["hooks", "triggers", "transfers"])
def test_every_module_that_is_named_exists(section):
    for entry in get_provider_info()[section]:
        for module in entry.get("python-modules", [entry.get("python-module")]):
            assert importlib.import_module(module)


def test_entry_point_leads_to_the_provider_info():
    (point,) = importlib.metadata.entry_points(group="apache_airflow_provider").select(
        module="airflow_provider_cdi.get_provider_info"
    )
    assert point.load() is get_provider_info
    assert get_provider_info()["package-name"] == point.dist.name


@HOOKS
def test_airflow_finds_the_hook_of_the_connection_type(hook, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ITS_TEST", json.dumps({"conn_type": hook.conn_type}))
    assert isinstance(BaseHook.get_hook("its_test"), hook)


def test_airflow_knows_the_provider_by_its_name():
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    manager.initialize_providers_list()
    assert manager.providers["airflow-provider-cdi"].data["name"] == get_provider_info()["name"]


@cache
def forms():
    # In a process of its own, as the API server asks: Airflow 3.1 keeps what another test made it read before.
    done = subprocess.run([sys.executable, "-c", SHOWS_FORM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {form["connection_type"]: form for form in shown}


@pytest.mark.parametrize(
    ("kind", "key", "fields"),
    [
        ("braze", "REST API key", ["instance", *COMMON_FIELDS]),
        ("klaviyo", "Private API key", ["revision", "account", *COMMON_FIELDS]),
    ],
)
def test_airflow_offers_the_connection_type_with_its_form(kind, key, fields):
    form = forms()[kind]
    assert form["standard_fields"]["port"]["placeholder"].startswith("443 ")
    assert form["standard_fields"]["password"]["title"] == key
    assert list(form["extra_fields"]) == fields
    assert form["extra_fields"]["timeout"]["schema"]["title"] == "Time-out (s)"


def test_the_instances_of_braze_are_a_list_to_choose_from():
    shown = forms()["braze"]["extra_fields"]["instance"]["schema"]
    assert (shown["enum"][0], len(shown["enum"])) == ("US-01", 15)
    assert "null" in shown["type"]


def test_the_form_says_that_the_test_button_needs_a_port():
    assert "test button" in forms()["braze"]["standard_fields"]["port"]["placeholder"]
