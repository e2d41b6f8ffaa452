"""Where a lease is kept: in a store that all runs share, or in XComs, which each task instance has for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_cdi.state.lease import LEASE_KEY, Lease


class StoredLease:
    """Kept in the asset state store or in a Variable: whoever writes last has it.

    :param store: with ``get``, ``set`` and ``delete``.
    :param key: where in it.
    """

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = key

    def held(self) -> list[Lease]:
        """Return the lease, if there is one."""
        return list(_leases(self._store.get(self._key)))

    def own(self) -> Lease | None:
        """Return the lease: it is this process's own or that of whoever took it."""
        return next(iter(self.held()), None)

    def write(self, lease: Lease) -> None:
        """Take the place."""
        self._store.set(self._key, lease.to_json())

    def remove(self, lease: Lease) -> None:
        """Leave the place free."""
        self._store.delete(self._key)


class XComLease:
    """Kept in the XCom of the task instance (before Airflow 3.3), which a new try begins without.

    So a stale try that finds its XCom gone, or the lease of another in it, knows. Who takes over deletes the lease of
    the one whose place it takes.

    :param ti: the running task instance.
    :param mine: the lease of this process.
    :param drop: deletes the XCom of a run: ``(ti, key, run_id, map_index)``.
    """

    def __init__(self, ti: Any, mine: Lease, drop: Callable[[Any, str, str, int], None]) -> None:
        self._ti = ti
        self._mine = mine
        self._drop = drop

    def held(self) -> list[Lease]:
        """Return the leases of all runs that this one sees; those that ended in order have left none."""
        return [lease for lease in self._pull(include_prior_dates=True) if lease.sync_id == self._mine.sync_id]

    def own(self) -> Lease | None:
        """Return what stands in the XCom of this task instance."""
        found = self._pull(include_prior_dates=False)
        return next((lease for lease in found if lease.map_index == self._mine.map_index), None)

    def write(self, lease: Lease) -> None:
        """Write it there."""
        self._ti.xcom_push(key=LEASE_KEY, value=lease.to_json())

    def remove(self, lease: Lease) -> None:
        """Delete it there, or from the XCom of another run."""
        self._drop(self._ti, LEASE_KEY, lease.run_id, lease.map_index)

    def _pull(self, *, include_prior_dates: bool) -> list[Lease]:
        # Without map_indexes: a list of all, and no error in the log where there is none.
        found = self._ti.xcom_pull(task_ids=self._ti.task_id, key=LEASE_KEY, include_prior_dates=include_prior_dates)
        return [lease for one in (found if isinstance(found, list) else [found]) for lease in _leases(one)]


def _leases(stored: Any) -> Iterator[Lease]:
    if isinstance(stored, Mapping) and "token" in stored:
        yield Lease.from_json(stored)
