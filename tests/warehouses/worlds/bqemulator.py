"""BigQuery as somebody else understands it: ``CDI_BIGQUERY_ENGINE=bqemulator``, see ``make test-other-engines``.

It is for the suite of ``test_contract.py``: the emulator fails on no demand, and its load jobs make no tables.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from standins.bigquery.emulator import BqEmulator
from warehouses.worlds.base import BrokenCredentials, World
from warehouses.worlds.bigquery import BigQueryWorld

_VALUE = "test_a_value_arrives_without_loss"
_BIG_INTEGER = "12345678901234567890123456789012345678"
_DECIMAL = "1234567890123456789012345678.0123456789"
_ATTACK = "test_a_name_that_is_an_attack_is_only_a_name[t` x]"
_CANCEL = "test_cancelling_ends_the_query_in_the_warehouse"

#: What bqemulator 1.4.0 cannot do.
LIMITS: Mapping[str, str] = {
    f"{_VALUE}[big_integer-{_BIG_INTEGER}-{_BIG_INTEGER}]": "its BIGNUMERIC has 33 digits before the point",
    f"{_VALUE}[decimal-{_DECIMAL}-{_DECIMAL}]": "its BIGNUMERIC has 5 digits after the point",
    "test_the_warehouses_own_history_shows_which_sync_asked": "it keeps the labels of dry runs alone",
    _ATTACK: "it answers 500 to an escaped backtick where a default dataset is set: two minutes of tries",
    _CANCEL: "a job is done before its insertion is answered, so that nothing can be cancelled",
}
ENDLESS = frozenset({_ATTACK, _CANCEL})


class BqEmulatorWorld(BigQueryWorld):
    """REST alone: the emulator's Storage Read API does not find the results of queries, so pages are read."""

    #: Whoever comes is let in.
    broken_credentials: Sequence[BrokenCredentials] = ()  # type: ignore[assignment,misc]
    limits = LIMITS
    endless = ENDLESS

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        with BqEmulator() as self.stand_in:
            yield self

    def clean(self) -> None:
        self.stand_in.clear()

    def connect_as_guest(self, table: str) -> None:
        raise NotImplementedError

    def run(self, *statements: str) -> list[list[Any]]:
        rows: list[list[Any]] = []
        for statement in statements:
            rows = self.stand_in.sql(statement)
        return rows
