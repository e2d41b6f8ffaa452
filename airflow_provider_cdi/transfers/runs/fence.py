"""The fence of a running task: Airflow and the lease say whether this try is still the one."""

from __future__ import annotations

from airflow_provider_cdi.engine.reading.read_ahead import call_in_thread
from airflow_provider_cdi.state.sync_state import SyncState


class TaskFence:
    """Satisfies :class:`airflow_provider_cdi.engine.ports.Fence`.

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
