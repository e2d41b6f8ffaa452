"""Whether ``UPDATED_AT`` is fit for a watermark: filled, past, spread, kept, and found without reading all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.checks.warehouse.profile import Layout, WarehouseProfile
from airflow_provider_cdi.checks.warehouse.source import TYPES, told
from airflow_provider_cdi.checks.warehouse.subject import Subject
from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.reading.stamped_rows import StampedRows

FILLED, PAST, TIES = "UPDATED_AT filled", "UPDATED_AT not in the future", "UPDATED_AT ties"
KEPT, ORDER = "UPDATED_AT kept", "UPDATED_AT index"
#: Rows of one time whose hashes the state keeps one by one; above, a new one sends its bucket again.
LARGE_TIE = 2_000

T = TypeVar("T")


@dataclass
class WatermarkLook:
    """Looks at the column that says when a row changed.

    :param subject: the warehouse and the source.
    :param profile: what is known of its kind.
    :param resends_are_free: whether the destination counts nothing for a row that it has already (catalogs).
    :param counts: whether the whole source may be read by aggregates.
    """

    subject: Subject
    profile: WarehouseProfile
    resends_are_free: bool = False
    counts: bool = True

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order."""
        yield Step(FILLED, self.filled, (TYPES,))
        yield Step(PAST, self.past, (TYPES,))
        yield Step(TIES, self.ties, (TYPES,))
        yield Step(KEPT, self.kept, (TYPES,))
        yield Step(ORDER, self.order, (TYPES,))

    def filled(self) -> str:
        """Count the rows without a time."""
        counted = self._counted
        total, without = counted.total or 0, counted.without_time
        if not without:
            return f"All of {total:,} rows have one."
        told_of = f"{without:,} of {total:,} rows have no {self._name}, or one outside of what can be read."
        cure = "No run ever sends them: fill the column, make it NOT NULL with a default, or use coalesce in a view."
        raise (Problem if without == total else Doubt)(told_of, cure)

    def past(self) -> str:
        """Count the rows that are stamped later than the warehouse's clock shows."""
        late = self._counted.future - self._counted.passed
        if not late:
            return "No row is stamped later than now, by the warehouse's clock."
        raise Doubt(
            f"{late:,} rows are stamped later than the warehouse's clock shows.",
            "Each is skipped until its time has come. If that is not meant, the column shows the clock of another zone "
            '(say which: watermark_timezone="Europe/Berlin"), or the writer\'s clock is wrong.',
        )

    def ties(self) -> str:
        """Count how many rows share one time."""
        if not self.counts:
            raise NotTried("Counting was turned off.")
        time = self.subject.dialect.quoted(self._name)
        groups = f"(select count(*) as n from {self.subject.relation} where {time} is not null group by {time}) g"  # noqa: S608 - quoted
        query = f"select count(*) as times, max(n) as largest, sum(n) as timed from {groups}"  # noqa: S608 - quoted
        ((times, largest, timed),) = self.subject.ask(query, f"counting equal times in {self.subject.label}")
        times, largest, timed = int(times), int(largest or 0), int(timed or 0)
        if times == 1 and timed > 1:
            raise Doubt(
                f"All {timed:,} rows have one and the same {self._name}.",
                "That is right after a first load in one go. Else the column does not say when a row changed: a row is "
                "sent when its time grows, so let each change set it, by the clock and not by the day.",
            )
        if largest > LARGE_TIE:
            raise Doubt(
                f"{times:,} times; one of them is shared by {largest:,} rows.",
                f"Above {LARGE_TIE:,} rows of one time, a new row of that time sends some of its neighbours again. A "
                "finer time (microseconds) or smaller loads avoid it.",
            )
        return f"{times:,} times for {timed:,} rows; the most that share one are {largest:,}."

    def kept(self) -> str:
        """Look whether rows keep their time from one query to the next."""
        counted, part = self._counted, Slice("incremental", self._up_to, zone=self._clock.zone)
        stamped = StampedRows(self.subject.opened, part)
        if counted.asked_at is not None:
            asyncio.run(stamped.look_for(counted, counted.asked_at, asyncio.sleep, _aside))
        if not stamped.found:
            return "Rows keep their time from one query to the next."
        told_of = f"{stamped.found:,} of {counted.total or 0:,} rows get their {self._name} from the query itself."
        if self.resends_are_free:
            return f"{told_of} Each run sends them all, which costs a catalog nothing but requests."
        raise Doubt(
            told_of,
            "Each run sends them all, changed or not: put a column that is stored in the place of current_timestamp.",
        )

    def order(self) -> str:
        """Look for an index, a sort key, a partition or a clustering by the column."""
        if self.profile.layout is None:
            raise NotTried("This warehouse does not tell how a table lies.")
        rows = told(self.subject, self.profile.layout, "looking at how the table lies")
        if not rows:
            raise NotTried("The warehouse does not tell how this source lies.")
        layout = Layout(*rows[0])
        count = layout.rows if layout.rows is not None and layout.rows >= 0 else None
        shown = f"a {layout.kind}" + (f" of about {count:,.0f} rows" if count is not None else "")
        if layout.kind != "table" or layout.is_ordered is None:
            raise NotTried(f"It is {shown}: how its rows are found depends on what is below it.")
        if layout.is_ordered:
            return f"It is {shown}, and {self._name} leads to the changed rows."
        if (count or 0) < self.profile.many_rows:
            return f"It is {shown}, which needs no index."
        raise Doubt(
            f"It is {shown}, and each run reads all of them to find the changed ones.",
            self.profile.order_it.replace("{relation}", self.subject.relation).replace(
                "{time}", self.subject.dialect.quoted(self._name)
            ),
        )

    @property
    def _name(self) -> str:
        return self.subject.opened.selection.updated_at

    @property
    def _clock(self) -> SourceClock:
        return SourceClock(self.subject.source.watermark_timezone)

    @property
    def _up_to(self) -> str:
        return self._clock.shown(self.subject.opened.opened_at)

    @cached_property
    def _counted(self) -> Counts:
        if not self.counts:
            raise NotTried("Counting was turned off.")
        source = self.subject.opened
        recent = StampedRows(source, Slice("incremental", self._up_to, zone=self._clock.zone)).recent
        return source.count(Bounds(up_to=self._up_to), position=None, now=self._up_to, with_total=True, recent=recent)


async def _aside(call: Callable[[], T]) -> T:
    return call()
