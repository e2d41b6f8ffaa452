"""The forecast of a run: what its rows come to. A run with ``dry_run`` and ``airflow cdi plan`` give the same one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cdi.destinations.cures import cure_of
from airflow_provider_cdi.engine.abilities import DATA_POINTS, CountedDestination, JobDestination
from airflow_provider_cdi.engine.ports import Destination
from airflow_provider_cdi.engine.rows.rejects import RejectedRow, without_personal_data
from airflow_provider_cdi.forecast.new_people import NewFound
from airflow_provider_cdi.forecast.pace import Pace
from airflow_provider_cdi.forecast.ports import ActivatingDestination
from airflow_provider_cdi.forecast.scan import Scan
from airflow_provider_cdi.forecast.tally import Tally

_MINUTE = 60


@dataclass(frozen=True)
class Forecast:
    """What the rows of a slice come to. It tells nothing of a person, unless somebody asks for the examples whole.

    :param destination: what the figures are about.
    :param tally: what was counted.
    :param pace: how long it takes at least.
    :param examples: of the rows that would be set aside, a few of each code. They hold personal data.
    :param scan: what the warehouse will scan.
    :param new: how many of the people are new.
    :param vendor: whose words the cures are in, see :func:`~airflow_provider_cdi.destinations.cures.code_of`.
    """

    destination: Destination = field(repr=False)
    tally: Tally = field(repr=False)
    pace: Pace
    examples: Sequence[RejectedRow] = field(default=(), repr=False)
    scan: Scan = field(default_factory=Scan)
    new: NewFound = field(default_factory=NewFound)
    vendor: str = ""

    @property
    def data_points(self) -> int | None:
        """How many Braze counts at least; None for a vendor that has none."""
        return self.tally.counted[DATA_POINTS] if self._has_points else None

    @property
    def removes(self) -> dict[str, int]:
        """What is taken away or deleted, by what it is: ``users_deleted`` -> how many."""
        return {name: number for name, number in sorted(self.tally.counted.items()) if name != DATA_POINTS and number}

    @property
    def active_profiles(self) -> tuple[int, int] | None:
        """By how many Klaviyo's active profiles change, at least and at most; None for another vendor."""
        if not isinstance(self.destination, ActivatingDestination):
            return None
        most = self.tally.emails.number
        return (0, most) if self.destination.active_change > 0 else (-most, 0)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON types, as they stand in the report under ``plan``."""
        active, keys = self.active_profiles, self.tally.keys
        return {
            "data_points": self.data_points,
            "message_credits": None if self.data_points is None else 0,
            "active_profiles": None if active is None else {"at_least": active[0], "at_most": active[1]},
            "distinct": {
                "what": self._key_names,
                "number": keys.number,
                "is_exact": keys.is_exact,
                **self.new.to_json(),
            },
            "removes": self.removes,
            "requests": [{"to": place, "requests": sent.requests, "bytes": sent.bytes} for place, sent in self._sent()],
            "bytes": sum(sent.bytes for _, sent in self._sent()),
            "seconds": round(self.pace.seconds, 1),
            "decided_by": self.pace.decided_by,
            "scan": self.scan.to_json(),
            "examples": [_impersonal(row, self.vendor) for row in self.examples],
        }

    def lines(self) -> list[str]:
        """Return the figures as a block of text for the log: money first, then people, rejects and time."""
        return [f"  {name:<15} {text}" for name, text in self._told()]

    def _told(self) -> Iterator[tuple[str, str]]:
        yield from self._money()
        keys, about = self.tally.keys, "" if self.tally.keys.is_exact else "about "
        yield self._key_names, f"{about}{keys.number:,}; new ones: {self._new_in_words()}"
        yield "removes", ", ".join(f"{number:,} {_spaced(name)}" for name, number in self.removes.items()) or "nothing"
        for code, row in _first_of_each(self.examples).items():
            shown = _impersonal(row, self.vendor)
            yield f"{row.outcome}", f"{code}: {shown['reason']} {shown['cure']}"
            times = [each.updated_at for each in self.examples if each.code == code]
            yield "", f"for example UPDATED_AT {', '.join(times)}"
        for place, sent in self._sent():
            yield "requests", f"{sent.requests:,} to {place}, {sent.bytes:,} bytes"
        if isinstance(self.destination, JobDestination):
            yield "", "and those that ask whether the jobs have ended, whose number nobody knows before"
        yield "time", f"{_time(self.pace.seconds)} at least, because of {self.pace.decided_by}"
        scanned = "" if self.scan.bytes is None else f"{self.scan.bytes:,} bytes: "
        yield "warehouse", f"{scanned}{self.scan.told}"

    def _money(self) -> Iterator[tuple[str, str]]:
        if self.data_points is not None:
            yield "data points", f"{self.data_points:,} at least, on a contract from before spring 2025 that bills them"
            yield "credits", "0: messages use them up, not data"
            if self._key_names == "people":
                most = self.tally.keys.number
                yield (
                    "active users",
                    f"0 to {most:,} a month: a contract says whom it counts",
                )
        if self.active_profiles is not None:
            least, most = self.active_profiles
            yield "active profiles", f"{least:+,} to {most:+,}, because it is not known who is active now"

    def _new_in_words(self) -> str:
        return self.new.told if self.new.number is None else f"{self.new.number:,}, {self.new.told}"

    @property
    def _has_points(self) -> bool:
        return isinstance(self.destination, CountedDestination) and DATA_POINTS in self.destination.counted(())

    @property
    def _key_names(self) -> str:
        return self.destination.key_names if isinstance(self.destination, CountedDestination) else "keys"

    def _sent(self) -> list[tuple[str, Any]]:
        return sorted(self.tally.sent.items())


def _first_of_each(examples: Sequence[RejectedRow]) -> dict[str, RejectedRow]:
    return dict(sorted({row.code: row for row in reversed(examples)}.items()))


def _impersonal(row: RejectedRow, vendor: str) -> dict[str, Any]:
    """Return what a log may show of a row that would be set aside."""
    return {
        "outcome": row.outcome,
        "code": row.code,
        "reason": without_personal_data(row.reason, row.identifier.values()),
        "updated_at": row.updated_at,
        "cure": cure_of(row.code, vendor),
    }


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _MINUTE else f"{seconds / _MINUTE:,.1f} minutes"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
