"""What a delivery gives back: what became of some of its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airflow_provider_cdi.engine.rows.records import Record, Rejection


class Outcomes(NamedTuple):
    """What became of some records. Those that were merged into one share its fate.

    :param accepted: the destination has them.
    :param rejected: it does not, and why.
    :param skipped: they were passed over on purpose, and why.
    :param unknown: nobody knows, and why.
    """

    accepted: Sequence[Record] = ()
    rejected: Sequence[tuple[Record, Rejection]] = ()
    skipped: Sequence[tuple[Record, str]] = ()
    unknown: Sequence[tuple[Record, Rejection]] = ()
