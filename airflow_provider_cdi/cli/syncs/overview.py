"""All syncs with how they are: those of the DAG files, and those that only Airflow's database knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.syncs.last_runs import LastRun, LastRuns, TaskKey, last_runs
from airflow_provider_cdi.cli.syncs.status import WELL, status_of
from airflow_provider_cdi.cli.syncs.templates import name_without_a_run
from airflow_provider_cdi.state.by_hand.at_work import AT_WORK
from airflow_provider_cdi.state.by_hand.found import FoundRecord, FoundState, about_unreadable, find_state
from airflow_provider_cdi.state.by_hand.places import XComPlace
from airflow_provider_cdi.state.identity import default_sync_id, former_sync_id
from airflow_provider_cdi.transfers.sync_tasks import SyncTask
from airflow_provider_cdi.version_compat import cdi_command

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.rows.watermark import Watermark


@dataclass(frozen=True, slots=True)
class SyncLine:
    """One sync as a person asks about it.

    :param values: what is known, by name; None for what is not.
    :param hints: what to do, as sentences.
    :param is_past: whether only a note is left of it: it has moved, and no task has it.
    """

    values: dict[str, Any]
    hints: tuple[str, ...] = ()
    is_past: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look."""
        return self.values["status"] in WELL


@dataclass(slots=True)
class Overview:
    """All syncs, and what could not be known.

    :param lines: one a sync.
    :param notes: for standard error.
    """

    lines: list[SyncLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def overview(tasks: Sequence[SyncTask], now: datetime, *, whole: bool, unread: Collection[str] = ()) -> Overview:
    """Put together what DAG files and database know.

    :param tasks: the syncs of the DAG files.
    :param now: the present moment, aware.
    :param whole: whether these are all DAG files there are, so that a state that belongs to none has lost its task.
    :param unread: the DAG files that could not be read: one of them may have the task of such a state.
    """
    from sqlalchemy.exc import SQLAlchemyError  # a worker without the database may have none

    made = Overview()
    state, runs, has_database = FoundState(), LastRuns(), True
    try:
        state, runs = find_state(), last_runs({one.dag.dag_id for one in tasks})
    except SQLAlchemyError as error:
        has_database = False
        made.notes.append(
            f"Airflow's metadata database cannot be read from here ({type(error).__name__}): status, watermark, lag "
            "and lease are not known. Call this where Airflow's scheduler or API server runs."
        )
    made.notes += [about_unreadable(place, why) for place, why in state.unreadable.items()]
    look = _Look(state, runs, now, has_database)
    if state.elsewhere:
        made.notes.append(
            "[workers] state_store_backend keeps the state of syncs outside of Airflow's database: watermark and lag "
            "are those of the XComs of their last runs, and leases are not known."
        )
    made.lines = [line for task in tasks for line in look.of_task(task)]
    if whole:
        made.lines += look.without_task(unread)
    return made


@dataclass
class _Look:
    state: FoundState
    runs: LastRuns
    now: datetime
    has_database: bool
    seen: set[str] = field(default_factory=set)
    mapped: set[str] = field(default_factory=set)

    def of_task(self, task: SyncTask) -> Iterator[SyncLine]:
        """Return the lines of a task: one, or one an instance that runs have had."""
        name = name_without_a_run(task)
        if name is not None:
            self.seen |= {name, task.sync_id}
            self.mapped |= {task.sync_id} - {name}
            yield self._line(task, name, -1 if task.map_index is None else task.map_index)
            return
        names = [name for name in self.state.instances_of(task.sync_id) if name not in self.seen]
        is_new = task.sync_id not in self.seen
        self.seen.update((task.sync_id, *names))
        if is_new and not names:
            yield self._line(task, task.sync_id, -1)
        for name in names:
            index = self.state.records[name][0].record.map_index
            yield self._line(task, name, -1 if index is None else index)

    def without_task(self, unread: Collection[str]) -> Iterator[SyncLine]:
        """Return the lines of states that no task of the DAG files has."""
        for name in sorted(self.state.records.keys() - self.seen):
            found = self.state.records[name][0]
            values = self._values(name, found, None)
            place = found.place
            owner = found.record.identity.owner
            values["task"] = f"{place.dag_id} {place.task_id}" if isinstance(place, XComPlace) else owner
            status, hint = self._without_task(name, found, unread)
            yield SyncLine(values | {"status": status}, (hint,), is_past=status == "moved")

    def _without_task(self, name: str, found: FoundRecord, unread: Collection[str]) -> tuple[str, str]:
        if moved := found.record.moved_to:
            return "moved", f"{name}: moved to {', '.join(moved)}."
        if unread:
            return "unparsed", (
                f"{name}: no task of the DAG files has this sync, as far as they can be read. Mend {', '.join(unread)} "
                "first."
            )
        mapped = next((sync_id for sync_id in self.mapped if found.is_instance_of(sync_id)), None)
        if mapped is not None:
            return "orphan", (
                f"{name}: no instance of the mapped task has this name any more. If the number of partitions was "
                f"changed, take its state along: {cdi_command('state move')} --sync-id '{mapped}' --to-partitions N "
                "--why TEXT."
            )
        return "orphan", (
            f"{name}: no task of the DAG files has this sync. If it was renamed, take its state along: "
            f"{cdi_command('state move')} --sync-id '{name}' --to-sync-id NEW --why TEXT."
        )

    def _line(self, task: SyncTask, name: str, map_index: int) -> SyncLine:
        former = former_sync_id(task.dag.dag_id, task.task_id)
        is_default = name == default_sync_id(task.dag.dag_id, task.task_id)
        found = self.state.newest(*({name, former} if is_default else {name}))
        key = TaskKey(task.dag.dag_id, task.task_id, map_index)
        run = self.runs.newest.get(key)
        values = self._values(name, found, run)
        values["task"] = f"{task.dag.dag_id} {task.task_id}" + (f"[{map_index}]" if map_index >= 0 else "")
        values["data_type"] = task.argument("data_type") or values["data_type"]
        values["destination"] = values["destination"] or _destination(task)
        values["last_success"] = _moment(self.runs.successes.get(key))
        is_readable = self.state.unreadable_of(name, task.sync_id) is None
        values["status"] = status_of(found, run, is_readable=is_readable) if self.has_database else "unknown"
        values["paused"] = task.dag.dag_id in self.runs.paused if self.has_database else None
        return SyncLine(values)

    def _values(self, name: str, found: FoundRecord | None, run: LastRun | None) -> dict[str, Any]:
        record = found.record if found else None
        mark = record.watermark if record else None
        report = run.report if run else {}
        return {
            "sync_id": name,
            "task": "",
            "status": "",
            "paused": None,
            "data_type": record.identity.data_type if record else None,
            "destination": record.identity.destination if record else None,
            "accepted": report.get("accepted"),
            "rejected": report.get("rejected"),
            "dry_run": bool(report.get("dry_run")),
            "watermark": record.identity.written(mark.position) if record and mark else None,
            "lag": lag(mark, self.now, record.identity.reads.timezone if record and record.identity.reads else "UTC"),
            "last_success": None,
            "since": _moment(run.began) if run is not None and run.state in AT_WORK else None,
            "lease": self.state.holder(name, record.identity.owner if record else ""),
            "error": report.get("error"),
            "kept": found.place.describe() if found else None,
        }


def lag(mark: Watermark | None, now: datetime, zone: str) -> float | None:
    """Return how many seconds a watermark lies behind now; None where there is none.

    :param mark: the watermark.
    :param now: the present moment, aware.
    :param zone: whose clock it shows.
    """
    from airflow_provider_cdi.engine.reading.source_clock import SourceClock

    if mark is None:
        return None
    shown = SourceClock.of(zone).up_to(now)
    gap = datetime.fromisoformat(f"{shown[:26]}+00:00") - datetime.fromisoformat(f"{mark.position[:26]}+00:00")
    return round(gap.total_seconds(), 1)


def _destination(task: SyncTask) -> str | None:
    named = [conn_id for role, conn_id in task.connections() if role == "destination"]
    return named[0] if named else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
