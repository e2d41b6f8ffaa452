"""Where the progress of one run goes: into the sync's record, or into the run's own plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.state.plan import Plan, PlanStore
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.sync_state import SyncState


@dataclass
class RunState:
    """The state of one run.

    :param state: the record that is carried from run to run.
    :param plans: keeps the plan through retries and clears.
    :param plan: what the run does.
    :param checkpoint: how far an earlier try of the run was, and later how far this one is.
    """

    state: SyncState
    plans: PlanStore
    plan: Plan
    checkpoint: Checkpoint | None = None

    @property
    def starts_over(self) -> bool:
        """Whether the run replaces the watermark when it is done, and not before."""
        return self.plan.slice.mode == "full" and self.plan.slice.moves_watermark

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint: one call to Airflow, wherever it belongs."""
        if self.plan.slice.moves_watermark and not self.starts_over:
            self.state.commit(checkpoint)
        else:
            self.plan = replace(self.plan, checkpoint=checkpoint)
            self.plans.save(self.plan)
        self.checkpoint = checkpoint

    def finish(self) -> None:
        """Note that the whole slice was delivered."""
        if self.starts_over and self.checkpoint is not None:
            self.state.commit(self.checkpoint, starting_over=True)
        elif not self.plan.slice.moves_watermark:
            self.state.touch()
        self.plans.save(replace(self.plan, slice=self._delivered_slice(), is_done=True))

    def _delivered_slice(self) -> Slice:
        """Return the slice with the end that it turned out to have: a replay sends these rows and no later ones."""
        part = self.plan.slice
        if part.mode == "window" or self.checkpoint is None or self.checkpoint.watermark is None:
            return part
        return replace(part, up_to=self.checkpoint.watermark.position)
