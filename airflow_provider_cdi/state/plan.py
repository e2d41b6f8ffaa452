"""The plan of one run: its slice, fixed at the first try, and how far it is.

It lives in the task state store (Airflow 3.3 and later), which survives retries and clears. Before 3.3 a Variable can
stand in for the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.state.airflow_calls import saving
from airflow_provider_cdi.state.identity import Identity, Reading
from airflow_provider_cdi.state.record import RECORD_VERSION, Checkpoint
from airflow_provider_cdi.state.variable_store import VariableStore
from airflow_provider_cdi.version_compat import never_expire

PLAN_KEY = "cdi_plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does, fixed at its first try.

    :param slice: what it reads.
    :param clear_number: how often the run had been cleared when the plan was made.
    :param is_done: whether everything was delivered.
    :param checkpoint: how far it is, for runs that do not move the watermark; others keep that in the record.
    :param is_replay: whether a run that had finished was cleared, and its rows are sent again.
    """

    slice: Slice
    clear_number: int
    is_done: bool = False
    checkpoint: Checkpoint | None = None
    is_replay: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {
            "v": RECORD_VERSION,
            "slice": self.slice.to_json(),
            "clear_number": self.clear_number,
            "is_done": self.is_done,
            "checkpoint": self.checkpoint.to_json() if self.checkpoint else None,
            **({"is_replay": True} if self.is_replay else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        """Read what :meth:`to_json` returned."""
        checkpoint = Checkpoint.from_json(stored["checkpoint"]) if stored["checkpoint"] else None
        part, is_replay = Slice.from_json(stored["slice"]), stored.get("is_replay", False)
        return cls(part, stored["clear_number"], stored["is_done"], checkpoint, is_replay)


class PlanStore:
    """Keeps the plan of one run through retries and clears, where Airflow can (3.3 and later).

    :param context: of the running task.
    :param variables: keeps the plan of the sync's latest run where Airflow has no task state store.
    :param identity: of the sync: how far a run is says nothing about other rows.
    """

    def __init__(
        self, context: Mapping[str, Any], variables: VariableStore | None = None, identity: Identity | None = None
    ) -> None:
        self._identity = identity
        self._store = context.get("task_state_store")
        self._variables = variables if self._store is None else None
        self._run_id = context["ti"].run_id

    def load(self) -> Plan | None:
        """Return the plan that an earlier try made; one that began with other rows is none."""
        if self._variables is not None:
            stored = self._variables.get(PLAN_KEY)
            stored = stored if stored and stored["run_id"] == self._run_id else None
        else:
            stored = self._store.get(PLAN_KEY) if self._store is not None else None
        if not stored or not (stored["is_done"] or self._is_for_these_rows(stored.get("for"))):
            return None
        return Plan.from_json(stored)

    def save(self, plan: Plan) -> None:
        """Keep the plan as long as its run exists.

        :raises Superseded: when Airflow refuses this try.
        :raises RetryLater: when it does not answer.
        """
        kept = plan.to_json() | ({"for": _described(self._identity)} if self._identity else {})
        with saving(self._identity.sync_id if self._identity else ""):
            if self._store is not None:
                self._store.set(PLAN_KEY, kept, retention=never_expire())
            elif self._variables is not None:
                self._variables.set(PLAN_KEY, kept | {"run_id": self._run_id})

    def _is_for_these_rows(self, stored: Mapping[str, Any] | None) -> bool:
        if stored is None or self._identity is None or self._identity.reads is None:
            return True
        is_same_place = [stored["data_type"], stored["destination"]] == [
            self._identity.data_type,
            self._identity.destination,
        ]
        return is_same_place and not self._identity.reads.differences(Reading.from_json(stored["reads"]))


def _described(identity: Identity) -> dict[str, Any]:
    reads = identity.reads.to_json() if identity.reads else {}
    return {"data_type": identity.data_type, "destination": identity.destination, "reads": reads}
