"""Where a value of a sync's state lies in Airflow's metadata database, and how it is written from outside of a task.

Each place compares before it writes: what was shown to a person is what is replaced, or nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import ascii_name, sync_asset
from airflow_provider_cdi.state.store import json_object
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.version_compat import airflow_option, put_asset_value

KEPT_ELSEWHERE = (
    "[workers] state_store_backend keeps the state outside of Airflow's database, where only a task can write it. "
    "Trigger the DAG instead: sync_mode=full sends everything, since= and until= a window."
)


class ChangedMeanwhile(ConfigurationError):
    """The value is not the one that was looked at."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The state {where} was changed by a run or by somebody else while this command was at work; nothing was "
            "written. Look at it again and repeat the command."
        )


class Place(Protocol):
    """Where one value lies."""

    def describe(self) -> str:
        """Say where, such as ``in the Variable 'x'``."""
        ...

    def replace(self, session: Any, before: Mapping[str, Any] | None, value: Mapping[str, Any]) -> None:
        """Write a value in the place of the one that was looked at.

        :param session: of the database; the caller commits.
        :param before: what was looked at; None when nothing was there.
        :param value: JSON types.
        :raises ChangedMeanwhile: when another value is there.
        :raises ConfigurationError: when nothing can be written there from here.
        """
        ...


@dataclass(frozen=True, slots=True)
class AssetPlace:
    """The state store of an asset (Airflow 3.3 and later).

    :param asset: its name.
    :param key: of the value.
    """

    asset: str
    key: str

    def describe(self) -> str:
        """Name key and asset."""
        return f"under the key {self.key!r} of the asset {self.asset!r}"

    def replace(self, session: Any, before: Mapping[str, Any] | None, value: Mapping[str, Any]) -> None:
        """Write as Airflow's own API server does."""
        from airflow.models.asset import AssetActive, AssetModel
        from airflow.models.asset_state_store import AssetStateStoreModel as Stored
        from sqlalchemy import select

        if airflow_option("workers", "state_store_backend"):
            raise ConfigurationError(f"Nothing was changed: {KEPT_ELSEWHERE}")
        assets = select(AssetModel.id).where(AssetModel.name == self.asset)
        if before is None:  # what is new there has to stay
            is_active = (AssetActive.name == AssetModel.name) & (AssetActive.uri == AssetModel.uri)
            assets = assets.join(AssetActive, is_active)
        # Two who write what was not there wait for each other here, and disturb no task that refers to the asset.
        found = session.scalar(assets.with_for_update(of=AssetModel, key_share=True))
        if found is None:
            raise ConfigurationError(
                f"Airflow knows no asset {self.asset!r} yet, or no DAG uses it any more, and would drop its state: "
                "deploy the DAG with the new name first, paused, wait until Airflow shows it, and repeat the command."
            )
        row = session.scalar(select(Stored).where(Stored.asset_id == found, Stored.key == self.key).with_for_update())
        if _object(row.value if row is not None else None) != _plain(before):
            raise ChangedMeanwhile(self.describe())
        put_asset_value(session, found, self.key, json.dumps(value))


@dataclass(frozen=True, slots=True)
class VariablePlace:
    """A Variable.

    :param name: its key.
    """

    name: str

    def describe(self) -> str:
        """Name it."""
        return f"in the Variable {self.name!r}"

    def replace(self, session: Any, before: Mapping[str, Any] | None, value: Mapping[str, Any]) -> None:
        """Write it as Airflow's own command does."""
        from airflow.models import Variable
        from sqlalchemy import select

        row = session.scalar(select(Variable).where(Variable.key == self.name).with_for_update())
        if _object(row.val if row is not None else None) != _plain(before):
            raise ChangedMeanwhile(self.describe())
        if row is None:
            session.add(Variable(self.name, json.dumps(value)))  # type: ignore[no-untyped-call]
        else:
            row.set_val(json.dumps(value))


def shared_places(key: str, name: str, sync_id: str) -> tuple[AssetPlace, VariablePlace]:
    """Return where runs of a sync may share a value.

    :param key: of the value, such as ``cdi_state``.
    :param name: of the sync, a mapped instance's with its part.
    :param sync_id: of the sync.
    """
    whole_key = key if name == sync_id else f"{key}:{ascii_name(name)}"
    return AssetPlace(sync_asset(sync_id).name, whole_key), VariablePlace(VariableStore(name).name(key))


@dataclass(frozen=True, slots=True)
class XComPlace:
    """The XCom of one task instance.

    :param dag_id: its DAG.
    :param task_id: its task.
    :param run_id: its run; empty for the newest run of the task that ended well.
    :param map_index: which mapped instance, -1 for none.
    :param key: of the value.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    key: str

    def describe(self) -> str:
        """Name task and run."""
        which = f" run {self.run_id!r}" if self.run_id else " its newest run"
        return f"in the XCom {self.key!r} of {self.dag_id}.{self.task_id},{which}"

    def replace(self, session: Any, before: Mapping[str, Any] | None, value: Mapping[str, Any]) -> None:
        """Write it as a task leaves it: whoever could see the XCom before sees the new one."""
        from airflow.models.xcom import XComModel
        from sqlalchemy import select

        instance = self._instance(session)
        if instance is None:
            raise ConfigurationError(
                f"Task {self.task_id!r} of DAG {self.dag_id!r} has no run that ended well, so there is no place for a "
                "state before Airflow 3.3. Give the operator initial= for the time to begin at, or "
                'checkpoint="variable".'
            )
        run_id, dag_run_id = instance
        of_it = (
            XComModel.dag_run_id == dag_run_id,
            XComModel.task_id == self.task_id,
            XComModel.map_index == self.map_index,
            XComModel.key == self.key,
        )
        row = session.scalar(select(XComModel).where(*of_it).with_for_update(of=XComModel))
        if _object(row.value if row is not None else None) != _plain(before):
            raise ChangedMeanwhile(self.describe())
        text = json.dumps(value)
        if row is not None:
            row.value = text if isinstance(row.value, str) else dict(value)
            return
        names = {"dag_id": self.dag_id, "task_id": self.task_id, "run_id": run_id, "map_index": self.map_index}
        session.add(XComModel(dag_run_id=dag_run_id, key=self.key, value=text, **names))

    def _instance(self, session: Any) -> tuple[str, int] | None:
        """Return run and number of the run whose XCom it is."""
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance as Task
        from sqlalchemy import select

        runs = select(DagRun.run_id, DagRun.id).join(
            Task, (Task.dag_id == DagRun.dag_id) & (Task.run_id == DagRun.run_id)
        )
        runs = runs.where(Task.dag_id == self.dag_id, Task.task_id == self.task_id, Task.map_index == self.map_index)
        runs = runs.where(Task.run_id == self.run_id if self.run_id else Task.state == "success")
        found = session.execute(runs.order_by(DagRun.id.desc()).limit(1)).first()
        return None if found is None else (str(found[0]), int(found[1]))


def _object(value: Any) -> dict[str, Any] | None:
    """Return a value as it was kept: as JSON text, or as an object."""
    return json_object(json.loads(value) if isinstance(value, str) and value else value)


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else json_object(json.loads(json.dumps(value)))
