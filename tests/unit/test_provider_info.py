"""What Airflow reads about the package must be valid: one mistake breaks every ``airflow`` command."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import subprocess
import sys

import pytest

from airflow_provider_cdi.get_provider_info import get_provider_info
from airflow_provider_cdi.hooks.braze import BrazeHook
from airflow_provider_cdi.version_compat import BaseHook

#: What the UI gets: from 3.2 on made out of the provider info, before out of the hook's form widgets.
SHOWS_FORM = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
print(*(form.model_dump_json() for form in HookMetaService.hook_meta_data() if form.connection_type == "braze"))
"""


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


def test_connection_type_names_the_hook():
    (connection,) = get_provider_info()["connection-types"]
    assert connection["hook-class-name"] == f"{BrazeHook.__module__}.{BrazeHook.__qualname__}"
    assert (connection["connection-type"], connection["hook-name"]) == (BrazeHook.conn_type, BrazeHook.hook_name)


def test_entry_point_leads_to_the_provider_info():
    (point,) = importlib.metadata.entry_points(group="apache_airflow_provider").select(
        module="airflow_provider_cdi.get_provider_info"
    )
    assert point.load() is get_provider_info
    assert get_provider_info()["package-name"] == point.dist.name


def test_airflow_finds_the_hook_of_the_connection_type(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_TEST", '{"conn_type": "braze"}')
    assert isinstance(BaseHook.get_hook("braze_test"), BrazeHook)


def test_airflow_knows_the_provider_by_its_name():
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    manager.initialize_providers_list()
    assert manager.providers["airflow-provider-cdi"].data["name"] == get_provider_info()["name"]


def test_airflow_offers_the_connection_type_with_its_form():
    # In a process of its own, as the API server asks: Airflow 3.1 keeps what another test made it read before.
    done = subprocess.run([sys.executable, "-c", SHOWS_FORM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    form = json.loads(done.stdout.splitlines()[-1])
    assert form["standard_fields"]["port"]["placeholder"] == "443"
    assert form["standard_fields"]["password"]["title"] == "REST API key"
    assert list(form["extra_fields"]) == ["timeout", "connect_timeout", "ca_bundle", "proxy"]
    assert form["extra_fields"]["timeout"]["schema"]["title"] == "Time-out (s)"
