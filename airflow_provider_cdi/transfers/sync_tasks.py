"""The syncs among the tasks of DAGs, those of task groups and the instances of mapped ones included, before any run."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.storage import connection_of
from airflow_provider_cdi.state.identity import default_sync_id, mapped_name
from airflow_provider_cdi.transfers.arguments.checked import CheckedOperator
from airflow_provider_cdi.transfers.arguments.checks import is_template
from airflow_provider_cdi.version_compat import airflow_option

if TYPE_CHECKING:
    from airflow.sdk import DAG, Connection, Context

_ROLES = {"warehouse_conn_id": "warehouse", "ssh_conn_id": "ssh tunnel"}


@dataclass(frozen=True)
class SyncTask:
    """A task that is a sync, or one instance of a mapped task or of a task in a mapped group.

    :param dag: that it is a task of.
    :param task: the operator, or the mapped operator.
    :param instance: what the instance is given; empty for a task that is not mapped.
    :param map_index: which instance it is; None when the task is not mapped, or its instances are known in a run only.
    """

    dag: DAG
    task: Any
    instance: Mapping[str, Any] = field(default_factory=dict)
    map_index: int | None = None

    @property
    def task_id(self) -> str:
        """The task's id, its groups' included."""
        return str(self.task.task_id)

    @property
    def kind(self) -> type[CheckedOperator]:
        """The class of the operator, also of a mapped one."""
        return operator_class(self.task)

    @property
    def sync_id(self) -> str:
        """The id of the sync; the instances of a mapped task share it."""
        given = self.argument("sync_id")
        return default_sync_id(self.dag.dag_id, self.task_id) if given is None else str(given)

    @property
    def names(self) -> set[str]:
        """What it may be called: the id of the sync, and of an instance also the name that its reports have."""
        if self.map_index is None:
            return {self.sync_id}
        return {self.sync_id, mapped_name(self.sync_id, self.argument("source"), self.argument("partition"))}

    @property
    def name(self) -> str:
        """What it is called in lists: the DAG, the task, and which instance."""
        which = "" if self.map_index is None else f"[{self.map_index}]"
        return f"{self.dag.dag_id} {self.task_id}{which}"

    @property
    def missing(self) -> str | None:
        """What of a mapped task only a run knows, in words; None when all is known."""
        if self.map_index is not None or not is_mapped(self.task):
            return None
        expanded = _given_by_group(self.task) or _expand_input(self.task)
        return ", ".join(expanded) if isinstance(expanded, Mapping) else "what each instance is given"

    def argument(self, name: str) -> Any:
        """Return what the task was given, templates as they are written; None when nothing, or when only a run knows.

        :param name: of an argument of the operator.
        """
        return self.instance[name] if name in self.instance else given_argument(self.task, name)

    def connections(self) -> Iterator[tuple[str, str]]:
        """Return the connections that the task names, each with what it is for: its role and its id.

        A connection may name another one in its extra, and an id may be a template: both are left to the caller.
        """
        for name in self.kind.template_fields:
            if name.endswith("_conn_id") and isinstance(conn_id := self.argument(name), str) and conn_id.strip():
                yield _ROLES.get(name, "destination"), conn_id
        place = self.argument("rejects_path") or airflow_option("cdi", "rejects_path")
        if isinstance(place, str) and (storage := connection_of(place)):
            yield "reject storage", storage

    def tunnel_of(self, warehouse: Connection) -> str | None:
        """Return the connection of the SSH server that the warehouse's own connection names, when the task names none.

        :param warehouse: the connection of the warehouse.
        """
        named = warehouse.extra_dejson.get("ssh_conn_id") if self.argument("ssh_conn_id") is None else None
        return named.strip() or None if isinstance(named, str) else None

    def operator(self, more: Mapping[str, Any]) -> CheckedOperator:
        """Return the operator; of a mapped task that of this instance.

        :param more: what a mapped instance is given besides.
        :raises ConfigurationError: when what a mapped instance is given makes no sense.
        """
        if not self.task.is_mapped:
            return _with(self.task, {**self.instance, **more})  # type: ignore[no-any-return]
        try:
            return self.task.unmap({**self.instance, **more})  # type: ignore[no-any-return]
        except TypeError as error:  # an argument that the operator does not have, or one that it wants
            raise ConfigurationError(f"Task {self.task_id!r}: {error}") from None


def sync_tasks(dags: Iterable[DAG]) -> list[SyncTask]:
    """Return the syncs of DAGs, in the order of their names.

    :param dags: as they were read from their files.
    """
    found = [one for dag in dags for task in dag.tasks if is_sync(task) for one in _instances(dag, task)]
    return sorted(found, key=lambda one: (one.dag.dag_id, one.task_id, one.map_index or 0))


def syncs_of(dag: DAG | None) -> str:
    """Return in words which syncs a DAG has, for who named another; empty when it has none.

    :param dag: as far as it is known.
    """
    found = [repr(task.task_id) for task in dag.tasks if is_sync(task)] if dag is not None else []
    return f" (there are {', '.join(found)})" if found else ""


def is_sync(task: Any) -> bool:
    """Whether a task is a sync.

    :param task: an operator, or a mapped one.
    """
    kind = operator_class(task)
    return isinstance(kind, type) and issubclass(kind, CheckedOperator)


def is_mapped(task: Any) -> bool:
    """Whether a task has instances of its own in each run, by itself or with the group that it is in.

    :param task: an operator, or a mapped one.
    """
    return bool(task.is_mapped or task.get_closest_mapped_task_group())


def is_of_same_group(task: Any, other: Any) -> bool:
    """Whether two tasks are in one mapped group, so that an instance of the one belongs to an instance of the other.

    :param task: an operator, or a mapped one.
    :param other: another.
    """
    group = task.get_closest_mapped_task_group()
    return group is not None and group is other.get_closest_mapped_task_group()


def operator_class(task: Any) -> type[CheckedOperator]:
    """Return the class of an operator, also of a mapped one.

    :param task: the operator.
    """
    kind: type[CheckedOperator] = getattr(task, "operator_class", type(task))
    return kind


def given_argument(task: Any, name: str) -> Any:
    """Return what a task was given, templates as they are written; of a mapped task what its instances share.

    :param task: an operator, or a mapped one.
    :param name: of an argument.
    """
    shared = getattr(task, "partial_kwargs", None)
    if shared is None:
        return vars(task).get(name)
    return shared[name] if name in shared else _default(operator_class(task), name)


def rendered(task: Any, value: Any, context: Context) -> Any:
    """Return a value of a task with its templates filled in.

    :param task: whose value it is.
    :param value: as it is written.
    :param context: of a run.
    """
    return task.render_template(value, context) if is_template(value) else value


def _default(kind: type, name: str) -> Any:
    """Return what an argument is that nobody gave."""
    parameter = inspect.signature(kind).parameters.get(name)
    return None if parameter is None or parameter.default in (parameter.empty, ...) else parameter.default


def _instances(dag: DAG, task: Any) -> Iterator[SyncTask]:
    instances = _literal(_expand_input(task)) if is_mapped(task) else None
    if instances is None:  # not mapped, or over what another task returns
        yield SyncTask(dag, task)
        return
    by_group = None if task.is_mapped else _given_by_group(task)
    for index, given in enumerate(instances):
        instance = given if by_group is None else {name: given[key] for name, key in by_group.items() if key in given}
        yield SyncTask(dag, task, instance, index)


def _expand_input(task: Any) -> Any:
    """Return what a mapped task, or the mapped group of a task, is mapped over, as it is written."""
    if task.is_mapped:
        return task._get_specified_expand_input().value
    return task.get_closest_mapped_task_group()._expand_input.value


def _given_by_group(task: Any) -> dict[str, str]:
    """Return which arguments of a task each instance of its mapped group is given, with the group's names for them."""
    from airflow.sdk.definitions._internal.expandinput import MappedArgument

    given = {} if task.is_mapped else vars(task)
    return {name: value._key for name, value in given.items() if isinstance(value, MappedArgument)}


def _with(task: Any, given: Mapping[str, Any]) -> Any:
    """Return a task with what an instance of its mapped group is given; the DAG's own stays as it is."""
    if given and task.get_closest_mapped_task_group():
        task = copy.copy(task)
        vars(task).update(given)
    return task


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
