"""The one file that knows the versions of Airflow: names that moved, under the place that has them.

Each name is looked for where the newest version has it. The places that newer versions keep for old imports warn,
and go away in Airflow 4; so the old place is asked only where the new one does not exist.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import BaseHook, Connection
    from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred
else:
    try:
        from airflow.sdk import BaseHook
    except ImportError:  # Airflow 3.0: the SDK has had a hook of its own since 3.1
        from airflow.hooks.base import BaseHook
    try:
        from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred
    except ImportError:  # Airflow 3.0 and 3.1: the SDK has had its own exceptions since 3.2
        from airflow.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred

__all__ = [
    "AirflowFailException",
    "AirflowTaskTimeout",
    "BaseHook",
    "TaskDeferred",
    "airflow_option",
    "asset_value",
    "asset_values",
    "cdi_command",
    "core_timetable",
    "counts_deferred_tasks",
    "database_asked_for_secrets",
    "default_deferrable",
    "drop_xcom",
    "get_connection_async",
    "has_asset_state",
    "has_thread_safe_calls",
    "lists_prior_xcoms",
    "never_expire",
    "parse_dags",
    "put_asset_value",
    "reads_commands_of_providers",
    "stored_variable",
    "trigger_run",
]


def never_expire() -> Any:
    """Return how the task state store is told to keep a value as long as its run exists.

    :return: None before Airflow 3.3, which has no such store and no word for it.
    """
    import airflow.sdk

    return getattr(airflow.sdk, "NEVER_EXPIRE", None)


async def get_connection_async(conn_id: str) -> Connection:
    """Return a connection from within an event loop, such as the triggerer's.

    :param conn_id: its id.
    :raises AirflowNotFoundException: when there is none.
    """
    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    # Airflow 3.0: the triggerer's line to the supervisor belongs to its loop, and only asgiref leads back into it.
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


def default_deferrable() -> bool:
    """Return what the option ``[operators] default_deferrable`` says."""
    return bool(_configuration().getboolean("operators", "default_deferrable", fallback=False))


def airflow_option(section: str, name: str) -> str:
    """Return an option of Airflow's configuration, empty when it is not set.

    :param section: for example ``core``.
    :param name: for example ``executor``.
    """
    return str(_configuration().get(section, name, fallback="") or "").strip()


def _configuration() -> Any:
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # Airflow 3.0 and 3.1
        from airflow.configuration import conf
    return conf


def counts_deferred_tasks() -> bool:
    """Whether ``max_active_tis_per_dag`` counts deferred tasks, as Airflow does since 3.2."""
    return _airflow_version() >= (3, 2)


def has_thread_safe_calls() -> bool:
    """Whether a thread may call Airflow beside the task.

    A task's one line to its supervisor has had a lock since 3.2. ``dag.test()`` runs the task and its supervisor in one
    process, without a lock in any version.
    """
    from airflow.sdk.execution_time import task_runner

    line = getattr(task_runner, "SUPERVISOR_COMMS", None)
    return _airflow_version() >= (3, 2) and type(line).__name__ != "InProcessSupervisorComms"


def lists_prior_xcoms() -> bool:
    """Whether ``xcom_pull`` without ``map_indexes`` returns the XComs of prior runs: 3.0.3 and 3.0.4 forget them."""
    return _airflow_version() >= (3, 0, 5)


def reads_commands_of_providers() -> bool:
    """Whether the ``airflow`` command has those of providers (their ``cli`` key), as it does since 3.2."""
    return _airflow_version() >= (3, 2)


def cdi_command(words: str) -> str:
    """Return how a command of this package is called with the installed Airflow.

    :param words: behind ``airflow cdi``.
    """
    return f"{'airflow cdi' if reads_commands_of_providers() else 'python -m airflow_provider_cdi'} {words}"


def drop_xcom(ti: Any, key: str, run_id: str, map_index: int) -> None:
    """Delete one XCom of a task, of whatever run; nothing happens when there is none.

    :param ti: an instance of the task.
    :param key: of the XCom.
    :param run_id: of which run.
    :param map_index: of which mapped instance, -1 for none.
    """
    from airflow.sdk.execution_time.xcom import XCom

    XCom.delete(key, ti.task_id, ti.dag_id, run_id, map_index)
    if map_index >= 0 and _airflow_version() < (3, 3):  # it forgets which mapped instance is meant
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import DeleteXCom

        delete = DeleteXCom(key=key, dag_id=ti.dag_id, run_id=run_id, task_id=ti.task_id, map_index=map_index)
        task_runner.SUPERVISOR_COMMS.send(delete)


def stored_variable(key: str) -> str | None:
    """Return a Variable as Airflow's own database has it, past whatever hides it on the worker; None for none.

    :param key: of the Variable.
    :raises AirflowRuntimeError: when the API server does not give it, which ``Variable.get`` takes for none since 3.1.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, GetVariable

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:  # nobody to ask outside of a task
        return None
    found = supervisor.send(GetVariable(key=key))
    if isinstance(found, ErrorResponse):
        if found.error is not ErrorType.VARIABLE_NOT_FOUND:
            raise AirflowRuntimeError(found)
        return None
    value: str | None = found.value
    return value


def _airflow_version() -> tuple[int, ...]:
    from airflow import __version__

    return tuple(int(number) for number in re.findall(r"\d+", __version__)[:3])


def core_timetable(timetable: Any) -> Any:
    """Return the timetable that can reckon, of the one that a DAG file has."""
    try:
        from airflow.serialization.encoders import coerce_to_core_timetable
    except ImportError:  # Airflow 3.0 and 3.1: a DAG file has the one that reckons
        return timetable
    return coerce_to_core_timetable(timetable)


@contextmanager
def database_asked_for_secrets() -> Iterator[None]:
    """Let connections and Variables be looked for in Airflow's database too, in a process that is no task.

    Airflow's own commands do the same; without it, 3.1 and later ask environment and secrets backends alone, because
    the process might be a worker's. Without a database nothing changes.
    """
    name = "_AIRFLOW_PROCESS_CONTEXT"
    before = os.environ.get(name)
    os.environ[name] = before or "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def parse_dags(folder: Path, bundle_path: Path, bundle_name: str) -> Any:
    """Read DAG files and return Airflow's bag of them, which has ``dags`` and ``import_errors``. It asks no database.

    :param folder: a folder, or one file.
    :param bundle_path: what the files import from.
    :param bundle_name: of the bundle that they are in.
    """
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.0 and 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
    known = inspect.signature(DagBag).parameters
    # What only some versions take: examples have had a bundle of their own since 3.2.
    options = {"include_examples": False, "bundle_name": bundle_name}
    return DagBag(folder, bundle_path=bundle_path, **{name: options[name] for name in options if name in known})  # type: ignore[arg-type]


def has_asset_state() -> bool:
    """Whether assets have a state store, as they do since 3.3."""
    return _airflow_version() >= (3, 3)


def asset_value(name: str, key: str) -> str | None:
    """Return what the metadata database has in an asset's state store, as JSON text; None when it has nothing.

    For a process that may use the database, such as a command; a task asks its context.

    :param name: of the asset.
    :param key: of the value.
    """
    from airflow.models.asset import AssetModel
    from airflow.state import AssetScope, get_state_backend
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asset = session.scalar(select(AssetModel.id).where(AssetModel.name == name))
        if asset is None:
            return None
        found: str | None = get_state_backend().get(AssetScope(asset_id=asset), key, session=session)
        return found


def asset_values(session: Any, key: str) -> list[tuple[str, str, str]]:
    """Return what the metadata database has in all assets' state stores: asset, key, JSON text.

    :param session: of the database.
    :param key: the key, or what it begins with before a colon.
    """
    from airflow.models.asset import AssetModel
    from airflow.models.asset_state_store import AssetStateStoreModel as Stored
    from sqlalchemy import or_, select

    wanted = or_(Stored.key == key, Stored.key.startswith(f"{key}:", autoescape=True))
    found = select(AssetModel.name, Stored.key, Stored.value).join(AssetModel, AssetModel.id == Stored.asset_id)
    return [(name, whole_key, value) for name, whole_key, value in session.execute(found.where(wanted))]


def put_asset_value(session: Any, asset_id: int, key: str, text: str) -> None:
    """Write into an asset's state store, as Airflow's own API server does for a person.

    :param session: of the database; the caller commits.
    :param asset_id: of the asset.
    :param key: of the value.
    :param text: JSON.
    """
    from airflow._shared.state import AssetStateStoreWriterKind
    from airflow.state import AssetScope
    from airflow.state.metastore import MetastoreBackend

    scope = AssetScope(asset_id=asset_id)
    MetastoreBackend().set_asset_state_store(scope, key, text, kind=AssetStateStoreWriterKind.API, session=session)


def trigger_run(dag_id: str, conf: dict[str, Any], person: str) -> str:
    """Trigger a run of a DAG, as ``airflow dags trigger`` does, and return its id.

    For a process that may use the database, such as a command.

    :param dag_id: of the DAG.
    :param conf: what the run is given.
    :param person: who triggers it; Airflow notes that since 3.1.
    :raises DagNotFound: when the database does not have the DAG.
    :raises ParamValidationError: when the DAG's Params do not take ``conf``.
    """
    from airflow.api.client import get_current_api_client

    trigger: Any = get_current_api_client().trigger_dag
    known = inspect.signature(trigger).parameters
    who = {"triggering_user_name": person} if "triggering_user_name" in known else {}
    return str(trigger(dag_id=dag_id, run_id=None, conf=conf, **who)["dag_run_id"])
