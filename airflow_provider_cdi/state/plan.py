"""The plan of one run: its slice, fixed at the first try, and how far it is. It has to survive retries and clears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.state.airflow_calls import saving
from airflow_provider_cdi.state.identity import Identity, Reading
from airflow_provider_cdi.state.record import RECORD_VERSION, Checkpoint
from airflow_provider_cdi.state.store import StateStore

PLAN_KEY = "cdi_plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does, fixed at its first try.

    :param slice: what it reads.
    :param clear_number: how often the run had been cleared when the plan was made.
    :param is_done: whether everything was delivered.
    :param checkpoint: how far it is, for runs that do not move the watermark; others keep that in the record.
    :param is_replay: whether a run that had finished was cleared, and its rows are sent again.
    :param passed_gates: whether a try of the run was let through its gates: a later one is not asked again.
    """

    slice: Slice
    clear_number: int
    is_done: bool = False
    checkpoint: Checkpoint | None = None
    is_replay: bool = False
    passed_gates: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {
            "v": RECORD_VERSION,
            "slice": self.slice.to_json(),
            "clear_number": self.clear_number,
            "is_done": self.is_done,
            "checkpoint": self.checkpoint.to_json() if self.checkpoint else None,
            **({"is_replay": True} if self.is_replay else {}),
            **({"passed_gates": True} if self.passed_gates else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        """Read what :meth:`to_json` returned."""
        checkpoint = Checkpoint.from_json(stored["checkpoint"]) if stored["checkpoint"] else None
        part, is_replay = Slice.from_json(stored["slice"]), stored.get("is_replay", False)
        passed_gates = stored.get("passed_gates", False)
        return cls(part, stored["clear_number"], stored["is_done"], checkpoint, is_replay, passed_gates)


class PlanStore:
    """Keeps the plan of one run through retries and clears, where Airflow can (3.3 and later).

    :param store: keeps it: that of the run, or one where the plan of the sync's latest run is.
    :param run_id: of the run.
    :param identity: of the sync: how far a run is says nothing about other rows.
    """

    def __init__(self, store: StateStore, run_id: str, identity: Identity) -> None:
        self._store = store
        self._run_id = run_id
        self._identity = identity

    def load(self) -> Plan | None:
        """Return the plan that an earlier try made; one of another run, or that began with other rows, is none."""
        stored = self._store.get(PLAN_KEY)
        # Earlier versions named no run where each has a store of its own.
        if not stored or stored.get("run_id", self._run_id) != self._run_id:
            return None
        if not (stored["is_done"] or self._is_for_these_rows(stored.get("for"))):
            return None
        return Plan.from_json(stored)

    def save(self, plan: Plan) -> None:
        """Keep the plan as long as its run exists.

        :raises Superseded: when Airflow refuses this try.
        :raises RetryLater: when it does not answer.
        """
        kept = plan.to_json() | {"for": _described(self._identity), "run_id": self._run_id}
        with saving(self._identity.sync_id):
            self._store.set(PLAN_KEY, kept)

    def _is_for_these_rows(self, stored: Mapping[str, Any] | None) -> bool:
        if stored is None or self._identity.reads is None:
            return True
        is_same_place = [stored["data_type"], stored["destination"]] == [
            self._identity.data_type,
            self._identity.destination,
        ]
        return is_same_place and not self._identity.reads.differences(Reading.from_json(stored["reads"]))


def _described(identity: Identity) -> dict[str, Any]:
    reads = identity.reads.to_json() if identity.reads else {}
    return {"data_type": identity.data_type, "destination": identity.destination, "reads": reads}
