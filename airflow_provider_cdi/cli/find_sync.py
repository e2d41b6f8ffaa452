"""From the words of a command line to a sync, which is an operator."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_cdi.cli.output import tell
from airflow_provider_cdi.cli.syncs.arguments import arguments_of, built_operator, typed
from airflow_provider_cdi.cli.syncs.dag_files import DagFiles, read_dag_files
from airflow_provider_cdi.cli.syncs.templates import fill_in
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.transfers.sync_tasks import SyncTask, sync_tasks

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

_MOST_SHOWN = 30


def find_sync(options: argparse.Namespace) -> WarehouseSyncOperator:
    """Return the sync that a command line names, with its templates filled in as for a run that is triggered now.

    What was filled in or left out is told on standard error.

    :param options: of a command with :data:`~airflow_provider_cdi.cli.sync_args.SYNC_ARGS`.
    :raises UsageError: when nothing or more than one thing is named, or what is named makes no sense. It lists what
        there is.
    """
    given = arguments_of(options)
    if _ids(options):
        return _of_a_dag(options, given)
    if "warehouse_conn_id" in given:
        return built_operator(given)
    files = read_dag_files(options.dag_file)
    raise UsageError(
        "Name a sync: --dag-id with --task-id, or --sync-id; or, before there is a DAG, --warehouse-conn-id with "
        "--source, --data-type and --braze-conn-id or --klaviyo-conn-id. "
        f"{_list(files, sync_tasks(files.dags.values()))}"
    )


def find_task(options: argparse.Namespace) -> SyncTask:
    """Return the task of the sync that a command line names, for commands about what its runs left.

    Nothing is filled in and no connection is looked at. Of a mapped task any instance stands for all of them.

    :param options: of a command with the ids among :data:`~airflow_provider_cdi.cli.sync_args.SYNC_ARGS`.
    :raises UsageError: when nothing or more than one task is named. It lists what there is.
    """
    files = read_dag_files(options.dag_file)
    if not _ids(options):
        raise UsageError(
            f"Name a sync: --dag-id with --task-id, or --sync-id. {_list(files, sync_tasks(files.dags.values()))}"
        )
    return _the_one(files, options, as_task=True)


def _of_a_dag(options: argparse.Namespace, given: Mapping[str, Any]) -> WarehouseSyncOperator:
    files = read_dag_files(options.dag_file)
    sync = _the_one(files, options)
    try:
        operator = _with_arguments(sync, typed(sync.kind, given))
        told = fill_in(operator)
        operator.check_rendered()
    except (ConfigurationError, UsageError) as error:
        raise UsageError(f"{sync.name}: {str(error).removeprefix(f'Task {sync.task_id!r}: ')}") from error
    for line in told:
        tell(f"{sync.name}: {line}")
    return operator


def _the_one(files: DagFiles, options: argparse.Namespace, *, as_task: bool = False) -> SyncTask:
    """Return what is named.

    :param as_task: whether the instances of one mapped task are one thing.
    """
    syncs, asked = sync_tasks(files.dags.values()), _ids(options)
    if as_task:
        asked.pop("map_index", None)
    found = [one for one in syncs if all(_has(one, name, value) for name, value in asked.items())]
    if len(found) == 1 or (as_task and len({(one.dag.dag_id, one.task_id) for one in found}) == 1):
        return found[0]
    named = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in asked.items())
    if not found:
        raise UsageError(f"No sync has {named}. {_list(files, syncs)}")
    raise UsageError(f"{len(found)} syncs have {named}; add {_narrower(found)}. {_list(files, found)}")


def _narrower(found: Sequence[SyncTask]) -> str:
    """Return the option that tells syncs apart."""
    if len({one.dag.dag_id for one in found}) > 1:
        return "--dag-id"
    return "--map-index" if len({one.task_id for one in found}) == 1 else "--task-id"


def _ids(options: argparse.Namespace) -> dict[str, Any]:
    names = ("dag_id", "task_id", "sync_id", "map_index")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _has(sync: SyncTask, name: str, value: Any) -> bool:
    if name == "sync_id":
        return value in sync.names
    return bool(value == (sync.dag.dag_id if name == "dag_id" else getattr(sync, name)))


def _with_arguments(sync: SyncTask, given: Mapping[str, Any]) -> WarehouseSyncOperator:
    """Return the sync's operator, with what the command line says instead of what the DAG says."""
    expanded = sync.missing
    if expanded and not given:
        raise UsageError(
            f"The instances of this mapped task are known in a run only. Say which one is meant: give {expanded} with "
            "--arg, for example --arg partition=0/8."
        )
    # The DAG's own operator stays as it is: others may read it.
    operator = cast("WarehouseSyncOperator", copy.copy(sync.operator(given if expanded else {})))
    other = {"source": "sql", "sql": "source"}  # one instead of the other
    for name, value in {**{other[name]: None for name in given if name in other}, **given}.items():
        setattr(operator, "is_dry_run" if name == "dry_run" else name, value)
    return operator


def _list(files: DagFiles, syncs: Sequence[SyncTask]) -> str:
    errors = files.unread()
    where = ", ".join(files.places) or "the DAG folders that Airflow is configured with"
    if not syncs:
        return f"There are no syncs in {where}; --dag-file reads another place.{errors}"
    lines = [f"\n  {one.name} (--sync-id {one.sync_id})" for one in syncs[:_MOST_SHOWN]]
    more = f"\n  and {len(syncs) - _MOST_SHOWN} more" if len(syncs) > _MOST_SHOWN else ""
    return f"In {where} there are:{''.join(lines)}{more}{errors}"
