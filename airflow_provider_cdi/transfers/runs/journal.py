"""The journal of a running task: rejects first, then the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from airflow_provider_cdi.engine.reading.read_ahead import call_in_thread
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.state.record import Checkpoint


class TaskJournal:
    """Saves progress without holding up the event loop.

    :param rejects: where rejects are written.
    :param save: keeps a checkpoint in Airflow.
    """

    def __init__(self, rejects: RejectFile, save: Callable[[Checkpoint], None]) -> None:
        self._rejects = rejects
        self._save = save

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Write the rejects down and only then save the progress.

        :raises RejectsNotWritten: when the rejects could not be written; nothing of them is saved.
        """
        await call_in_thread(partial(self._commit, progress, rejects))

    def _commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        self._rejects.write(rejects)
        try:
            self._save(
                Checkpoint(progress.watermark, progress.totals, self._rejects.parts, progress.jobs, progress.below)
            )
        except BaseException:
            self._rejects.take_back()
            raise
