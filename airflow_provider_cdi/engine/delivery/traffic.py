"""Traffic: what went over the wire in one try, and what the answers said besides."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

#: Different remarks that a report holds; further ones are counted together.
_MOST_REMARKS = 20
_MORE_REMARKS = "further remarks"


@dataclass(slots=True)
class Traffic:
    """What went over the wire in this try.

    :param requests: requests that were sent.
    :param retries: how many of them were repeats.
    :param splits: how many batches were cut in halves to find the record at fault.
    :param held_back: answers that said "too many requests".
    :param paced: requests that waited for their turn because of a rate, not of a delay.
    :param bytes_sent: bytes of request bodies.
    :param seconds_on_way: time from each request to its answer, added up.
    :param remarks: what answers said besides the outcome of rows -> how often.
    """

    requests: int = 0
    retries: int = 0
    splits: int = 0
    held_back: int = 0
    paced: int = 0
    bytes_sent: int = 0
    seconds_on_way: float = 0.0
    remarks: Counter[str] = field(default_factory=Counter)

    def note(self, remarks: Mapping[str, int]) -> None:
        """Count what an answer said besides, and tell each thing once."""
        for remark, number in remarks.items():
            is_new = remark not in self.remarks
            if is_new and len(self.remarks) >= _MOST_REMARKS:
                self.remarks[_MORE_REMARKS] += number
                continue
            if is_new:
                log.warning("An answer says, and the report counts under remarks: %s (%s)", remark, f"{number:,}")
            self.remarks[remark] += number
