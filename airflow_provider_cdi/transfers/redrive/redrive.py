"""The rejects of one try, put together before it starts: which ones, as which rows, and where they are marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.rejects.stored import RejectFilter, StoredReject
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.outcomes import RedriveNumbers, RedriveOutcomes
from airflow_provider_cdi.transfers.redrive.source import KeyedSource, RedriveSource
from airflow_provider_cdi.transfers.redrive.stored_rows import StoredRows
from airflow_provider_cdi.transfers.redrive.taking import Taken, take

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.rows.watermark import Watermark
    from airflow_provider_cdi.rejects.index import RejectIndex


@dataclass(frozen=True, slots=True)
class Redrive:
    """What a try sends again.

    :param source: gives its rows to the run.
    :param outcomes: follows its rejects.
    :param taken: the rejects.
    :param elsewhere: parts that cannot be read here, in words.
    :param unreadable: what is broken of those that lie here, in words.
    :param others: where none is taken, which rejects there are besides, in words; empty when there are none.
    """

    source: RedriveSource
    outcomes: RedriveOutcomes
    taken: Taken
    elsewhere: tuple[str, ...]
    unreadable: tuple[str, ...]
    others: str

    @classmethod
    def opened(
        cls,
        index: RejectIndex,
        chosen: RejectChoice,
        source: KeyedSource,
        contract: TableContract,
        *,
        name: str,
        every_row: bool,
        watermark: Watermark | None,
        save_watermark: Callable[[Watermark], None],
        run_id: str | None,
        rows_before: int = 0,
    ) -> Redrive:
        """Take the rejects; no row is looked for yet.

        :param index: of the sync's rejects.
        :param chosen: which, with a time before which they were written.
        :param source: the sync's own.
        :param contract: of the data type.
        :param name: of the sync; of a mapped one that of the instance.
        :param every_row: whether each row counts for itself.
        :param watermark: of the sync.
        :param save_watermark: keeps it when it has got to know rows.
        :param run_id: of the run, for the marks; None for a dry run, which marks nothing.
        :param rows_before: rows that earlier tries of the run have counted.
        :raises RetryLater: when the storage does not give them.
        :raises ConfigurationError: when it never can, or what was stored cannot be sent.
        """
        stored = StoredRows(source.selection) if chosen.stored_payload else None
        entries = _meant(index.entries(reject_filter(chosen)), name, chosen, every_row=every_row)
        taken = take(entries, contract, stored=chosen.stored_payload)
        due = Due(watermark, save_watermark)
        outcomes = RedriveOutcomes(_Marks(index, run_id, due) if run_id is not None else None, rows_before)
        rows = RedriveSource(source, contract, taken.rejects, outcomes, due, every_row=every_row, stored=stored)
        elsewhere, unreadable = tuple(map(_in_words, index.elsewhere())), tuple(index.troubles)
        others = "" if taken.rejects else not_chosen(index, name)
        return cls(rows, outcomes, taken, elsewhere, unreadable, others)

    def numbers(self) -> RedriveNumbers:
        """Return what is known so far of what became of the rejects."""
        taken = self.taken
        return RedriveNumbers(
            len(taken.rejects),
            self.outcomes.fates,
            taken.left,
            taken.without_key,
            self.elsewhere,
            self.unreadable[:_TOLD_BY_REPORT],
        )

    def tell(self, log: Any) -> None:
        """Say before the first row what is sent again, and what cannot be.

        :param log: of the task.
        """
        taken = self.taken
        log.info("%s rejects are taken, %s are left for another run", f"{len(taken.rejects):,}", f"{taken.left:,}")
        if self.others:
            log.warning("%s", self.others)
        if taken.without_key:
            log.warning("%s rejects name nobody: their rows cannot be found, and they stay", f"{taken.without_key:,}")
        for part in self.elsewhere:
            log.warning("%s", f"Rejects that cannot be read here stay as they are: {part}. {_CURE}")
        for trouble in self.unreadable:
            log.warning("Not read: %s", trouble)


def reject_filter(chosen: RejectChoice) -> RejectFilter:
    """Return which rejects the index is asked for.

    :param chosen: with the time before which they were written. With codes, rows of which only a part was left out are
        meant too: who names such a code wants the part.
    """
    outcomes = {"rejected", "unknown"} | ({"accepted"} if chosen.codes else set())
    return RejectFilter(
        codes=frozenset(chosen.codes),
        run_id=chosen.run_id or None,
        older_than=chosen.before,
        outcomes=frozenset(outcomes),
    )


def not_chosen(index: RejectIndex, name: str | None = None) -> str:
    """Say which rejects there are that were not sent again, for somebody whose choice takes none of them.

    :param index: of the sync's rejects.
    :param name: of the sync, of a mapped one that of the instance; None for all instances.
    :return: empty when there are none.
    """
    codes = Counter(one.code for one in index.entries(RejectFilter()) if name is None or one.sync_id in ("", name))
    listed = ", ".join(f"{number:,} {code}" for code, number in codes.most_common())
    return f"The choice takes none of the rejects that were not sent again yet: {listed}." if listed else ""


def _meant(
    entries: Iterable[StoredReject], name: str, chosen: RejectChoice, *, every_row: bool
) -> Iterator[StoredReject]:
    """Leave out those of other instances, and those that are not sent again."""
    for reject in entries:
        if reject.sync_id in ("", name) and may_be_sent(reject, chosen, every_row=every_row):
            yield reject


def may_be_sent(reject: StoredReject, chosen: RejectChoice, *, every_row: bool) -> bool:
    """Whether a reject may be sent again: where each row counts, one that may have arrived is when it is asked for.

    :param reject: one that :func:`reject_filter` takes.
    :param chosen: whether those are meant.
    :param every_row: whether each row counts for itself.
    """
    may_have_arrived = reject.outcome != "rejected" or reject.is_in_doubt
    return chosen.unknown or not (every_row and may_have_arrived)


#: Broken lines that the report names; the log names more.
_TOLD_BY_REPORT = 10


class _Marks:
    """Marks in the name of a run."""

    def __init__(self, index: RejectIndex, run_id: str, due: Due) -> None:
        self._index, self._run_id, self._due = index, run_id, due

    def mark(self, fates: Sequence[tuple[StoredReject, str]]) -> None:
        self._index.mark(fates, run=self._run_id, at=now_text())

    def note_sent(self, hashes: Sequence[int]) -> None:
        self._due.note_sent(hashes)


def now_text() -> str:
    """Return the time that a mark says."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _in_words(part: RejectPart) -> str:
    return f"{part.rows:,} in {part.pattern} on {part.host}"


_CURE = (
    "Let the task run there (its queue), or copy them; and set [cdi] rejects_path to storage that all workers share, "
    "such as s3://aws_default@bucket/rejects, or file:///mnt/rejects for a mount"
)
