"""State in XComs, which every version of Airflow has: each task instance has its own, and a new try begins without.

Values of earlier runs are seen and changed by nobody, so each one has to say whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_cdi import version_compat
from airflow_provider_cdi.state.airflow_calls import in_turn
from airflow_provider_cdi.state.store import Instance, StateStore, json_object


class XComStore(StateStore):
    """Keeps values in the XComs of one task.

    :param ti: the running task instance.
    :param by_hand: says where a person writes a value instead, because nobody can push an XCom by hand.
    :param drop: deletes the XCom of a run, ``(ti, key, run_id, map_index)``; by default Airflow's way.
    """

    may_miss = "this run is older than the runs that left one"

    def __init__(
        self,
        ti: Any,
        by_hand: Callable[[str], str],
        drop: Callable[[Any, str, str, int], None] | None = None,
    ) -> None:
        self._ti = ti
        self._by_hand = by_hand
        self._drop = in_turn(drop or version_compat.drop_xcom)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the XCom of this task instance.

        A stale try whose XCom is gone, or is that of another try, learns from it that it is stale.
        """
        mine = Instance.of(self._ti).map_index
        found = self._pull(key, include_prior_dates=False)
        return next((value for value in found if value.get("map_index", -1) == mine), None)

    def seen(self, key: str) -> list[dict[str, Any]]:
        """Return the XComs of all runs that Airflow shows to this one."""
        found = self._pull(key, include_prior_dates=True)
        # Not map_indexes=... alone: the order is wrong after a run without a logical date. The list has all, unordered.
        if not version_compat.lists_prior_xcoms():
            latest = self._pull(key, include_prior_dates=True, map_indexes=self._ti.map_index)
            found += [value for value in latest if value not in found]
        return found

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Push the XCom of this task instance."""
        self._ti.xcom_push(key=key, value=value)

    def delete(self, key: str, of: Instance) -> None:
        """Delete the XCom of whatever task instance."""
        self._drop(self._ti, key, of.run_id, of.map_index)

    def by_hand(self, key: str) -> str:
        """Name the place that a person can write."""
        return self._by_hand(key)

    def _pull(self, key: str, **which: Any) -> list[dict[str, Any]]:
        # Without map_indexes: a list of all, and no error in the log where there is none.
        found = self._ti.xcom_pull(task_ids=self._ti.task_id, key=key, **which)
        values = map(json_object, found if isinstance(found, list) else [found])
        return [value for value in values if value is not None]
