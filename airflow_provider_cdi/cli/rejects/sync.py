"""From the words of a command line to the rejects of a sync."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.find_sync import find_task
from airflow_provider_cdi.cli.output import tell
from airflow_provider_cdi.rejects.index import RejectIndex
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.state.store import decoded
from airflow_provider_cdi.transfers.rejects.stored import instances_of, reject_place

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.sync_tasks import SyncTask

#: Reports of runs that are read for what lies elsewhere, the newest first.
_MOST_REPORTS = 1_000
_REPORTS = ("report", "return_value")


@dataclass(frozen=True)
class RejectsOfSync:
    """The rejects that a command is about.

    :param task: the sync.
    :param index: of its rejects.
    :param map_index: the instance of a mapped task that is meant; None for all.
    """

    task: SyncTask
    index: RejectIndex
    map_index: int | None = None

    @property
    def vendor(self) -> str:
        """Whose codes they have, see :attr:`~.checked.CheckedOperator.vendor`."""
        return self.task.kind.vendor

    def is_whole(self) -> bool:
        """Say whether all that is there could be read; what could not, and what is gone, is told on standard error."""
        away = self.index.elsewhere()
        for part in away:
            tell(f"Not read: {part.rows:,} rejects on the disk of {part.host}, {part.pattern}. Look there.")
        for trouble in self.index.troubles:
            tell(f"Not read: {trouble}")
        if gone := self.index.gone():
            tell(
                f"Not there any more: {sum(part.rows for part in gone):,} rejects that reports name, the last in "
                f"{gone[0].pattern}. The files were deleted, or pruned as too old. If their rows are to be sent, "
                "trigger the DAG with a window."
            )
        return not away and not self.index.troubles

    def unread(self) -> dict[str, Any]:
        """Return the same for ``--output json``."""
        away = [{"host": one.host, "path": one.pattern, "rows": one.rows} for one in self.index.elsewhere()]
        return {"elsewhere": away, "unreadable": self.index.troubles}


def rejects_of_sync(options: argparse.Namespace) -> RejectsOfSync:
    """Return the rejects of the sync that a command line names.

    The DAG is read and nothing of it is filled in: no run is needed, and of a mapped task all instances are meant
    unless ``--map-index`` names one.

    :param options: of a command with :data:`REJECT_SYNC_ARGS`.
    """
    task = find_task(options)
    given = task.argument("rejects_path")
    place = reject_place(task.dag.dag_id, task.task_id, given, given)
    if "://" not in place.below:
        place = replace(place, host=_host())
    index = RejectIndex(task.sync_id, place, list(_known(task)), instances_of(task.sync_id))
    return RejectsOfSync(task, index, options.map_index)


def _host() -> str:
    """Return this machine's name as a task instance has it."""
    from airflow.utils import net

    return str(net.get_hostname())  # type: ignore[no-untyped-call]


def _known(task: SyncTask) -> Iterator[RejectPart]:
    """Give the parts that the reports of runs name, as far as Airflow's database has them."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        reports = _reports(task.dag.dag_id, task.task_id)
    except SQLAlchemyError as error:
        tell(
            f"Airflow's metadata database cannot be read from here ({type(error).__name__}), so nobody knows whether "
            "there are rejects on other machines."
        )
        return
    for report in reports:
        if isinstance(report, dict):
            yield from (RejectPart.from_report(part) for part in report.get("rejects_files") or ())


def _reports(dag_id: str, task_id: str) -> list[Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = (
        select(XComModel.value)
        .where(XComModel.dag_id == dag_id, XComModel.task_id == task_id, XComModel.key.in_(_REPORTS))
        .order_by(XComModel.timestamp.desc())
        .limit(_MOST_REPORTS)
    )
    with create_session() as session:
        return [decoded(value) for value in session.scalars(wanted)]
