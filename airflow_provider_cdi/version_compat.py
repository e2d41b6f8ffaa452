"""The one file that knows the versions of Airflow: names that moved, under the place that has them.

Each name is looked for where the newest version has it. The places that newer versions keep for old imports warn,
and go away in Airflow 4; so the old place is asked only where the new one does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowFailException
else:
    try:
        from airflow.sdk import BaseHook
    except ImportError:  # Airflow 3.0: the SDK has had a hook of its own since 3.1
        from airflow.hooks.base import BaseHook
    try:
        from airflow.sdk.exceptions import AirflowFailException
    except ImportError:  # Airflow 3.0 and 3.1: the SDK has had its own exceptions since 3.2
        from airflow.exceptions import AirflowFailException

__all__ = ["AirflowFailException", "BaseHook", "never_expire"]


def never_expire() -> Any:
    """Return how the task state store is told to keep a value as long as its run exists.

    :return: None before Airflow 3.3, which has no such store and no word for it.
    """
    import airflow.sdk

    return getattr(airflow.sdk, "NEVER_EXPIRE", None)
