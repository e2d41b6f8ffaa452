"""From the words of a command line to states in the database, with the task that has them where there is one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files
from airflow_provider_cdi.cli.syncs.templates import fill_in, name_without_a_run
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.state.by_hand.found import FoundRecord, FoundState, find_state
from airflow_provider_cdi.state.by_hand.moves import Target
from airflow_provider_cdi.state.by_hand.places import Place, XComPlace, shared_places
from airflow_provider_cdi.state.identity import Identity, default_sync_id
from airflow_provider_cdi.state.outside import StatedTask
from airflow_provider_cdi.state.records import STATE_KEY
from airflow_provider_cdi.transfers.sync_tasks import SyncTask, sync_tasks
from airflow_provider_cdi.version_compat import cdi_command, has_asset_state

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync


@dataclass(slots=True)
class StatedSync:
    """A sync with its state.

    :param name: of the sync, a mapped instance's with its part.
    :param found: its record; None when there is none.
    :param task: as the DAG files have it; None when they have none.
    :param unread: what else may have it, in words: the DAG files that could not be read; empty for none.
    """

    name: str
    found: FoundRecord | None
    task: SyncTask | None
    unread: str = ""

    @property
    def sync_id(self) -> str:
        """The id of the sync, which mapped instances share; of one whose task is gone its whole name."""
        return self.task.sync_id if self.task is not None else self.name

    def operator(self) -> DeclaredSync:
        """Return the operator with its templates filled in.

        :raises UsageError: when no DAG file has it, or only a run could fill something in.
        """
        if self.task is None:
            raise UsageError(
                f"No DAG file has the sync {self.name!r}, so its source cannot be asked; --no-count leaves it alone."
                f"{self.unread}"
            )
        if self.task.missing is not None:
            raise UsageError(
                f"The instances of {self.task.name} are known in a run only, so the source cannot be asked: leave the "
                "count out with --no-count."
            )
        # The DAG's own operator stays as it is: others may read it.
        operator = cast("Any", copy.copy(self.task.operator({})))
        try:
            fill_in(operator)
        except UsageError as error:
            told = str(error).partition(" Give what")[0]
            raise UsageError(f"{self.task.name}: {told} Leave the count out with --no-count.") from error
        operator.check_rendered()
        return cast("DeclaredSync", operator)

    def identity(self) -> Identity:
        """Return whose state it is: as the task declares it, else as the record has it.

        :raises UsageError: when there is neither.
        """
        if self.task is None or self.task.missing is not None:
            if self.found is None:
                raise UsageError(
                    f"The sync {self.name!r} has no state, and no DAG file says enough of it to make one.{self.unread}"
                )
            return self.found.record.identity
        index = -1 if self.task.map_index is None else self.task.map_index
        try:
            operator = self.operator()
        except UsageError:  # only a run can fill in its templates
            if self.found is None:
                raise
            return self.found.record.identity
        return operator.identity(StatedTask(self.task.dag.dag_id, self.task.task_id, index))

    def place(self) -> Place:
        """Return where its record is to be written.

        :raises UsageError: when there is none yet, and no DAG file has the sync.
        """
        if self.found is not None:
            return self.found.place
        if self.task is None:
            raise UsageError(f"No DAG file has the sync {self.name!r}.{self.unread}")
        index = -1 if self.task.map_index is None else self.task.map_index
        return new_place(self.name, self.task, index)


def new_place(name: str, task: SyncTask, map_index: int) -> Place:
    """Return where a record goes that is not there yet.

    :param name: of the sync, a mapped instance's with its part.
    :param task: its task.
    :param map_index: which instance, -1 for none.
    """
    in_asset, in_variable = shared_places(STATE_KEY, name, task.sync_id)
    if has_asset_state():
        return in_asset
    if task.argument("checkpoint") == "variable":
        return in_variable
    return XComPlace(task.dag.dag_id, task.task_id, "", map_index, STATE_KEY)


@dataclass(slots=True)
class Known:
    """What DAG files and database hold.

    :param tasks: the syncs of the DAG files.
    :param state: of the database.
    :param unread: the DAG files that could not be read, in words; empty for none.
    """

    tasks: list[SyncTask]
    state: FoundState
    unread: str = ""

    @classmethod
    def look(cls, dag_file: str | None) -> Known:
        """Read both.

        :param dag_file: file or folder of DAGs; None for all.
        :raises ConfigurationError: when there is no database to be read.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            state = find_state()
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"Airflow's metadata database cannot be read from here ({type(error).__name__}), and the state of "
                "syncs is kept there. Call this where Airflow's scheduler or API server runs."
            ) from None
        files = read_dag_files(dag_file)
        return cls(sync_tasks(files.dags.values()), state, files.unread())

    def named(self, options: argparse.Namespace) -> list[StatedSync]:
        """Return the syncs that a command line names, mapped instances one by one.

        :param options: with ``dag_id``, ``task_id``, ``sync_id`` and ``map_index``.
        :raises UsageError: when it names none.
        """
        if not (options.dag_id or options.sync_id):
            raise UsageError(
                f"Name a sync: --sync-id, or --dag-id with --task-id. `{cdi_command('syncs')}` lists them."
            )
        found = {one.name: one for one in self._of_tasks(options)}
        for name in self.state.records:
            if name not in found and self._is_meant(name, options):
                found[name] = StatedSync(name, self.state.newest(name), None, self.unread)
        if options.map_index is not None:
            found = {name: one for name, one in found.items() if _index(one) == options.map_index}
        if not found:
            raise UsageError(
                "No sync of the DAG files or of the database has that name. "
                f"`{cdi_command('syncs')}` lists what there is."
                f"{self.unread}"
            )
        return list(found.values())

    def target(self, options: argparse.Namespace) -> Target:
        """Return where a command line moves a sync.

        :param options: with ``sync_id``, ``to_sync_id``, ``to_dag_id`` and ``to_task_id``.
        :raises UsageError: when it names only half of a task.
        """
        found = self.state.newest(options.sync_id)
        task = self._task_of(options.sync_id)
        dag_id, task_id = options.to_dag_id or "", options.to_task_id or ""
        if dag_id or task_id:
            known = task.dag.dag_id if task else "", task.task_id if task else ""
            dag_id, task_id = dag_id or known[0], task_id or known[1]
            if not (dag_id and task_id):
                raise UsageError(
                    f"The task of this sync is in no DAG file: give both --to-dag-id and --to-task-id.{self.unread}"
                )
        elif options.to_sync_id and (new := self._task_of(options.to_sync_id)):
            dag_id, task_id = new.dag.dag_id, new.task_id
        has_default = found is None or found.record.identity.owner in ("", options.sync_id)
        name = options.to_sync_id or (default_sync_id(dag_id, task_id) if has_default else options.sync_id)
        return Target(name, dag_id, task_id)

    def any_task(self, sync_id: str) -> StatedSync:
        """Return a sync whose source can be asked: the sync itself, or an instance of it.

        :param sync_id: its name, without the part of an instance.
        """
        return StatedSync(sync_id, None, self._task_of(sync_id), self.unread)

    def _task_of(self, sync_id: str) -> SyncTask | None:
        return next((task for task in self.tasks if task.sync_id == sync_id), None)

    def _of_tasks(self, options: argparse.Namespace) -> list[StatedSync]:
        found = []
        for task in self.tasks:
            if options.dag_id not in (None, task.dag.dag_id) or options.task_id not in (None, task.task_id):
                continue
            if options.sync_id is not None and not self._names(task) & {options.sync_id}:
                continue
            name = name_without_a_run(task)
            if name is not None:
                found.append(StatedSync(name, self.state.newest(*_known_as(task, name)), task))
                continue
            names = self.state.instances_of(task.sync_id)
            wanted = [each for each in names if options.sync_id in (None, task.sync_id, each)]
            found += [StatedSync(each, self.state.newest(each), task) for each in wanted]
        return found

    def _names(self, task: SyncTask) -> set[str]:
        name = name_without_a_run(task)
        return {task.sync_id, *(self.state.instances_of(task.sync_id) if name is None else (name,))}

    def _is_meant(self, name: str, options: argparse.Namespace) -> bool:
        if options.sync_id is not None:
            return name == options.sync_id or self.state.records[name][0].is_instance_of(options.sync_id)
        place = self.state.records[name][0].place
        owner = self.state.records[name][0].record.identity.owner
        if isinstance(place, XComPlace):
            return place.dag_id == options.dag_id and options.task_id in (None, place.task_id)
        dag_id, _, task_id = owner.partition("/") if "/" in owner else owner.partition(".")
        return dag_id == options.dag_id and options.task_id in (None, task_id)


def _known_as(task: SyncTask, name: str) -> tuple[str, ...]:
    from airflow_provider_cdi.state.identity import former_sync_id

    ids = task.dag.dag_id, task.task_id
    return (name, former_sync_id(*ids)) if name == default_sync_id(*ids) else (name,)


def _index(one: StatedSync) -> int | None:
    if one.task is not None and one.task.missing is None:
        return one.task.map_index
    return one.found.record.map_index if one.found else None
