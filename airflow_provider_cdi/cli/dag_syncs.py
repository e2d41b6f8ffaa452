"""The syncs of DAGs: tasks, mapped ones and those of task groups included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.state.identity import default_sync_id
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

if TYPE_CHECKING:
    from airflow.sdk import DAG


@dataclass(frozen=True)
class DagSync:
    """A task that is a sync.

    :param dag: that it is a task of.
    :param task: the operator, or the mapped operator.
    :param instance: what a mapped task's instance is given; empty for a task that is not mapped.
    :param map_index: which instance it is; None when the task is not mapped, or its instances are known in a run only.
    """

    dag: DAG
    task: Any
    instance: Mapping[str, Any]
    map_index: int | None = None

    @property
    def task_id(self) -> str:
        """The task's id, its groups' included."""
        return str(self.task.task_id)

    @property
    def is_known(self) -> bool:
        """Whether the arguments are known without a run."""
        return not self.task.is_mapped or self.map_index is not None

    @property
    def sync_id(self) -> str:
        """The id of the sync; the instances of a mapped task share it."""
        given = self.argument("sync_id")
        return default_sync_id(self.dag.dag_id, self.task_id) if given is None else str(given)

    @property
    def name(self) -> str:
        """What it is called in lists: the DAG, the task, and which instance."""
        which = "" if self.map_index is None else f"[{self.map_index}]"
        return f"{self.dag.dag_id} {self.task_id}{which}"

    def argument(self, name: str) -> Any:
        """Return what the task was given, templates as they are written; None when it is known in a run only.

        :param name: of an argument of the operator.
        """
        if not self.task.is_mapped:
            return getattr(self.task, name, None)
        if name in self.instance:
            return self.instance[name]
        return self.task.partial_kwargs.get(name)

    def operator(self) -> WarehouseSyncOperator:
        """Return the operator; of a mapped task that of this instance.

        :raises ConfigurationError: when what a mapped instance is given makes no sense.
        """
        made: WarehouseSyncOperator = self.task.unmap(self.instance) if self.task.is_mapped else self.task
        return made

    @property
    def operator_class(self) -> type[WarehouseSyncOperator]:
        """The class of the operator, also of a mapped one."""
        found: type[WarehouseSyncOperator] = self.task.operator_class if self.task.is_mapped else type(self.task)
        return found


def syncs_of(dags: Iterable[DAG]) -> list[DagSync]:
    """Return the syncs of DAGs, in the order of their names.

    :param dags: as they were read from their files.
    """
    found = [one for dag in dags for task in dag.tasks if _is_sync(task) for one in _instances(dag, task)]
    return sorted(found, key=lambda one: (one.dag.dag_id, one.task_id, one.map_index or 0))


def _is_sync(task: Any) -> bool:
    kind = task.operator_class if task.is_mapped else type(task)
    return isinstance(kind, type) and issubclass(kind, WarehouseSyncOperator)


def _instances(dag: DAG, task: Any) -> Iterator[DagSync]:
    if not task.is_mapped:
        yield DagSync(dag, task, {})
        return
    instances = _literal(task._get_specified_expand_input().value)
    if instances is None:  # what another task returns
        yield DagSync(dag, task, {})
        return
    for index, instance in enumerate(instances):
        yield DagSync(dag, task, instance, index)


def _literal(expanded: Any) -> list[dict[str, Any]] | None:
    """Return what each instance is given, in the order of their indexes; None when that is known in a run only."""
    if isinstance(expanded, Mapping):  # .expand(source=[…], partition=[…]): each with each, the last one fastest
        if not all(isinstance(values, (Sequence, Mapping)) for values in expanded.values()):
            return None
        made: list[dict[str, Any]] = [{}]
        for name, values in expanded.items():
            each = list(values.items()) if isinstance(values, Mapping) else list(values)
            made = [{**one, name: value} for one in made for value in each]
        return made
    if isinstance(expanded, Sequence) and all(isinstance(one, Mapping) for one in expanded):  # .expand_kwargs([…])
        return [dict(one) for one in expanded]
    return None
