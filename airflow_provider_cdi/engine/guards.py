"""Guards: what stops a run that would do what nobody wants: before anything is sent, or before anything is saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_cdi.engine.records import Rejection
from airflow_provider_cdi.engine.rejects import without_personal_data
from airflow_provider_cdi.exceptions import AllRejected, GuardTripped

#: First rows of a run that must not all be rejected for one reason.
FIRST_ROWS = 500
#: When a run has fewer rows than that, all of them must not be, unless they are so few.
FEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class DeleteCap:
    """How many deletes one run may send. Deletes cannot be taken back, so it is on by default.

    :param rows: most rows of one run; None for no bound.
    :param percent: greatest share of the source's rows in one run, for every run but a sync's first one; it is
        not looked at below ``small`` rows. None for no bound.
    :param small: see ``percent``.
    """

    rows: int | None = 1_000
    percent: float | None = 50.0
    small: int = 20

    def check(self, due: int, total: int, *, is_first_run: bool) -> None:
        """Stop the run when it would delete too much.

        :param due: rows that the run would send.
        :param total: all rows of the source.
        :param is_first_run: whether the sync has no watermark yet: then every row is due.
        :raises GuardTripped: with the numbers and the way on.
        """
        if self.rows is not None and due > self.rows:
            raise GuardTripped(
                f"This run would delete {due:,} users, more than DeleteCap(rows={self.rows:,}) allows. Nothing was "
                "sent. Check the source; if it is right, raise delete_cap=DeleteCap(rows=...) for this run."
            )
        share = 100 * due / total if total else 0.0
        if self.percent is not None and not is_first_run and due > self.small and share > self.percent:
            raise GuardTripped(
                f"This run would delete {due:,} of the source's {total:,} rows ({share:.1f} %), more than "
                f"DeleteCap(percent={self.percent:g}) allows. Nothing was sent. Check whether UPDATED_AT was "
                "re-stamped; if it is right, raise delete_cap=DeleteCap(percent=...) for this run."
            )


class RejectGate:
    """Stops a run whose first rows are all rejected with one code: then a choice is wrong, and not the rows.

    Until it has decided, no checkpoint passes the rejects, so that the rows stay due.

    :param rows: how many first rows are looked at; None for no look at all.
    """

    def __init__(self, rows: int | None = FIRST_ROWS) -> None:
        self.rows = rows or 0
        self._count = 0
        self._rejection: Rejection | None = None
        self._is_shut = False
        #: Whether the rejects may be passed.
        self.is_open = not self.rows

    def open(self) -> None:
        """Let everything pass: an earlier try of the run had come through."""
        self.is_open = True

    def note(self, verdicts: Iterable[Rejection | None]) -> None:
        """Look at outcomes of rows that were due, in the order of reading.

        :param verdicts: why each was rejected; None for any other outcome.
        """
        for rejection in verdicts:
            if self.is_open or self._is_shut:
                return
            if rejection is None or (self._rejection is not None and rejection.code != self._rejection.code):
                self.is_open = True
                return
            self._rejection = self._rejection or rejection
            self._count += 1
            self._is_shut = self._count >= self.rows

    def decide(self) -> None:
        """Decide by the rows so far: there are no more, or no more can be held back."""
        if not self.is_open and not self._is_shut:
            self._is_shut = self._count > FEW_ROWS
            self.is_open = not self._is_shut

    def check(self) -> None:
        """Stop the run when the gate is shut.

        :raises AllRejected: then.
        """
        if self._is_shut and self._rejection is not None:
            raise AllRejected(self._count, self._rejection.code, without_personal_data(self._rejection.reason))
