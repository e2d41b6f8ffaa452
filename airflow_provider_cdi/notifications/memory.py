"""What was told of a sync, and to whom, so that each change of its state is told once.

It is kept in a Variable, ``cdi_alert__<sync_id>``: the one place that a task's process and the DAG processor, which
runs the callbacks of a task that was killed, can both read and write, in every version of Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from airflow_provider_cdi.state.store import StateStore
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.version_compat import has_asset_state

#: Key of the value, see :meth:`~airflow_provider_cdi.state.stores.variable_store.VariableStore.name`.
ALERT_KEY = "cdi_alert"


class _Nowhere:
    """Keeps nothing: where what was told cannot be read, everybody is told."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, value: object) -> None:
        return None


class AlertMemory:
    """What was told of one sync. It is read when it is made, and written by :meth:`save`.

    :param store: where it is kept; None for nowhere.
    :param sync_id: of the sync, with table and partition where the task is mapped.
    """

    def __init__(self, store: StateStore | None, sync_id: str) -> None:
        self._store = store or _Nowhere()
        found = self._store.get(ALERT_KEY)
        self._value: dict[str, Any] = found or {"sync_id": sync_id}
        self._saved = json.dumps(found)
        if found is None and not has_asset_state():
            self.save()  # before 3.3 Airflow logs an error for each look at a Variable that is not there

    @classmethod
    def of(cls, sync_id: str) -> AlertMemory:
        """Read what was told of a sync."""
        return cls(VariableStore(sync_id), sync_id)

    def save(self) -> None:
        """Keep it, if it is not what was read.

        :raises CdiError: when Airflow did not write it, or something on the worker hides it.
        """
        if json.dumps(self._value) != self._saved:
            self._store.set(ALERT_KEY, self._value)
            self._saved = json.dumps(self._value)

    # --- trouble that stops the whole sync ----------------------------------------------------------------

    @property
    def trouble(self) -> dict[str, Any] | None:
        """The trouble that the sync is in, None when it is in none: ``kind``, ``since``, ``runs``, ``told`` by kind."""
        trouble: dict[str, Any] | None = self._value.get("trouble")
        return None if trouble is None or trouble.get("over") else trouble

    def failed(self, kind: str, *, run_id: str, at: str, successes: int | None = None) -> dict[str, Any]:
        """Note a run that failed, and return the trouble that the sync is in now.

        Of another kind nobody has heard; ``since`` is still when the sync began to fail. A sync that fails now in one
        way and now in another tells each kind once.

        :param kind: of trouble.
        :param run_id: of the run; its later tries are no further runs.
        :param at: the time, as ISO 8601.
        :param successes: how often the task succeeded so far; when it did since, it is a new trouble. None where
            nobody knows.
        """
        trouble = self.trouble
        if trouble is not None and _is_more(successes, trouble.get("successes")):
            trouble = None
        if trouble is None:
            trouble = {"kind": kind, "since": at, "runs": 0, "told": {}, "is_known": False}
        trouble["runs"] += trouble.get("run_id") != run_id
        trouble |= {"kind": kind, "run_id": run_id, "successes": successes}
        self._value["trouble"] = trouble
        return trouble

    def needs_to_hear(self, contact: str) -> bool:
        """Whether a contact has not heard of the trouble that the sync is in."""
        return self.trouble is not None and contact not in self._told(self.trouble)

    def heard(self, contact: str) -> None:
        """Note that a contact has heard of the trouble that the sync is in."""
        if self.trouble is not None:
            self._told(self.trouble).append(contact)
            self.trouble["is_known"] = True

    def is_told(self, run_id: str) -> bool:
        """Whether anybody has heard that this run failed, or that one before it failed in the same way.

        :param run_id: of the run.
        """
        trouble = self.trouble
        return trouble is not None and trouble.get("run_id") == run_id and bool(self._told(trouble))

    @staticmethod
    def _told(trouble: dict[str, Any]) -> list[str]:
        contacts: list[str] = trouble["told"].setdefault(trouble["kind"], [])
        return contacts

    def recovered(self, *, run_id: str | None, at: str) -> dict[str, Any] | None:
        """Note that the sync ran again, and return the trouble that is over, None when nobody had heard of one.

        :param run_id: of the run that ended well; None for one that failed by its rows: the next good one tells it.
        :param at: the time, as ISO 8601.
        """
        trouble: dict[str, Any] | None = self._value.get("trouble")
        if trouble is None:
            return None
        if not trouble["is_known"]:
            del self._value["trouble"]
            return None
        trouble.setdefault("over", at)
        if run_id is not None:
            trouble.setdefault("over_run_id", run_id)
        return trouble

    def needs_to_hear_of_the_end(self, contact: str, run_id: str) -> bool:
        """Whether a contact is to hear that the trouble is over: in the run that ended it, or where that went wrong.

        :param contact: who hears it.
        :param run_id: of the run that ended well.
        """
        trouble = self._value.get("trouble") or {}
        is_of_this_run = trouble.get("over_run_id") == run_id and contact not in trouble.get("over_told", ())
        return is_of_this_run or contact in trouble.get("over_owed", ())

    def heard_of_the_end(self, contact: str, *, is_told: bool) -> None:
        """Note whether a contact could be told that the trouble is over."""
        trouble = self._value["trouble"]
        told, owed = {*trouble.get("over_told", ())}, {*trouble.get("over_owed", ())} - {contact}
        trouble["over_told"] = sorted(told | ({contact} if is_told else set()))
        trouble["over_owed"] = sorted(owed | (set() if is_told else {contact}))

    # --- rejects ------------------------------------------------------------------------------------------

    def codes_told(self, contact: str) -> frozenset[str]:
        """Return the codes of which a contact has heard, and which were there in the last run that had rows."""
        return frozenset(self._value.get("rows", {}).get(contact, ()))

    def tell_codes(self, contact: str, codes: Iterable[str]) -> None:
        """Note which codes a contact knows to be there."""
        self._value.setdefault("rows", {})[contact] = sorted(codes)


def _is_more(now: int | None, then: int | None) -> bool:
    return now is not None and then is not None and now > then
