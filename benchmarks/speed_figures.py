"""What runs cost: the figures of one run, of several runs of the same case, and of several ways side by side."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: How a way is named in commands, and how on the page.
TITLES: Mapping[str, str] = {
    "ours": "this package",
    "plain": "a `requests.Session` loop",
    "16 threads": "16 threads",
    "64 threads": "64 threads",
    "HttpHook": "Airflow's `HttpHook`",
    "drt": "drt-core",
    "dlt": "dlt",
}
ROWS_A_LINE = 100_000


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: one way, one table, one delay.

    :param way: one of ``TITLES``, or a special run.
    :param rows: of the table.
    :param delay_ms: milliseconds between a request and its answer.
    :param limit: requests that the server takes in three seconds, 0 for any number.
    """

    way: str
    rows: int
    delay_ms: int
    data_type: str = "attributes"
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run in a process of its own.

    :param rows: that the server had counted in the end.
    :param requests: that the server took.
    :param refused: requests that it answered with 429.
    :param sending: seconds from the first request to the last answer, as the server saw them.
    :param process: seconds from the start of the process to its end.
    :param cpu: CPU seconds of the process, start-up included; of a capped run those while it sent.
    :param idle_mb: memory when everything was imported and nothing was read.
    :param peak_mb: the most memory since then.
    :param server_share: the part of a core that the server used while rows were sent.
    :param capped: whether it was ended before it was done; the figures are then those of what it had done.
    :param more: what only some runs tell.
    """

    case: Case
    rows: int
    requests: int
    refused: int
    sending: float
    process: float
    cpu: float
    idle_mb: float
    peak_mb: float
    server_share: float
    most_in_flight: int
    capped: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Rows a second while it sent."""
        return self.rows / self.sending if self.sending else 0.0

    @property
    def process_rate(self) -> float:
        """Rows a second of the whole process, imports and reading included."""
        return self.rows / self.process

    @property
    def request_rate(self) -> float:
        return self.requests / self.sending if self.sending else 0.0

    @property
    def cpu_a_line(self) -> float:
        """CPU seconds for 100,000 rows."""
        return ROWS_A_LINE * self.cpu / self.rows if self.rows else 0.0

    @property
    def working_cpu(self) -> float:
        """CPU seconds since the process was idle, where it told them: what imports cost differs from run to run."""
        return float(self.more.get("run_cpu", self.cpu))

    @property
    def above_idle(self) -> float:
        return self.peak_mb - self.idle_mb

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Run:
        return cls(**{**found, "case": Case(**found["case"])})


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over several runs, and its range."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))


class Results:
    """All runs of one `make bench`, by case.

    :param runs: in any order.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self._by_case: dict[Case, list[Run]] = {}
        for run in runs:
            self._by_case.setdefault(run.case, []).append(run)

    def __contains__(self, case: Case) -> bool:
        return case in self._by_case

    def of(self, case: Case) -> list[Run]:
        """Return the runs of a case; none when it was not measured."""
        return self._by_case.get(case, [])

    def spread(self, case: Case, figure: str) -> Spread:
        """Return a figure of a case, by the name of the attribute of :class:`Run`."""
        return Spread.of(getattr(run, figure) for run in self.of(case))

    def rate(self, case: Case) -> float:
        """Return the median of the rows a second while sending."""
        return self.spread(case, "rate").middle

    def is_capped(self, case: Case) -> bool:
        return any(run.capped for run in self.of(case))

    def empty_cpu(self, way: str) -> float | None:
        """Return the CPU seconds of an idle way that finds an empty table; None when that was not measured."""
        case = Case(way, 0, 0)
        return self.spread(case, "working_cpu").middle if case in self else None

    def cpu_above_empty(self, case: Case) -> float | None:
        """Return CPU seconds for 100,000 rows above an empty run of the way; None for a capped run.

        The empty run of a data type that has none of its own is that of ``attributes``.
        """
        empty = self.empty_cpu(case.way)
        if empty is None or case not in self or self.is_capped(case) or not case.rows:
            return None
        return ROWS_A_LINE * max(self.spread(case, "working_cpu").middle - empty, 0.0) / case.rows

    def times_ours(self, case: Case) -> float | None:
        """Return how many times as fast ours is as a way, on the same table with the same delay."""
        ours = Case("ours", case.rows, case.delay_ms)
        if case.way == "ours" or ours not in self or case not in self:
            return None
        theirs = self.rate(case)
        return self.rate(ours) / theirs if theirs else None

    def ways(self) -> list[str]:
        """List the ways that were measured, in the order of the page."""
        measured = {run.case.way for run in self.runs}
        return [way for way in TITLES if way in measured]

    def sizes(self) -> list[int]:
        """List the tables that other ways read too."""
        others = set(TITLES) - {"ours"}
        return sorted({run.case.rows for run in self.runs if run.case.way in others and run.case.rows})

    def delays(self, rows: int) -> list[int]:
        return sorted({run.case.delay_ms for run in self.runs if run.case.rows == rows and not run.case.limit})
