"""What became of the rejects that a run sends again: it is marked when it is durable, and counted for the report."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.transfers.redrive.current_rows import UNCLEAR
from airflow_provider_cdi.transfers.redrive.taking import TakenReject

if TYPE_CHECKING:
    from airflow_provider_cdi.rejects.stored import StoredReject

#: What a reject becomes by the outcomes of its rows: the first of these that one of them has.
_WORST = ("rejected", "unknown", "skipped", "accepted")
#: A row that is passed over has a newer word of the person against it, or is at the destination already.
_SKIPPED = "newer_row"


class Marking(Protocol):
    """Where marks are written."""

    def mark(self, fates: Sequence[tuple[StoredReject, str]]) -> None:
        """Write down what became of rejects; it is durable on return."""
        ...

    def note_sent(self, hashes: Sequence[int]) -> None:
        """Keep which rows at the watermark no usual run is to send any more; it is durable on return."""
        ...


@dataclass(slots=True)
class _Row:
    """The rejects that end with the next row or rows that are sent."""

    rejects: Sequence[TakenReject]
    rows: int
    hashes: Sequence[int]
    outcomes: list[str] = field(default_factory=list)


class RedriveOutcomes:
    """Follows the rejects of one try from the rows that are sent for them to their marks.

    The reader's thread says what is sent and what is not, the event loop what became of it, and the thread that saves
    marks it: each only adds at the end of a queue or takes from its beginning.

    :param marking: where marks are written; None for a run that sends nothing.
    :param rows_before: rows that earlier tries of the run have counted.
    """

    def __init__(self, marking: Marking | None, rows_before: int = 0) -> None:
        self._marking = marking
        self._rows_settled = rows_before
        self._sent: deque[_Row] = deque()
        self._passed: deque[str] = deque()
        self._not_sent: deque[tuple[TakenReject, str]] = deque()
        #: Of rows that were sent, what the watermark does not know yet.
        self._hashes: list[int] = []
        #: Rejects by what became of them.
        self.fates: Counter[str] = Counter()

    def begin(self) -> None:
        """Say that the rows are given from the first one on: a gate may have looked at all of them before."""
        self._sent.clear()
        self._not_sent.clear()
        self.fates.clear()

    def note_sent(self, rejects: Sequence[TakenReject], rows: int, hashes: Sequence[int] = ()) -> None:
        """Say that the next rows are those of rejects.

        :param rejects: that end with them.
        :param rows: how many rows.
        :param hashes: of those that a usual run would send, too.
        """
        self._sent.append(_Row(rejects, rows, hashes))

    def note_not_sent(self, fates: Sequence[tuple[TakenReject, str]]) -> None:
        """Say that nothing is sent for rejects, and why."""
        self.fates.update(fate for _, fate in fates)
        self._not_sent.extend((reject, fate) for reject, fate in fates if fate != UNCLEAR)

    def note_passed(self, outcomes: Sequence[str]) -> None:
        """Say what became of the next rows, in the order in which they were sent.

        :param outcomes: of each row: ``accepted``, ``rejected``, ``unknown`` or ``skipped``.
        """
        self._passed.extend(outcomes)

    @contextmanager
    def marking(self, totals: Totals) -> Iterator[None]:
        """Mark around the save of a checkpoint what it makes durable.

        What arrived is marked before, so that a kill in between sends nothing twice; what was rejected again after it,
        because the new reject counts only then, and a kill in between sends it once more in vain. Before both the
        watermark gets to know the rows: of what it knows, a redrive sends only what is still as it was rejected.

        :param totals: that are saved.
        """
        fates = [(one.reject, fate) for one, fate in self._settled(totals.rows_read)]
        self._keep_hashes()
        before = [(reject, fate) for reject, fate in fates if fate != "rejected"]
        self._mark(before)
        yield
        self._mark([(reject, fate) for reject, fate in fates if fate == "rejected"])

    def settle(self, rows: int) -> None:
        """Count what became of the rejects of a run that saves nothing, and so marks nothing.

        :param rows: that it has read.
        """
        for _ in self._settled(rows):
            pass

    def _settled(self, rows: int) -> Iterator[tuple[TakenReject, str]]:
        while self._not_sent:
            yield self._not_sent.popleft()
        while self._rows_settled < rows:
            self._rows_settled += 1
            row = self._sent[0]
            row.outcomes.append(self._passed.popleft())
            if len(row.outcomes) == row.rows:
                self._sent.popleft()
                fate = _fate_of(row.outcomes)
                self.fates[fate] += len(row.rejects)
                self._hashes += row.hashes
                yield from ((reject, fate) for reject in row.rejects)

    def _keep_hashes(self) -> None:
        if self._hashes and self._marking is not None:
            self._marking.note_sent(self._hashes)
            self._hashes.clear()

    def _mark(self, fates: Sequence[tuple[StoredReject, str]]) -> None:
        if fates and self._marking is not None:
            self._marking.mark(fates)


def _fate_of(outcomes: Sequence[str]) -> str:
    worst = next(one for one in _WORST if one in outcomes)
    return _SKIPPED if worst == "skipped" else worst


@dataclass(frozen=True, slots=True)
class RedriveNumbers:
    """What the report says of the rejects of a run.

    :param taken: rejects that this try took.
    :param fates: of those, by what became of them.
    :param left: rejects beyond what one run takes.
    :param without_key: rejects that name nobody.
    :param elsewhere: parts that could not be read from here.
    :param unreadable: lines and marks that are broken.
    """

    taken: int
    fates: Counter[str]
    left: int
    without_key: int
    elsewhere: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        names = ("accepted", "rejected", "unknown", "gone", "newer_row", UNCLEAR)
        return {
            "taken": self.taken,
            **{name: self.fates[name] for name in names},
            "left": self.left,
            "without_key": self.without_key,
            "elsewhere": list(self.elsewhere),
            "unreadable": list(self.unreadable),
        }
