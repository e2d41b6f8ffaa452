"""The connection to Braze: ``from airflow_provider_cdi.hooks.braze import BrazeHook``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.lazy_names import lazy_names

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.braze.hook import BrazeHook

__all__ = ["BrazeHook"]

# The connection's form is read by every Airflow process, the hook only where a task runs.
__getattr__, __dir__ = lazy_names(__name__, {"BrazeHook": "airflow_provider_cdi.hooks.braze.hook"})
