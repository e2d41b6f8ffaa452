"""The one protocol of whatever keeps what a sync remembers; no caller asks which store it has.

A value is a JSON object. Where each task instance has a place of its own, the value has to say whose it is: in which
mapped instance of the task it was written stands under ``map_index``, for which sync under ``sync_id``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Instance(NamedTuple):
    """An instance of the sync's task.

    :param run_id: of which run.
    :param map_index: which mapped instance, -1 for none.
    """

    run_id: str
    map_index: int

    @classmethod
    def of(cls, ti: Any) -> Instance:
        """Return the running one."""
        return cls(ti.run_id, -1 if ti.map_index is None else max(ti.map_index, -1))


class StateStore(Protocol):
    """Keeps JSON objects by their keys."""

    @property
    def may_miss(self) -> str:
        """Why a value that was written may not be seen, for an error message; empty when every value is seen."""
        ...

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value at the place where :meth:`set` writes; None when there is none, or nothing of this package.

        :param key: of the value, for example ``cdi_state``.
        """
        ...

    def seen(self, key: str) -> list[dict[str, Any]]:
        """Return every value that can be seen, in no order: those of other runs too, where each has its own.

        :param key: of the values.
        """
        ...

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value.

        :param key: of the value.
        :param value: JSON types.
        """
        ...

    def delete(self, key: str, of: Instance) -> None:
        """Forget a value; nothing happens when there is none.

        :param key: of the value.
        :param of: the task instance that wrote it, where each has a place of its own.
        """
        ...

    def by_hand(self, key: str) -> str:
        """Say where a person writes the value, such as ``in the Variable 'x'``.

        :param key: of the value.
        """
        ...


class SharedStore(StateStore, Protocol):
    """A store with one place for all who use it: what was written last is all there is."""

    may_miss: str = ""

    def seen(self, key: str) -> list[dict[str, Any]]:
        """Return the value, if there is one."""
        found = self.get(key)
        return [] if found is None else [found]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where one sync keeps what it remembers.

    :param shared: what all its runs share: the first is written, and all are read, such as the places of earlier
        versions; empty where Airflow has none.
    :param copies: what each run has for itself and later ones can see.
    :param plan: what a run keeps through retries and clears.
    """

    shared: tuple[StateStore, ...]
    copies: StateStore
    plan: StateStore

    @property
    def first(self) -> StateStore:
        """Where the record counts, and with it the lease."""
        return self.shared[0] if self.shared else self.copies


def json_object(found: Any) -> dict[str, Any] | None:
    """Return what was found if it is a JSON object: what a person or another program wrote may be anything."""
    return dict(found) if isinstance(found, Mapping) else None


def decoded(value: Any) -> Any:
    """Return a value of Airflow's database as it was pushed: tasks push JSON text into a column of JSON.

    :param value: of the column.
    """
    return json.loads(value) if isinstance(value, str) else value
