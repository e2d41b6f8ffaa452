"""What is begun with the earlier version and ended with this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.subjects import SUBJECTS, Subject

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.settings import DeliverySettings

#: Rows of one job or batch where the case says it.
BATCH = 20
#: Rows of the second with this number have no identifier and are rejected.
BAD_SECOND, BAD_ROWS = 2, 3


@dataclass(frozen=True, slots=True)
class Case:
    """One sync that is upgraded.

    :param name: of the data type, as :data:`support.subjects.SUBJECTS` has it.
    :param how: the earlier version's run is ``done``, was ``killed`` in the middle, or its task is ``deferred``.
    :param keeps: where state is kept: ``store`` (Airflow 3.3), ``variable`` or ``xcom`` (before).
    :param mode: the kind of run.
    """

    name: str
    how: str
    keeps: str
    mode: str = "incremental"

    @property
    def key(self) -> str:
        """A name for it."""
        return f"{self.name}, {self.mode} run {self.how}, state in {self.keeps}"

    @property
    def subject(self) -> Subject:
        """The data type."""
        return SUBJECTS[self.name]

    @property
    def rows(self) -> int:
        """How many rows the earlier version finds."""
        return 60 if self.is_klaviyo else 120

    @property
    def is_klaviyo(self) -> bool:
        """Whether they go to Klaviyo."""
        return self.name.startswith("klaviyo")

    @property
    def has_jobs(self) -> bool:
        """Whether the earlier version leaves jobs that are at work."""
        return self.how == "deferred" or (self.how == "killed" and self.is_klaviyo)

    @property
    def version(self) -> str:
        """Which Airflow it is, for what touches it."""
        return "3.3" if self.keeps == "store" else "3.0"

    def tables(self) -> list[str]:
        """Return the statements that make the table; its last three rows have one UPDATED_AT."""
        column = self.subject.column[0]
        return [
            f"create table users as {self.subject.select(self.rows)}",
            f"update users set {column} = null where updated_at = timestamp '2026-01-01' + to_seconds({BAD_SECOND})",
        ]

    def more_rows(self) -> str:
        """Return the statement that adds two rows: one with the last UPDATED_AT that was sent, and a later one."""
        last = (self.rows - 1) // 3
        return f"insert into users {self.subject.select(2, first=self.rows, stamp=f'i - {self.rows - last}')}"

    def arguments(self, folder: Path) -> dict[str, Any]:
        """Return what the operator is told, by either version."""
        limits = {"limits": KlaviyoLimits(import_profiles=BATCH)} if self.name == "klaviyo profiles" else {}
        klaviyo = {"deferrable": self.how == "deferred", "poll_seconds": 0.05} if self.is_klaviyo else {}
        return {
            "kind": self.subject.kind,
            **self.subject.arguments,
            **limits,
            **klaviyo,
            "sync_mode": self.mode,
            "checkpoint": "variable" if self.keeps == "variable" else "auto",
            "rejects_path": str(folder / "rejects" / "run.jsonl"),
            "delivery": DeliverySettings(max_in_flight=1, checkpoint_seconds=0.0),
        }


_FORMS = ("store", "variable", "xcom")
_DONE = (
    *("braze attributes", "braze purchases", "braze catalog_items", "braze user_deletes"),
    *("klaviyo profiles", "klaviyo events", "klaviyo subscribe", "klaviyo suppress"),
)
_KILLED = ("braze attributes", "braze events", "braze catalog_items", "klaviyo profiles")

CASES: tuple[Case, ...] = (
    *(Case(name, "done", keeps) for name in _DONE for keeps in _FORMS),
    # An XCom is written when a try ends, and a new try begins without that of its own run.
    *(Case(name, "killed", keeps) for name in _KILLED for keeps in ("store", "variable")),
    # The progress of such a run is kept in its plan.
    *(Case(name, "killed", keeps, "full") for name in _KILLED[::3] for keeps in ("store", "variable")),
    *(Case(name, "deferred", keeps) for name in ("klaviyo profiles", "klaviyo suppress") for keeps in _FORMS),
)
