"""Where a new sync starts, as ``initial`` says it.

``everything``, ``now``, a time, or a time with the number of rows at that very time which somebody else has delivered:
``2026-01-05T08:59:58.123456Z, 3 rows delivered``. That is what Braze Cloud Data Ingestion remembers of a sync: the last
``UPDATED_AT``, and how many rows carried it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DELIVERED = re.compile(r"(?P<moment>.+), (?P<rows>[1-9]\d*) rows? delivered", re.ASCII)


@dataclass(frozen=True, slots=True)
class Initial:
    """Where a new sync starts.

    :param moment: ``everything``, ``now`` or a time as it was written, which is included.
    :param delivered: how many rows with exactly this time are delivered already; None when none is known to be.
    """

    moment: str
    delivered: int | None = None

    @classmethod
    def parse(cls, text: str) -> Initial:
        """Take the argument apart; whether the time is one is not looked at."""
        found = _DELIVERED.fullmatch(text.strip())
        return cls(text) if found is None else cls(found["moment"], int(found["rows"]))

    def __str__(self) -> str:
        """Write what :meth:`parse` reads."""
        if self.delivered is None:
            return self.moment
        return f"{self.moment}, {self.delivered} row{'' if self.delivered == 1 else 's'} delivered"
