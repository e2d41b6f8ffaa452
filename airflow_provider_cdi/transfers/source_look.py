"""What a change of a watermark means for rows: how many would never be sent, and how many once more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.initial import Initial
from airflow_provider_cdi.transfers.runs.start import start_position, start_watermark

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Source
    from airflow_provider_cdi.engine.reading.partition import DigestRange
    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a new watermark means for the rows that are in the source now.

    :param skipped: rows that lie between the old and the new one and would never be sent.
    :param again: rows that were delivered and would be sent once more, at most.
    """

    skipped: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True)
class _Start:
    initial: str
    clock: SourceClock


class SourceLook:
    """Asks the source of a sync.

    :param task: the sync, its templates filled in.
    """

    def __init__(self, task: DeclaredSync) -> None:
        self._task = task
        self._clock = SourceClock.of(task.watermark_timezone)
        self._source = self._open()

    def watermark(self, moment: str, delivered: int | None = None) -> Watermark:
        """Return the watermark at a moment: rows before it count as delivered, and of those that carry it none.

        :param moment: ISO 8601, in the zone of the source where it says none.
        :param delivered: all rows that carry it count as delivered, and there are so many.
        :raises ConfigurationError: when it is no moment, lies in the future, or another number of rows carries it.
        """
        up_to = self._clock.up_to(self._source.opened_at)
        if moment in ("now", "everything"):
            raise ConfigurationError(f"{moment!r} is no time; write it as 2026-01-05T00:00:00Z.")
        start = _Start(str(Initial(moment, delivered)), self._clock)
        position = start_position(start, up_to)
        if position is None or is_later(position, up_to):
            raise ConfigurationError(
                f"The watermark {moment} lies in the future: the source's clock shows {up_to}. Rows that come until "
                "then would never be sent."
            )
        mark = start_watermark(start, up_to, self._source) or Watermark(position, Ties())
        if delivered is not None and len(mark.ties) != delivered:
            raise ConfigurationError(
                f"--delivered says that {delivered:,} rows carry exactly {position}, and the source has another "
                "number. Which of them are new cannot be told: leave --delivered out, and all of them are sent."
            )
        return mark

    def beginning(self) -> Watermark | None:
        """Return where the sync would start anew, by its ``initial=``; None for the beginning."""
        initial = self._task.initial
        text = initial.isoformat() if isinstance(initial, date) else str(initial)
        return start_watermark(_Start(text, self._clock), self._clock.up_to(self._source.opened_at), self._source)

    def meaning(self, old: Watermark | None, new: Watermark | None) -> Meaning:
        """Count what a new watermark means.

        :param old: the present one; None when nothing was delivered yet.
        :param new: the one that is wanted; None for everything.
        """
        if new is None:
            return Meaning(again=self._count(Bounds(up_to=old.position)) if old else 0)
        if old is None or is_later(new.position, old.position):
            return Meaning(
                skipped=self._count(Bounds(since=old.position if old else None, until=new.position))
                - (len(old.ties) if old else 0)
            )
        behind = self._count(Bounds(since=new.position, up_to=old.position))
        if old.position == new.position:
            return Meaning(again=max(len(old.ties) - len(new.ties), 0))
        return Meaning(again=behind - len(new.ties))

    def count_again(self, parts: Iterable[tuple[DigestRange, str, str]]) -> int:
        """Count rows of parts of the source.

        :param parts: each a range of digests, the first position and the last one, both included.
        """
        counted = 0
        for part, since, up_to in parts:
            source = self._open(part)
            counted += source.count(Bounds(since=since, up_to=up_to), position=None, now=up_to).in_bounds
        return counted

    def _count(self, bounds: Bounds) -> int:
        now = self._clock.up_to(self._source.opened_at)
        return self._source.count(bounds, position=None, now=now).in_bounds

    def _open(self, part: DigestRange | None = None) -> Source:
        return self._task.open_source(self._task.make_destination(loads_history=False), part)
