"""What a code of a reject consists of; the tables are the destinations'."""

from __future__ import annotations

from typing import NamedTuple

#: The other side's own sentences are kept in the reject file up to this length.
SENTENCE_CHARS = 300


class Code(NamedTuple):
    """What a code means, and what to do about it."""

    meaning: str
    cure: str
