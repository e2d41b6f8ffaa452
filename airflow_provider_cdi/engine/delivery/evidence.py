"""Whether a refusal that names no record is the fault of the records or of the request.

A page of a proxy, a contract that has changed or a header that is missing is refused for each record alike, and then
no record may be set aside for it. What shows that the records are at fault is that others are accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.rejects import without_personal_data
from airflow_provider_cdi.engine.settings import FEW_ROWS


@dataclass(slots=True)
class Suspects:
    """The records of one batch that were refused alone, for a reason that names none of them."""

    refused: list[tuple[Record, Rejection]] = field(default_factory=list)

    def are_all_of(self, records: Sequence[Record]) -> bool:
        """Whether every record of the batch is in here, for one reason: nothing in it speaks against the request."""
        return len(self.refused) == len(records) and len({rejection.code for _, rejection in self.refused}) == 1


class Evidence:
    """What the answers of a run show about an endpoint: does it accept anything at all?

    Records of one group go to one endpoint.

    :param was_seen_before: whether an earlier try of the run has delivered something.
    """

    def __init__(self, was_seen_before: bool = False) -> None:
        self._was_seen_before = was_seen_before
        self._accepted: set[str] = set()
        self._at_work = 0
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Say that a batch is being delivered, which may bring evidence to others."""
        self._at_work += 1

    def end(self) -> None:
        """Say that it is not any more."""
        self._at_work -= 1
        self._news.set()

    def note_accepted(self, records: Sequence[Record]) -> None:
        """Note that one of these was accepted."""
        self._accepted.add(records[0].group)
        self._news.set()

    async def clears(self, records: Sequence[Record]) -> bool:
        """Say whether other batches clear the request of a batch that was refused throughout, and has not ended yet.

        Answers that are on their way are waited for. Many records that are all refused are never cleared: it takes
        more than chance to put so many bad ones into one request.
        """
        if len(records) > FEW_ROWS:
            return False
        self._at_work -= 1
        self._news.set()
        try:
            while not self._is_accepted(records) and self._at_work:
                self._news.clear()
                await self._news.wait()
        finally:
            self._at_work += 1
        return self._is_accepted(records)

    def _is_accepted(self, records: Sequence[Record]) -> bool:
        return self._was_seen_before or records[0].group in self._accepted


def the_request_is_at_fault(suspects: Suspects) -> str:
    """Say so, for the person who is to mend it."""
    rejection = suspects.refused[0][1]
    number = len(suspects.refused)
    rows = f"Each of the {number:,} rows of a request was refused when it was sent alone" if number > 1 else _ONE
    return (
        f"{rows}, for a reason that names no row: {rejection.code} ({without_personal_data(rejection.reason)}). So it "
        "cannot be told from a fault of the request, of the connection or of what lies between (proxy, gateway). No "
        "row is set aside for it: they stay due. Try the same request by hand, or look up what changed at the "
        "destination. If the rows are at fault, mend them; a few bad rows are set aside by themselves in "
        "a run where others are accepted."
    )


_ONE = "The only row of a request was refused, and no other was accepted in this run"
