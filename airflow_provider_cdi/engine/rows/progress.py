"""How far a run has come, and where that is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark


class Reached(NamedTuple):
    """How far the prefix reaches.

    :param rows: how many rows it has, of this try.
    :param covered: those of them that the watermark covers: no later try reads them again.
    :param totals: outcomes over all tries of the run; those of rows that a later try reads again only at its end.
    :param watermark: None when nothing was delivered ever.
    :param between: rows behind the place where the read began and before the watermark, both times left out.
    """

    rows: int
    covered: int
    totals: Totals
    watermark: Watermark | None
    between: int = 0


@dataclass(frozen=True, slots=True)
class RowsBelow:
    """How many rows lay below a watermark when it was saved; rows with its own time are not among them.

    :param position: of the watermark.
    :param rows: how many.
    """

    position: str
    rows: int

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {"position": self.position, "rows": self.rows}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RowsBelow:
        """Read what :meth:`to_json` returned."""
        return cls(stored["position"], stored["rows"])


@dataclass(frozen=True, slots=True)
class Progress:
    """What a checkpoint saves.

    :param watermark: how far the unbroken run of outcomes reaches, None when nothing was delivered ever.
    :param totals: the outcomes up to there, over all tries of the run.
    :param jobs: what the other side is still at work on, behind the watermark.
    :param below: how many rows lie below the watermark, where they are counted.
    """

    watermark: Watermark | None
    totals: Totals
    jobs: tuple[SubmittedJob, ...] = ()
    below: RowsBelow | None = None


class Journal(Protocol):
    """Where progress is saved."""

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Write the rejects down and only then save the progress; both are durable on return."""
        ...
