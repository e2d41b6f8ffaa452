"""What Airflow reads about this package. A mistake here breaks every ``airflow`` command up to 3.3.2."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.hooks.braze.form import BRAZE_FORM
from airflow_provider_cdi.hooks.http.form import HttpForm
from airflow_provider_cdi.hooks.klaviyo.form import KLAVIYO_FORM

_HOOKS = "airflow_provider_cdi.hooks"
_TRANSFERS = "airflow_provider_cdi.transfers"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider as Airflow's ``provider_info.schema.json`` asks."""
    return {
        "package-name": "airflow-provider-cdi",
        "name": "Warehouse to Braze, Klaviyo and HTTP",
        "description": "Changed rows of a warehouse reach Braze, Klaviyo or an HTTP service, every row accounted for.",
        "integrations": [
            {
                "integration-name": "Braze",
                "external-doc-url": "https://www.braze.com/docs/api/home",
                "tags": ["service"],
            },
            {
                "integration-name": "Klaviyo",
                "external-doc-url": "https://developers.klaviyo.com/en/reference/api_overview",
                "tags": ["service"],
            },
            {
                "integration-name": "HTTP service",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow-providers-http/stable/index.html",
                "tags": ["protocol"],
            },
            {
                "integration-name": "SQL warehouse",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow-providers-common-sql/stable/index.html",
                "tags": ["software"],
            },
        ],
        "hooks": [
            {"integration-name": "Braze", "python-modules": [f"{_HOOKS}.braze.hook"]},
            {"integration-name": "Klaviyo", "python-modules": [f"{_HOOKS}.klaviyo.hook"]},
            {"integration-name": "HTTP service", "python-modules": [f"{_HOOKS}.webhook.hook"]},
        ],
        "operators": [
            {
                "integration-name": "SQL warehouse",
                "python-modules": [
                    "airflow_provider_cdi.operators.check",
                    "airflow_provider_cdi.operators.redrive",
                    "airflow_provider_cdi.operators.watch",
                ],
            },
        ],
        "notifications": [
            "airflow_provider_cdi.notifications.sync_error.SyncErrorNotifier",
            "airflow_provider_cdi.notifications.sync_error.RecoveredNotifier",
            "airflow_provider_cdi.notifications.row_errors.RowErrorNotifier",
        ],
        "triggers": [
            {"integration-name": "Klaviyo", "python-modules": ["airflow_provider_cdi.triggers.klaviyo_jobs"]},
        ],
        "transfers": [_transfer("Braze", "braze"), _transfer("Klaviyo", "klaviyo"), _transfer("HTTP service", "http")],
        # Read since Airflow 3.2; before, `python -m airflow_provider_cdi` has the same commands.
        "cli": ["airflow_provider_cdi.cli.definition.get_cdi_commands"],
        "config": _CONFIG,
        "connection-types": [
            _connection("braze", "Braze", f"{_HOOKS}.braze.hook.BrazeHook", BRAZE_FORM),
            _connection("klaviyo", "Klaviyo", f"{_HOOKS}.klaviyo.hook.KlaviyoHook", KLAVIYO_FORM),
        ],
    }


_CONFIG: dict[str, Any] = {
    "cdi": {
        "description": "Syncs from a warehouse to Braze, Klaviyo or an HTTP service.",
        "options": {
            "rejects_path": {
                "description": "Folder or address below which all syncs keep their rejects, as "
                "<dag_id>/<task_id>/<run_id>. With more than one worker, storage that all of them share: an address "
                "with the id of a connection, or file:///mnt/rejects for a mount. Empty: $AIRFLOW_HOME/cdi_rejects on "
                "the worker.",
                "type": "string",
                "version_added": "0.1.0",
                "example": "s3://aws_default@bucket/rejects",
                "default": "",
            },
            "rejects_keep_days": {
                "description": "How many days the rejects of a run are kept, for all syncs that say nothing else "
                "(rejects_keep). Older ones are deleted at the end of a run that has rejects itself. Empty: for ever.",
                "type": "string",
                "version_added": "0.1.0",
                "example": "30",
                "default": "",
            },
        },
    }
}


def _transfer(target: str, name: str) -> dict[str, str]:
    return {
        "source-integration-name": "SQL warehouse",
        "target-integration-name": target,
        "python-module": f"{_TRANSFERS}.warehouse_to_{name}",
    }


def _connection(kind: str, name: str, hook: str, form: HttpForm) -> dict[str, Any]:
    return {
        "connection-type": kind,
        "hook-class-name": hook,
        "hook-name": name,
        "ui-field-behaviour": form.behaviour("-"),
        "conn-fields": dict(form.extra_fields),
    }
