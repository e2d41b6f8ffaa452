"""The connection form of Klaviyo as data."""

from __future__ import annotations

from airflow_provider_cdi.hooks.http.form import HTTP_FIELDS, HttpForm
from airflow_provider_cdi.hooks.klaviyo.revision import DEFAULT_REVISION

KLAVIYO_FORM = HttpForm(
    relabeling={"host": "Host", "password": "Private API key"},
    placeholders={"host": "a.klaviyo.com (may stay empty)", "password": "pk_..., Klaviyo: Settings > API keys"},
    extra_fields={
        "revision": {
            "label": "API revision",
            "description": f"A date such as {DEFAULT_REVISION}, which is what empty means.",
            "schema": {"type": ["string", "null"]},
        },
        "account": {
            "label": "Account",
            "description": (
                "Public id of the account that the key must belong to (its public API key, such as DeMo01). A run "
                "with the key of another account stops before it sends anything. Empty: not looked at."
            ),
            "schema": {"type": ["string", "null"]},
        },
        **HTTP_FIELDS,
    },
)
