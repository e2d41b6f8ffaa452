"""The first rows of a slice as the next run would send them: read, encoded and put into requests. Nothing leaves.

What is in here is given nothing that could send: a source, and a destination, which only puts requests into words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.ports import Bounds, CallAside, Destination, Source
from airflow_provider_cdi.engine.reading.read_ahead import ReadAhead, call_in_thread, read_in_thread
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.plain_row import PlainRow, plain_row
from airflow_provider_cdi.engine.rows.position import integers
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.preview.requests import PlannedRequest, planned_requests

#: Rows that are shown of those that are skipped for one reason; all are counted.
EXAMPLES = 3
#: Why a row at the watermark is not sent again.
HANDLED = "already_delivered"


@dataclass(slots=True)
class SampledRow:
    """A row, and what the next run would do with it.

    :param row: as it was read.
    :param outcome: ``sent``, ``rejected`` or ``skipped``.
    :param code: why, for a row that is rejected or skipped.
    :param reason: the same as a sentence, for a row that is rejected.
    :param body: the row's own bytes in the request; of a row that is rejected, what of it is sent all the same.
    :param request: number of the request that carries them, from 1.
    :param adjusted: what is left out or changed so that the row can go.
    """

    row: PlainRow
    outcome: str
    code: str = ""
    reason: str = ""
    body: bytes | None = field(default=None, repr=False)
    request: int | None = None
    adjusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a slice.

    :param rows: those that are due, in the order in which they are read, and examples of those that are skipped.
    :param requests: what they become.
    :param due: rows that the whole slice has due, as far as numbers can tell.
    :param skipped: reason -> rows; of those that were delivered already, as many as were read.
    :param is_whole: whether the sample holds every row that is due: then the requests are those of the run.
    :param stopped_by: why the run would stop before it sends anything; empty when it would not.
    """

    rows: Sequence[SampledRow]
    requests: Sequence[PlannedRequest]
    due: int
    skipped: Mapping[str, int]
    is_whole: bool
    stopped_by: str = ""


async def take_sample(
    source: Source,
    destination: Destination,
    part: Slice,
    *,
    rows: int,
    sleep: Callable[[float], Awaitable[None]],
    prepare: Callable[[], None] | None = None,
    gates: Gates | None = None,
    read_ahead: ReadAhead = read_in_thread,
    call_aside: CallAside = call_in_thread,
) -> Sample:
    """Read the first rows of a slice and show what the run would do with them.

    :param source: where rows come from.
    :param destination: encodes them.
    :param part: the slice that the run would read.
    :param rows: how many rows that are due.
    :param sleep: waits for at most a second, to find out whether the query stamps rows.
    :param prepare: asks what must be known before a row can be encoded; called when something is due.
    :param gates: how much the run may send; only those that need no row are looked at.
    :param read_ahead: how a blocking reader is read beside the event loop.
    :param call_aside: how a blocking call is made beside it.
    :raises SourceError: when the source cannot be read as it is.
    :raises RetryLater: when the warehouse, or what ``prepare`` asks, does not answer now.
    """
    reader = SliceReader(
        source,
        part,
        is_resumed=False,
        read_ahead=read_ahead,
        call_aside=call_aside,
        with_total=gates is not None and gates.need_total,
    )
    await reader.count()
    await reader.look_for_stamped_rows(sleep)
    if reader.due and prepare is not None:
        await call_aside(prepare)
    first = _FirstRows(destination, rows)
    is_whole = await first.read(reader) if reader.due else True
    skipped = dict(reader.not_due())
    waiting = await call_aside(lambda: list(_waiting_rows(source, destination, part, skipped)))
    requests = planned_requests(destination, first.records)
    first.note(requests)
    handled = {HANDLED: first.handled} if first.handled else {}
    return Sample(
        [*first.rows, *waiting], requests, reader.due, handled | skipped, is_whole, _stopped_by(reader, gates)
    )


class _FirstRows:
    """The first rows that are due, and examples of those before them that were delivered already.

    :param destination: encodes them.
    :param most: how many that are due.
    """

    def __init__(self, destination: Destination, most: int) -> None:
        self._destination = destination
        self._room = most
        self.rows: list[SampledRow] = []
        self.records: list[Record] = []
        self.handled = 0

    async def read(self, reader: SliceReader) -> bool:
        """Read until there are enough; say whether the slice has no more."""
        async with aclosing(await reader.read(lambda _ties: None, most=self._room + 1)) as batches:
            async for rows in batches:
                handled = reader.handled_before(rows, integers(rows.column(UPDATED_AT)))
                if not self._take(rows, handled):
                    return False
        return True

    def note(self, requests: Sequence[PlannedRequest]) -> None:
        """Note which request carries each row, and which rows go into those of others."""
        for request in requests:
            for record in request.records:
                self._note(record, request)
                for follower, reason in record.followers:
                    self.rows[follower.row] = SampledRow(self.rows[follower.row].row, "skipped", reason)

    def _note(self, record: Record, request: PlannedRequest) -> None:
        row = self.rows[record.row]
        row.body, row.request = record.body, request.number
        if (shortfall := record.shortfall) is not None:
            row.outcome, row.code, row.reason = "rejected", shortfall.code, shortfall.reason
        row.adjusted = tuple(one if isinstance(one, str) else one.code for one in record.adjusted)

    def _take(self, rows: pa.RecordBatch, handled: Sequence[bool]) -> bool:
        due = [row for row in range(rows.num_rows) if not (row < len(handled) and handled[row])]
        stop = due[self._room] if len(due) > self._room else rows.num_rows
        entries = self._destination.encode(rows.slice(0, stop)) if due[: self._room] else [None] * stop
        for row, entry in enumerate(entries):
            if row < len(handled) and handled[row]:
                self._pass_over(rows, row)
            elif entry is not None:
                self._keep(rows, row, entry)
        return bool(stop == rows.num_rows)

    def _pass_over(self, rows: pa.RecordBatch, row: int) -> None:
        self.handled += 1
        if self.handled <= EXAMPLES:
            self.rows.append(SampledRow(plain_row(rows, row, self._destination.contract), "skipped", HANDLED))

    def _keep(self, rows: pa.RecordBatch, row: int, entry: Record | Rejection) -> None:
        self._room -= 1
        plain = plain_row(rows, row, self._destination.contract)
        if isinstance(entry, Rejection):
            self.rows.append(SampledRow(plain, "rejected", entry.code, entry.reason))
            return
        entry.row = len(self.rows)
        self.rows.append(SampledRow(plain, "sent"))
        self.records.append(entry)


def _waiting_rows(
    source: Source, destination: Destination, part: Slice, skipped: Mapping[str, int]
) -> Iterator[SampledRow]:
    """Read examples of the rows whose time has not come."""
    now = SourceClock(part.zone).shown(source.opened_at)
    for reason, bounds in (
        ("settling", Bounds(after=part.up_to, up_to=now, most=EXAMPLES)),
        ("future", Bounds(after=now, most=EXAMPLES)),
    ):
        if skipped.get(reason):
            with closing(source.read(bounds)) as batches:
                for rows in batches:
                    for row in range(min(EXAMPLES, rows.num_rows)):
                        yield SampledRow(plain_row(rows, row, destination.contract), "skipped", reason)
                    break


def _stopped_by(reader: SliceReader, gates: Gates | None) -> str:
    if gates is None or not reader.due:
        return ""
    return " ".join(gates.over_rows(reader.surely_due, reader.total, is_first_run=reader.is_first_run))
