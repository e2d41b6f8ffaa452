"""Examples of the rows that a run would set aside: a few of each code, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.rejects import RejectedRow

#: Examples of one code.
EXAMPLES = 3


class ExampleJournal:
    """Saves nothing: no watermark moves and no reject is written. It keeps the first rows of each code.

    Satisfies :class:`airflow_provider_cdi.engine.rows.progress.Journal`.
    """

    def __init__(self) -> None:
        self._by_code: defaultdict[str, list[RejectedRow]] = defaultdict(list)

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Keep those of which there are not enough yet, and forget the rest."""
        for reject in rejects:
            kept = self._by_code[reject.code]
            if len(kept) < EXAMPLES:
                kept.append(reject)

    @property
    def rows(self) -> list[RejectedRow]:
        """The examples, by their codes, those that were read first in front. They hold personal data."""
        return [row for code in sorted(self._by_code) for row in self._by_code[code]]
