"""The connection form of Braze as data."""

from __future__ import annotations

from airflow_provider_cdi.hooks.http.form import HTTP_FIELDS, HttpForm

BRAZE_FORM = HttpForm(
    relabeling={"host": "Instance or REST host", "password": "REST API key"},
    placeholders={
        "host": "US-01, EU-01, ... or rest.iad-01.braze.com",
        "password": "Braze: Settings > APIs and Identifiers > API Keys",
    },
    extra_fields=HTTP_FIELDS,
)
