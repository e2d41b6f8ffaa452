"""What Airflow reads about this package. A mistake here breaks every ``airflow`` command up to 3.3.2."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.hooks import braze_form

_HOOK = "airflow_provider_cdi.hooks.braze"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider as Airflow's ``provider_info.schema.json`` asks."""
    return {
        "package-name": "airflow-provider-cdi",
        "name": "Warehouse to Braze",
        "description": "Changed rows of a data warehouse reach Braze, every row accounted for.",
        "integrations": [
            {
                "integration-name": "Braze",
                "external-doc-url": "https://www.braze.com/docs/api/home",
                "tags": ["service"],
            },
            {"integration-name": "SQL warehouse", "tags": ["software"]},
        ],
        "hooks": [{"integration-name": "Braze", "python-modules": [_HOOK]}],
        "transfers": [
            {
                "source-integration-name": "SQL warehouse",
                "target-integration-name": "Braze",
                "python-module": "airflow_provider_cdi.transfers.warehouse_to_braze",
            }
        ],
        "connection-types": [_braze_connection()],
    }


def _braze_connection() -> dict[str, Any]:
    return {
        "connection-type": "braze",
        "hook-class-name": f"{_HOOK}.BrazeHook",
        "hook-name": "Braze",
        "ui-field-behaviour": {
            "hidden-fields": braze_form.HIDDEN_FIELDS,
            "relabeling": braze_form.RELABELING,
            "placeholders": braze_form.PLACEHOLDERS,
        },
        "conn-fields": braze_form.EXTRA_FIELDS,
    }
