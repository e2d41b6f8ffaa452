"""What a try tells Airflow while rows are on their way, and asks it: how far it came, whether it is still the one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from airflow_provider_cdi.engine.reading.read_ahead import call_in_thread
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.sync_state import SyncState


class TaskJournal:
    """Saves progress without holding up the event loop.

    :param rejects: where rejects are written.
    :param save: keeps a checkpoint in Airflow.
    :param on_saved: called after it, in the thread that saves.
    :param marking: what is done around the save with the totals that are saved.
    """

    def __init__(
        self,
        rejects: RejectFile,
        save: Callable[[Checkpoint], None],
        on_saved: Callable[[], None] = lambda: None,
        marking: Callable[[Totals], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._rejects = rejects
        self._save, self._on_saved = save, on_saved
        self._marking = marking or _unmarked

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Write the rejects down and only then save the progress.

        :raises RejectsNotWritten: when the rejects could not be written; nothing of them is saved.
        """
        await call_in_thread(partial(self._commit, progress, rejects))

    def _commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        self._rejects.write(rejects)
        try:
            with self._marking(progress.totals):
                self._save(
                    Checkpoint(progress.watermark, progress.totals, self._rejects.parts, progress.jobs, progress.below)
                )
        except BaseException:
            self._rejects.take_back()
            raise
        self._on_saved()


class TaskFence:
    """Airflow and the lease say whether this try is still the one.

    Satisfies :class:`airflow_provider_cdi.engine.ports.Fence`.

    :param state: of the sync.
    """

    def __init__(self, state: SyncState) -> None:
        self._state = state

    @property
    def is_lost(self) -> bool:
        """Whether it is known already that another try has taken over."""
        return self._state.lease.is_lost

    async def confirm(self) -> None:
        """Find out, without holding up the event loop."""
        await call_in_thread(self._state.confirm)


def _unmarked(totals: Totals) -> AbstractContextManager[None]:
    return nullcontext()
