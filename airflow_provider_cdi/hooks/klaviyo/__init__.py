"""The connection to Klaviyo: ``from airflow_provider_cdi.hooks.klaviyo import KlaviyoHook``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.lazy_names import lazy_names

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook

__all__ = ["KlaviyoHook"]

# The connection's form is read by every Airflow process, the hook only where a task runs.
__getattr__, __dir__ = lazy_names(__name__, {"KlaviyoHook": "airflow_provider_cdi.hooks.klaviyo.hook"})
