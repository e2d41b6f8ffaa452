"""What all requests share: sessions, statements, files, and what is to go wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from standins.control import Faults, StatementLog
from standins.databricks.engine import Engine, SessionSettings
from standins.databricks.operations import Operation
from standins.databricks.pieces import Sizes


@dataclass
class Service:
    """What all requests share."""

    engine: Engine
    faults: Faults
    log: StatementLog
    sizes: Sizes
    base: str
    sessions: dict[bytes, SessionSettings] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def take(self, kind: str) -> dict[str, Any] | None:
        """Say whether this occasion goes wrong, and count it."""
        fault = self.faults.take(kind)
        if fault is not None:
            self.taken[kind] += 1
        return fault

    def clear(self) -> None:
        """Forget what clients have left."""
        for operation in list(self.operations.values()):
            operation.close()
        for kept in (self.sessions, self.operations, self.files, self.taken):
            kept.clear()

    def held(self) -> dict[str, int]:
        """Say how much is kept for clients."""
        return {"sessions": len(self.sessions), "operations": len(self.operations), "files": len(self.files)}


@dataclass
class HttpFault:
    """What goes wrong with an answer on its way: another status, a wait, or half of it only."""

    status: int = 200
    seconds: float = 0.0
    is_cut: bool = False
