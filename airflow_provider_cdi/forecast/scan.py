"""What a warehouse says that a read will scan, before it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.engine.ports import Source
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.forecast.ports import EstimatingSource


@dataclass(frozen=True, slots=True)
class Scan:
    """What a warehouse will scan for the rows of a slice. Its own numbers; a bill may count otherwise.

    :param bytes: so many, or at most so many; None when the warehouse does not tell.
    :param told: how it was found out, or why it was not, in a sentence.
    """

    bytes: int | None = None
    told: str = "The warehouse was not asked."

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"bytes": self.bytes, "told": self.told}


def scan_of(source: Source, part: Slice) -> Scan:
    """Ask a warehouse what it will scan for a slice. That it does not tell stops nothing.

    :param source: the table, view or query.
    :param part: the slice.
    """
    if not isinstance(source, EstimatingSource):
        return Scan(told="This source does not tell what a read will scan.")
    try:
        return Scan(*source.estimate_scan(part.bounds()))
    except CdiError as error:
        return Scan(told=f"It could not be found out what the read will scan: {error}")
