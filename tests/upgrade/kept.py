"""What Airflow keeps of a sync, as JSON, so that another version can go on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.airflow_world import AirflowWorld, MemoryStore


class Variables:
    """Airflow's Variables."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.seen: Callable[[Any], None] = lambda _value: None

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: str, description: str | None = None) -> None:
        self.kept[key] = value
        self.seen(json.loads(value))


class SeenStore(MemoryStore):
    """A store that somebody looks into after each write."""

    def __init__(self, seen: Callable[[Any], None]) -> None:
        super().__init__()
        self._seen = seen

    def set(self, key: str, value: Any, **more: Any) -> None:
        super().set(key, value, **more)
        self._seen(value)


@dataclass
class Kept:
    """Everything that outlives a process.

    :param world: the stores and the XComs.
    :param variables: the Variables.
    """

    world: AirflowWorld
    variables: Variables = field(default_factory=Variables)

    @classmethod
    def fresh(cls, version: str, seen: Callable[[Any], None]) -> Kept:
        """Begin with nothing.

        :param seen: called with what is written, after it is kept.
        """
        kept = cls(AirflowWorld(version, SeenStore(seen), {"run-1": SeenStore(seen)}))
        kept.variables.seen = seen
        return kept

    def to_json(self) -> dict[str, Any]:
        world = self.world
        return {
            "version": world.version,
            "asset": world.asset.kept,
            "runs": {run_id: store.kept for run_id, store in world.runs.items()},
            "xcoms": [[*key, value] for key, value in world.xcoms.items()],
            "variables": self.variables.kept,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Kept:
        xcoms = {(run_id, key): value for run_id, key, value in stored["xcoms"]}
        kept = cls(AirflowWorld(stored["version"], _store(stored["asset"]), xcoms=xcoms))
        kept.world.runs = {run_id: _store(values) for run_id, values in stored["runs"].items()}
        kept.variables.kept = dict(stored["variables"])
        return kept


def _store(values: dict[str, str]) -> MemoryStore:
    store = MemoryStore()
    store.kept = dict(values)
    return store
