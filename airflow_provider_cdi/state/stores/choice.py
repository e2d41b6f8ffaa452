"""Which stores a sync has, by what Airflow offers and what the task was given. Nothing else asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.store import Instance, SharedStore, StateStore, Stores
from airflow_provider_cdi.state.stores.asset_store import AssetStore
from airflow_provider_cdi.state.stores.database import AssetInDatabase, VariableInDatabase, XComsInDatabase
from airflow_provider_cdi.state.stores.task_store import TaskStore
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.state.stores.xcom_store import XComStore
from airflow_provider_cdi.version_compat import has_asset_state


def choose_stores(
    context: Mapping[str, Any],
    identity: Identity,
    *,
    in_variables: bool = False,
    drop_xcom: Callable[[Any, str, str, int], None] | None = None,
) -> Stores:
    """Return the stores of a sync.

    The asset's store comes first where there is one. Variables stand in for it, and are read beside it: one may be all
    that is left after an upgrade of Airflow.

    :param context: of the running task.
    :param identity: of the sync.
    :param in_variables: whether the task has ``checkpoint="variable"``.
    :param drop_xcom: deletes the XCom of a run; by default Airflow's way.
    :raises ConfigurationError: when a mapped task does not declare its asset.
    """
    variables = tuple(map(VariableStore, identity.names)) if in_variables else ()
    copies = XComStore(context["ti"], _instead_of_xcoms(identity), drop_xcom)
    return Stores(_asset_stores(context, identity) + variables, copies, _plan_store(context, identity, variables))


def stores_in_database(identity: Identity, dag_id: str, task_id: str, *, in_variables: bool = False) -> Stores:
    """Return the stores of a sync for a process outside of its task, which only looks.

    :param identity: of the sync.
    :param dag_id: of its DAG.
    :param task_id: of its task.
    :param in_variables: whether the task has ``checkpoint="variable"``.
    """
    asset = sync_asset(identity.asset_id or identity.sync_id).name
    assets = tuple(AssetInDatabase(asset, suffix) for suffix in identity.key_suffixes)
    variables = tuple(map(VariableInDatabase, identity.names)) if in_variables else ()
    copies = XComsInDatabase(dag_id, task_id, VariableStore(identity.sync_id))
    return Stores(assets + variables if has_asset_state() else variables, copies, _Nowhere())


def _asset_stores(context: Mapping[str, Any], identity: Identity) -> tuple[StateStore, ...]:
    if "asset_state_store" not in context and "task_state_store" not in context:
        return ()  # before Airflow 3.3
    asset = sync_asset(identity.asset_id or identity.sync_id)
    try:
        # Airflow gives a task without any asset no stores of assets at all.
        store = context["asset_state_store"][asset]
    except KeyError:
        raise ConfigurationError(
            f"The mapped task {context['ti'].task_id!r} does not declare its sync, so Airflow gives it no place for "
            "its watermark: write its operator as .partial(**mapped_sync(...), ...)."
        ) from None
    return tuple(AssetStore(store, asset.name, suffix) for suffix in identity.key_suffixes)


def _plan_store(context: Mapping[str, Any], identity: Identity, variables: tuple[StateStore, ...]) -> StateStore:
    # Another task that works on the sync has a plan of its own: it must not stand in the place of the sync's.
    other = getattr(context["ti"], "own", None)
    if "task_state_store" in context:
        return TaskStore(context["task_state_store"], suffix=f":{identity.sync_id}" if other else "")
    if variables and other:
        index = Instance.of(other).map_index
        return VariableStore("/".join([identity.sync_id, other.task_id, *([str(index)] if index >= 0 else [])]))
    return variables[0] if variables else _Nowhere()


def _instead_of_xcoms(identity: Identity) -> Callable[[str], str]:
    variable = VariableStore(identity.sync_id)
    return lambda key: f'{variable.by_hand(key)} and give the task checkpoint="variable"'


class _Nowhere(SharedStore):
    """Keeps no plan: before Airflow 3.3 a new try begins without what the last one left."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        pass

    def delete(self, key: str, of: Instance) -> None:
        pass

    def by_hand(self, key: str) -> str:
        return "nowhere"
