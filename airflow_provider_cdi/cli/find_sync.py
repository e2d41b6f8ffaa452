"""From the words of a command line to a sync, which is an operator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.dag_files import DagFiles, read_dag_files
from airflow_provider_cdi.cli.dag_syncs import DagSync, syncs_of
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

#: Options that are arguments of the operator.
_OWN = ("warehouse_conn_id", "source", "sql", "data_type", "braze_conn_id", "klaviyo_conn_id", "http_conn_id")
_MOST_SHOWN = 30


def find_sync(options: argparse.Namespace) -> WarehouseSyncOperator:
    """Return the sync that a command line names.

    :param options: of a command with :data:`~airflow_provider_cdi.cli.sync_args.SYNC_ARGS`.
    :raises UsageError: when nothing or more than one thing is named, or what is named makes no sense. It lists what
        there is.
    """
    given = _arguments(options)
    if options.dag_id or options.task_id or options.sync_id:
        return _of_a_dag(options, given)
    if "warehouse_conn_id" in given:
        return _built(given)
    files = read_dag_files(options.dag_file)
    raise UsageError(
        "Name a sync: --dag-id with --task-id, or --sync-id; or, before there is a DAG, --warehouse-conn-id with "
        f"--source, --data-type and --braze-conn-id or --klaviyo-conn-id. {_list(files, syncs_of(files.dags.values()))}"
    )


def _of_a_dag(options: argparse.Namespace, given: dict[str, Any]) -> WarehouseSyncOperator:
    files = read_dag_files(options.dag_file)
    syncs = syncs_of(files.dags.values())
    matching = [one for one in syncs if _is_named(one, options)]
    if len(matching) != 1:
        few = "No sync is" if not matching else f"{len(matching)} syncs are"
        more = "" if not matching else "Add --task-id or --map-index. "
        raise UsageError(f"{few} named {_named(options)}. {more}{_list(files, matching or syncs)}")
    operator = matching[0].operator()
    for name, value in given.items():
        if not hasattr(operator, name):
            raise UsageError(f"{type(operator).__name__} has no argument {name!r}. Leave it out.")
        setattr(operator, name, value)
    return operator


def _is_named(sync: DagSync, options: argparse.Namespace) -> bool:
    asked = {
        "dag_id": sync.dag.dag_id,
        "task_id": sync.task_id,
        "sync_id": sync.sync_id,
        "map_index": sync.map_index,
    }
    return all(getattr(options, name) in {None, value} for name, value in asked.items())


def _named(options: argparse.Namespace) -> str:
    names = ("dag_id", "task_id", "sync_id", "map_index")
    said = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in said.items())


def _list(files: DagFiles, syncs: Sequence[DagSync]) -> str:
    errors = [f"\n  {file} could not be read: {error}" for file, error in files.errors.items()]
    where = ", ".join(files.places) or "the DAG folders that Airflow is configured with"
    if not syncs:
        return f"There are no syncs in {where}; --dag-file reads another place.{''.join(errors)}"
    lines = [f"\n  {one.name} (--sync-id {one.sync_id})" for one in syncs[:_MOST_SHOWN]]
    more = f"\n  and {len(syncs) - _MOST_SHOWN} more" if len(syncs) > _MOST_SHOWN else ""
    return f"In {where} there are:{''.join(lines)}{more}{''.join(errors)}"


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in _OWN if getattr(options, name) is not None}
    for one in options.arguments or ():
        name, equals, text = one.partition("=")
        if not equals:
            raise UsageError(f"--arg {one!r} has no value: write --arg NAME=VALUE, such as --arg catalog=products.")
        given[name] = _value(text)
    return given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _built(given: dict[str, Any]) -> WarehouseSyncOperator:
    from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToHttpOperator, WarehouseToKlaviyoOperator

    kinds: dict[str, type[WarehouseSyncOperator]] = {
        "braze_conn_id": WarehouseToBrazeOperator,
        "klaviyo_conn_id": WarehouseToKlaviyoOperator,
        "http_conn_id": WarehouseToHttpOperator,
    }
    named = [name for name in kinds if name in given]
    if len(named) != 1:
        raise UsageError("Say where the rows go, with one of --braze-conn-id, --klaviyo-conn-id and --http-conn-id.")
    try:
        return kinds[named[0]](task_id="command_line", **given)
    except (ConfigurationError, TypeError) as error:
        raise UsageError(str(error).removeprefix("Task 'command_line': ")) from None
