"""What the engine asks of the outside: a source, a destination, a transport, a clock.

The engine is given objects of these shapes; who they are it does not know. What some destinations can besides is in
:mod:`~airflow_provider_cdi.engine.abilities`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import pyarrow as pa

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict

T = TypeVar("T")

# --- source ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows a read returns, by ``UPDATED_AT``. All given bounds hold at once.

    Each bound is a *position*: the canonical text of a point in UTC at the warehouse's full precision,
    ``2026-01-05T09:00:00.123456Z`` (six or nine digits after the point). Comparisons happen in the warehouse.

    :param after: ``UPDATED_AT > after``
    :param since: ``UPDATED_AT >= since``
    :param until: ``UPDATED_AT < until``
    :param up_to: ``UPDATED_AT <= up_to``
    :param most: so many rows are wanted, the first ones; a source that can spare the rest returns no more.
    """

    after: str | None = None
    since: str | None = None
    until: str | None = None
    up_to: str | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What one aggregate query tells about the source before anything is read.

    :param in_bounds: rows within the bounds that were asked about.
    :param at_position: rows whose ``UPDATED_AT`` equals the position that was asked about, 0 without one.
    :param future: rows stamped later than the moment that was asked about.
    :param without_time: rows whose ``UPDATED_AT`` is NULL.
    :param total: all rows of the source; None unless it was asked for.
    :param passed: rows stamped later than the moment that was asked about, and not later than the source's clock
        showed while they were counted. Counted as ``future`` too.
    :param recent: rows stamped from the moment ``recent`` on, and not later than that clock.
    :param asked_at: what that clock showed; None when nothing recent was asked about.
    """

    in_bounds: int
    at_position: int
    future: int
    without_time: int
    total: int | None = None
    passed: int = 0
    recent: int = 0
    asked_at: datetime | None = None


class Source(Protocol):
    """A table, view or query whose columns were already matched with a contract."""

    @property
    def opened_at(self) -> datetime:
        """What the source's own clock showed when it was opened, aware."""
        ...

    def now(self) -> datetime:
        """Ask the source's own clock."""
        ...

    def count(
        self,
        bounds: Bounds,
        *,
        position: str | None,
        now: str,
        with_total: bool = False,
        recent: str | None = None,
    ) -> Counts:
        """Count in one query.

        :param bounds: for ``in_bounds``.
        :param position: for ``at_position``; None when there is no watermark yet.
        :param now: rows stamped later than this position are ``future``.
        :param with_total: count all rows too (reads the whole table).
        :param recent: for ``passed`` and ``recent``: count with the source's clock, from this position on.
        """
        ...

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Stream the rows within the bounds, ordered by ``UPDATED_AT`` and then by the identifiers.

        Rows without ``UPDATED_AT`` are left out. Columns carry the contract's names: ``UPDATED_AT`` as a
        timestamp without zone in UTC (unit ``us`` or ``ns``, never null), identifiers as strings,
        ``PAYLOAD`` as text or as a struct, and the optional ones as they are. A batch holds at most a few
        thousand rows.
        """
        ...

    def cancel(self) -> None:
        """Stop a running count or read from another thread, as far as the driver can; the source is done then."""
        ...


# --- destination ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much fits into one request.

    :param records: objects a request.
    :param body_bytes: bytes of the sum of the records' bodies, envelope and separators included.
    :param group_records: group -> objects a request, for groups (see ``Record.group``) that have a number of their own.
    """

    records: int
    body_bytes: int
    group_records: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate budget: no more than this many requests in any stretch of time of this length.

    :param requests: how many.
    :param seconds: in which time.
    """

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RateWindow:
    """What an answer tells about the limit that its request counted against.

    :param limit: requests that one window allows, of everybody who shares the limit.
    :param remaining: how many of them were left when the request was counted.
    :param seconds_left: time from now until the next window begins.
    """

    limit: int
    remaining: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Merge:
    """What becomes of two records that must not stand in one request.

    :param kept: the record to send, in the place of the older one.
    :param dropped: the one that is not sent. Its row is skipped when the kept one is accepted, and shares any other
        outcome with it.
    :param reason: why not, as the reason of a skipped row.
    """

    kept: Record
    dropped: Record
    reason: str


class Destination(Protocol):
    """One data type of one destination: what it needs, how a row is encoded, what an answer means."""

    @property
    def contract(self) -> TableContract:
        """The columns that the source must have."""
        ...

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        ...

    @property
    def rates(self) -> Mapping[str, Sequence[Rate]]:
        """The rate budgets by family (see ``Request.family``); all rates of a family hold at once."""
        ...

    def rate_window(self, answer: Response) -> RateWindow | None:
        """Say what an answer of any status tells about the rate limit; None when it tells nothing usable."""
        ...

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Whether these records, applied twice, leave the same result as once."""
        ...

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Make one record of two with the same key and the same ``unique`` that wait for the same request.

        :return: None when they must travel one after the other.
        """
        ...

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into records or the reasons why they cannot be: one entry a row, in the rows' order.

        Never raises because of what a row contains.
        """
        ...

    def request(self, records: Sequence[Record]) -> Request:
        """Join the records of one group, in their order, into one request."""
        ...

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means for the records that were sent, in their order.

        :raises DestinationRefused: when it concerns the sync as a whole (key, permission, catalog, storage).
        """
        ...


# --- transport and clock --------------------------------------------------------------------------------


class Transport(Protocol):
    """Sends one request and returns whatever answer came, of any status."""

    async def send(self, request: Request) -> Response:
        """Send.

        :raises NoAnswer: when no complete answer came (refused, reset, timed out).
        """
        ...


class Fence(Protocol):
    """Knows whether this try is still the one that may send."""

    @property
    def is_lost(self) -> bool:
        """Whether it is known already that another try has taken over; costs nothing."""
        ...

    async def confirm(self) -> None:
        """Find out.

        :raises Superseded: when another try has taken over.
        :raises RetryLater: when it cannot be found out just now.
        """
        ...


class CallAside(Protocol):
    """Makes a blocking call while the event loop goes on."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]:
        """Return what the call returns."""
        ...


class Clock(Protocol):
    """Where the engine gets its time from."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Let the others work meanwhile."""
        ...
