"""The gate of a run: when its first rows are all rejected for one reason, it stops before anything of it is saved."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.rejects import without_personal_data
from airflow_provider_cdi.engine.settings import FEW_ROWS, FIRST_ROWS
from airflow_provider_cdi.exceptions import AllRejected


class RejectGate:
    """Stops a run whose first rows are all rejected with one code: then a choice is wrong, and not the rows.

    Until it has decided, no checkpoint passes the rejects, so that the rows stay due.

    :param rows: how many first rows are looked at; None for no look at all.
    :param is_open: whether everything passes: an earlier try of the run had come through.
    """

    def __init__(self, rows: int | None = FIRST_ROWS, *, is_open: bool = False) -> None:
        self.rows = rows or 0
        self._count = 0
        self._rejection: Rejection | None = None
        #: Whether the run is to stop.
        self.is_shut = False
        #: Whether the rejects may be passed.
        self.is_open = is_open or not self.rows

    def note(self, verdicts: Iterable[Rejection | None]) -> None:
        """Look at outcomes of rows that were due, in the order of reading.

        :param verdicts: why each was rejected; None for any other outcome. A row of which a part was delivered shows
            that the choice is right, and the rows behind it must not be held up by it.
        """
        for rejection in verdicts:
            if self.is_open or self.is_shut:
                return
            if (
                rejection is None
                or rejection.delivered
                or (self._rejection is not None and rejection.code != self._rejection.code)
            ):
                self.is_open = True
                return
            self._rejection = self._rejection or rejection
            self._count += 1
            self.is_shut = self._count >= self.rows

    def decide(self) -> None:
        """Decide by the rows so far: there are no more, or no more can be held back.

        :raises AllRejected: when that shuts the gate, or it is shut.
        """
        if not self.is_open and not self.is_shut:
            self.is_shut = self._count > FEW_ROWS
            self.is_open = not self.is_shut
        self.check()

    def check(self) -> None:
        """Stop the run when the gate is shut.

        :raises AllRejected: then.
        """
        if self.is_shut and self._rejection is not None:
            raise AllRejected(self._count, self._rejection.code, without_personal_data(self._rejection.reason))
