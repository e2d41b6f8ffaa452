"""Where the progress of one run goes: into the sync's record, or into the run's own plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_cdi.engine.ports import Source
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.state.plan import Plan, PlanStore
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.sync_state import SyncState
from airflow_provider_cdi.transfers.runs.plan import RunRequest, new_plan, resolve_mode, resume_or_replay
from airflow_provider_cdi.transfers.runs.waiting import Waiting


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

    @classmethod
    def planned(
        cls, request: RunRequest, context: Mapping[str, Any], waited: Waiting | None, state: SyncState, source: Source
    ) -> RunState:
        """Return the state of a run at the beginning of a try, with its plan: a new one, or what an earlier try left.

        :param request: what was asked for.
        :param context: of the task.
        :param waited: the wait for jobs from which the task came back; None for none.
        :param state: the record that is carried from run to run, loaded.
        :param source: what is read; it was opened for this try.
        """
        plans = PlanStore(state.stores.plan, context["ti"].run_id, state.identity)
        if waited is not None:
            return cls(state, plans, waited.plan, waited.checkpoint)
        mode, record = resolve_mode(request, context), state.record
        earlier = None if request.dry_run else plans.load()
        left_over = resume_or_replay(earlier, mode, context, record)
        plan, checkpoint = left_over or (new_plan(request, mode, context, record, source), None)
        return cls(state, plans, plan, checkpoint)

    @property
    def starts_over(self) -> bool:
        """Whether the run replaces the watermark when it is done, and not before."""
        return self.plan.slice.mode == "full" and self.plan.slice.moves_watermark

    def note_passed_gates(self) -> None:
        """Remember that the run was let through its gates, so that no later try of it is stopped by them."""
        self.plan = replace(self.plan, passed_gates=True)
        self.plans.save(self.plan)

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
        if part.mode in ("window", "rejects") or self.checkpoint is None or self.checkpoint.watermark is None:
            return part
        return replace(part, up_to=self.checkpoint.watermark.position)
