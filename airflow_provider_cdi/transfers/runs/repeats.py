"""Two syncs of one DAG that read the same rows into the same place: each row arrives twice.

A task sees the other tasks of its DAG, mapped ones included, and no further: what another DAG reads it cannot know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.identity import source_key
from airflow_provider_cdi.transfers.sync_tasks import given_argument, is_sync, operator_class, rendered

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.transfers.arguments.checked import CheckedOperator


def look_for_repeats(task: CheckedOperator, context: Context) -> None:
    """Warn of other tasks that send the same rows to the same place, or refuse to where a repeat counts.

    :param task: the running task, with its templates rendered.
    :param context: with which the others' templates are rendered.
    :raises ConfigurationError: where each row would count twice, unless the task has ``allow_repeats``.
    """
    dag = task.get_dag()
    if dag is None or task.allow_repeats:
        return
    mine = _described(task, lambda name: getattr(task, name, None))
    others = [other.task_id for other in dag.tasks if other.task_id != task.task_id and _is_same(other, mine, context)]
    if not others:
        return
    said = (
        f"Task {task.task_id!r} and {', '.join(map(repr, others))} of this DAG read the same rows "
        f"({task.source or 'by the same query'}) and send them as {task.data_type} to the same place"
    )
    if task.data_type in task.counted_data_types:
        raise ConfigurationError(
            f"{said}: each would count twice. Nothing was sent. Remove one of the tasks, give each rows of its own (a "
            "view, or partition=), or set allow_repeats=True on each if that is meant."
        )
    task.log.warning("%s: each row is sent twice. Remove one of the tasks, or set allow_repeats=True.", said)


def _is_same(other: Any, mine: Mapping[str, Any], context: Context) -> bool:
    if not is_sync(other):
        return False
    shared = getattr(other, "partial_kwargs", None)
    if shared is not None and not {"source", "sql"} & shared.keys():
        return False  # each of its instances has a source of its own, which is known when it runs
    return _described(operator_class(other), lambda name: rendered(other, given_argument(other, name), context)) == mine


def _described(kind: Any, value_of: Callable[[str], Any]) -> dict[str, Any]:
    return dict(_parts(kind, value_of))


def _parts(kind: Any, value_of: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    yield "kind", kind.place_fields
    yield "reads", source_key(value_of("source"), value_of("sql"))
    for name in ("warehouse_conn_id", "data_type", "partition", *kind.place_fields):
        yield name, value_of(name)
