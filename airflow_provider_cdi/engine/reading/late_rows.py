"""Rows that come late: below the watermark, where no incremental run looks any more. They are counted, not sent.

All that a source tells about them is how many rows lie below a time. The record keeps how many lay below the watermark,
and the next run counts again: if there are more, at least so many came. Rows that were changed (they move up), or
deleted, leave, and for each that leaves one more may have come. If there are fewer, numbers cannot tell.
"""

from __future__ import annotations

import logging

from airflow_provider_cdi.engine.ports import Bounds, CallAside, Source
from airflow_provider_cdi.engine.rows.progress import Reached, RowsBelow
from airflow_provider_cdi.engine.rows.watermark import Watermark

log = logging.getLogger(__name__)


class LateRows:
    """Counts rows that came late.

    :param source: where rows come from.
    :param known: what the run before, or an earlier try of this one, has saved; None when it did not count.
    """

    def __init__(self, source: Source, known: RowsBelow | None) -> None:
        self._source = source
        self._known = known
        self._start: str | None = None
        self._below = self._at_start = 0
        #: At least so many rows came late since ``known`` was saved; None when nobody can tell.
        self.number: int | None = None

    async def count(self, after: Watermark | None, at_position: int, call_aside: CallAside) -> None:
        """Count the rows below the place from which a slice is read, in one query.

        :param after: that place, None for the beginning: then nothing can have come late.
        :param at_position: how many rows are just there.
        :param call_aside: how a blocking call is made.
        """
        self._start, self._at_start, self._below = after.position if after else None, at_position, 0
        if after is None:
            return
        bounds = Bounds(until=after.position)
        counts = await call_aside(lambda: self._source.count(bounds, position=None, now=after.position))
        self._below = counts.in_bounds
        self._compare(after.position)

    def _compare(self, position: str) -> None:
        known, self._known = self._known, None
        if known is None or known.position != position:
            log.info("check_late: the rows below the watermark are counted; what comes late shows from the next run on")
        elif self._below < known.rows:
            log.info(
                "check_late: %s rows below the watermark were changed or deleted since the last run, so their number "
                "does not tell whether others came late",
                f"{known.rows - self._below:,}",
            )
        else:
            self.number = self._below - known.rows
            if self.number:
                log.warning("%s", _LATE.format(number=self.number))

    def below(self, reached: Reached) -> RowsBelow | None:
        """Return what the next run compares with.

        :param reached: how far this one is.
        """
        mark = reached.watermark
        if mark is None:
            return None
        if mark.position == self._start:
            return RowsBelow(mark.position, self._below)
        return RowsBelow(mark.position, self._below + self._at_start + reached.between)


_LATE = (
    "At least {number:,} rows came since the last run with an UPDATED_AT below the watermark: too late to be sent by "
    "themselves. A window over their time sends them, or a new UPDATED_AT; settle= gives such rows time to come"
)
