"""Marks rejects whose rows a usual run is about to send by itself, so that no redrive sends them once more.

A run that goes on from the watermark looks at the rows of that very time again, and sends those that it does not know:
also an event that was rejected and mended in place since. When the watermark has moved on, nobody could tell any more
that it was sent. So its reject is marked before it is: a try that is killed in between leaves the row to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.rejects.stored import RejectFilter, StoredReject
from airflow_provider_cdi.transfers.redrive.current_rows import NEWER_ROW
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.outcomes import RedriveOutcomes
from airflow_provider_cdi.transfers.redrive.redrive import now_text
from airflow_provider_cdi.transfers.redrive.source import KeyedSource, RedriveSource
from airflow_provider_cdi.transfers.redrive.taking import sortable, take

if TYPE_CHECKING:
    from airflow_provider_cdi.rejects.index import RejectIndex

#: A row is rejected after its time has come, by clocks that may differ so much, in their zones too. Files that were
#: written before are not read, so that what a run costs does not grow with what is kept.
_CLOCKS = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentByItself:
    """The rejects of one sync at the time from which a usual run goes on; each row counts for itself.

    :param open_index: opens the index of the sync's rejects. It asks Airflow for the records of all runs that it keeps.
    :param source: the sync's own.
    :param contract: of the data type.
    :param name: of the sync; of a mapped one that of the instance.
    :param run_id: of the usual run.
    :param log: of the task.
    """

    open_index: Callable[[], RejectIndex]
    source: KeyedSource
    contract: TableContract
    name: str
    run_id: str
    log: Any

    def mark(self, after: Watermark | None) -> None:
        """Mark them. Nothing is asked or read unless a row at the watermark was rejected.

        :param after: from where the run goes on; None for the beginning.
        """
        if after is None or not after.has_rejects or after.ties.exact is None:
            return
        index = self.open_index()
        try:
            marked = list(self._rejects_of(after, index))
            index.mark(((reject, NEWER_ROW) for reject in marked), run=self.run_id, at=now_text())
        except (RetryLater, ConfigurationError) as error:
            self.log.warning(
                "Whether this run sends rejected rows that were mended in place could not be found out: %s Sent again "
                "as rejects, such rows would arrive twice.",
                error,
            )
            return
        if marked:
            self.log.info("%s rejects are mended in place: this run sends their rows", f"{len(marked):,}")

    def _rejects_of(self, after: Watermark, index: RejectIndex) -> Iterator[StoredReject]:
        taken = take(self._entries(after, index), self.contract, stored=False)
        if not taken.rejects:
            return
        due = Due(after)
        rows = RedriveSource(self.source, self.contract, taken.rejects, RedriveOutcomes(None), due, every_row=True)
        for verdict in rows.verdicts():
            yield from (one.reject for one, fate in verdict.fates if fate == NEWER_ROW)
            yield from (one.reject for sent in verdict.sent if sent.hashes for one in sent.rejects)

    def _entries(self, after: Watermark, index: RejectIndex) -> Iterator[StoredReject]:
        position = sortable(after.position)
        at = datetime.fromisoformat(after.position.removesuffix("Z")[:26]).replace(tzinfo=UTC)
        for reject in index.entries(RejectFilter(files_since=at - _CLOCKS)):
            if reject.sync_id in ("", self.name) and sortable(reject.updated_at) == position:
                yield reject
