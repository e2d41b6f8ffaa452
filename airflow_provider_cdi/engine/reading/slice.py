"""The slice: what one run reads, fixed at its first try."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.watermark import Watermark

#: So much of a position Python can tell.
_MICROSECONDS = len("2026-01-01T00:00:00.000000")
Mode = Literal["incremental", "full", "window", "rejects"]


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows one run reads.

    :param mode: ``incremental`` reads everything after ``after``; ``full`` everything; ``window`` the rows with
        ``since <= UPDATED_AT < until``; ``rejects`` the rows that the source gives, which are those of rejects.
    :param up_to: nothing later than this position is read: the moment of the run's first try.
    :param after: the watermark from which an incremental slice starts, None for a sync without one; in every
        mode, where a run that was cut short goes on.
    :param since: first position of a window, or where a new sync starts (``initial``).
    :param until: position after the last one of a window.
    :param moves_watermark: False for windows, backfills, replays and rejects.
    :param settles: whether ``up_to`` lies in the past on purpose: rows behind it wait until they are old enough.
    :param rejects: which rejects are sent again, as the plan keeps it, with the same ``in_words``.
    :param zone: whose clock the positions show, None for UTC. Only for people: positions are compared as they are.
    """

    mode: Mode
    up_to: str
    after: Watermark | None = None
    since: str | None = None
    until: str | None = None
    moves_watermark: bool = True
    settles: bool = False
    zone: str | None = None
    rejects: dict[str, Any] | None = None

    def bounds(self) -> Bounds:
        """Return the bounds of the rows that are certainly not handled yet."""
        after = self.after.position if self.after else None
        since = None if after else self.since
        return Bounds(after=after, since=since, until=self.until, up_to=self.up_to)

    def bounds_with_ties(self) -> Bounds:
        """Return the bounds that read the rows at the watermark again."""
        return Bounds(since=self.after.position if self.after else None, until=self.until, up_to=self.up_to)

    def bounds_of_ties(self) -> Bounds:
        """Return the bounds of the rows at the watermark alone."""
        position = self.after.position if self.after else None
        return Bounds(since=position, up_to=position)

    def resumed_at(self, cursor: Watermark) -> Slice:
        """Return the rest of the slice behind a checkpoint."""
        return replace(self, after=cursor)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, as JSON types."""
        stored = {name: value for name, value in _plain(self).items() if value is not None}
        if not self.settles:
            del stored["settles"]  # earlier versions do not know it
        return stored | ({"after": self.after.to_json()} if self.after else {})

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Slice:
        """Read what :meth:`to_json` returned."""
        after = stored.get("after")
        return cls(**{**stored, "after": Watermark.from_json(after) if after else None})

    def describe(self) -> str:
        """Return the slice in words for the log."""
        if self.rejects is not None:
            return str(self.rejects["in_words"])
        since = f"since {self.shown(self.since)}" if self.since else "from the beginning"
        if self.mode == "window":
            return f"window {since} until {self.shown(self.until or self.up_to)}"
        start = f"after {self.shown(self.after.position)}" if self.after else since
        return f"{self.mode}, {start} up to {self.shown(self.up_to)}"

    def read_up_to(self) -> str:
        """Return ``up_to`` as a moment of UTC, in ISO 8601: what changed until then was read."""
        local = datetime.fromisoformat(self.up_to[:_MICROSECONDS].rstrip("Z"))
        return local.replace(tzinfo=ZoneInfo(self.zone or "UTC")).astimezone(UTC).isoformat(timespec="seconds")

    def shown(self, position: str) -> str:
        """Return a position for people: with the zone whose clock it shows, when that is not UTC."""
        return position if self.zone is None else f"{position[:-1]} ({self.zone})"


def _plain(one: Slice) -> dict[str, Any]:
    return asdict(replace(one, after=None))
