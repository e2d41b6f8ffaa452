"""What most data types have in common: no rate budget of their own, and no two records that become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from airflow_provider_cdi.engine.ports import Merge, Rate, RateWindow
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Response


class BaseDestination:
    """The parts of a :class:`~airflow_provider_cdi.engine.ports.Destination` that most data types do not need."""

    #: No budgets: the answers and ``requests_per_second`` set the pace.
    rates: Mapping[str, Sequence[Rate]] = MappingProxyType({})

    def rate_window(self, answer: Response) -> RateWindow | None:
        """Answers tell nothing about a limit."""
        return None

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Records travel one after the other."""
        return None
