"""The connection form of Braze as data."""

from __future__ import annotations

from airflow_provider_cdi.hooks.braze.host import DASHBOARDS, REST_HOSTS
from airflow_provider_cdi.hooks.http.form import HTTP_FIELDS, HttpForm

_DASHBOARD_OF = {instance: dashboard for dashboard, instance in DASHBOARDS.items()}

BRAZE_FORM = HttpForm(
    relabeling={"host": "REST host", "password": "REST API key"},
    placeholders={
        "host": "empty with an instance of the Extra Fields, or rest.iad-01.braze.com",
        "password": "Braze: Settings > APIs and Identifiers > API Keys",
    },
    extra_fields={
        "instance": {
            "label": "Instance",
            "description": "The instance of the workspace; the address of its dashboard stands beside it.",
            "schema": {
                "type": ["string", "null"],
                "enum": list(REST_HOSTS),
                "values_display": {name: f"{name} ({_DASHBOARD_OF[name]})" for name in REST_HOSTS},
            },
        },
        **HTTP_FIELDS,
    },
)
