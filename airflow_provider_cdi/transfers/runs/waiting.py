"""What a deferred task must not forget while it waits for jobs of the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.state.plan import Plan
from airflow_provider_cdi.state.record import Checkpoint


@dataclass(frozen=True, slots=True)
class Waiting:
    """The jobs that a task waits for, and with what it goes on.

    Airflow keeps it with the deferred task, so that it needs no state store (before 3.3).

    :param plan: of the run.
    :param checkpoint: how far the run is, wherever else that is kept; None when nothing was saved yet.
    :param jobs: what the other side calls them.
    :param since: when the wait for just these jobs began, in seconds since the epoch.
    """

    plan: Plan
    checkpoint: Checkpoint | None
    jobs: tuple[str, ...]
    since: float

    @classmethod
    def after(
        cls, earlier: Waiting | None, plan: Plan, checkpoint: Checkpoint | None, jobs: Sequence[str], now: float
    ) -> Waiting:
        """Begin to wait, or go on with it when the jobs are those of an earlier wait."""
        names = tuple(sorted(jobs))
        since = earlier.since if earlier is not None and earlier.jobs == names else now
        return cls(plan, checkpoint, names, since)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {
            "plan": self.plan.to_json(),
            "checkpoint": self.checkpoint.to_json() if self.checkpoint else None,
            "jobs": list(self.jobs),
            "since": self.since,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Waiting:
        """Read what :meth:`to_json` returned."""
        checkpoint = Checkpoint.from_json(stored["checkpoint"]) if stored["checkpoint"] else None
        return cls(Plan.from_json(stored["plan"]), checkpoint, tuple(stored["jobs"]), stored["since"])
