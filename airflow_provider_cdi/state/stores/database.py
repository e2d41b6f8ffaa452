"""State as Airflow's metadata database has it, for a process outside of a task, which may look and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.store import Instance, SharedStore, StateStore, decoded, json_object
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.version_compat import asset_value


class _OnlyLooking(StateStore):
    """Changes nothing."""

    may_miss = ""

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Refuse."""
        raise TypeError("state is only looked at here")

    def delete(self, key: str, of: Instance) -> None:
        """Refuse."""
        raise TypeError("state is only looked at here")


class AssetInDatabase(_OnlyLooking, SharedStore):
    """The store of a sync's asset (Airflow 3.3 and later).

    :param asset: name of the asset.
    :param suffix: what each key ends with, where mapped tasks share the asset.
    """

    def __init__(self, asset: str, suffix: str = "") -> None:
        self._asset = asset
        self._suffix = suffix

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value, None when there is none.

        :raises ConfigurationError: when the database has only a reference to it.
        """
        text = asset_value(self._asset, key + self._suffix)
        if text is None:
            return None
        found = json_object(json.loads(text))
        if found is None:
            raise ConfigurationError(
                f"The state of the sync is not in the metadata database: the asset {self._asset!r} has only a "
                "reference there, because [workers] state_store_backend keeps the values elsewhere. Say where to "
                "begin: --since, or --from-beginning."
            )
        return found

    def by_hand(self, key: str) -> str:
        """Name key and page."""
        return f"under the key {key + self._suffix!r} on the state page of the asset {self._asset!r}"


class VariableInDatabase(_OnlyLooking, VariableStore):
    """The Variables of one sync, found where a worker finds them: environment, secrets backend, database."""

    def _kept(self, name: str) -> str | None:
        from airflow.models import Variable

        found: str | None = Variable.get(name, default_var=None)
        return found


class XComsInDatabase(_OnlyLooking):
    """The XComs of all runs of one task.

    :param dag_id: of which DAG.
    :param task_id: of which task.
    :param place: where a person writes a value instead.
    """

    def __init__(self, dag_id: str, task_id: str, place: VariableStore) -> None:
        self._dag_id = dag_id
        self._task_id = task_id
        self._place = place

    def get(self, key: str) -> None:
        """Return nothing: no task instance looks."""

    def seen(self, key: str) -> list[dict[str, Any]]:
        """Return the XComs of all runs."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        of_the_task = (XComModel.dag_id == self._dag_id, XComModel.task_id == self._task_id, XComModel.key == key)
        with create_session() as session:
            values = [decoded(value) for value in session.scalars(select(XComModel.value).where(*of_the_task))]
        return [found for value in values if (found := json_object(value)) is not None]

    def by_hand(self, key: str) -> str:
        """Name the place that a person can write."""
        return f'{self._place.by_hand(key)} and give the task checkpoint="variable"'
