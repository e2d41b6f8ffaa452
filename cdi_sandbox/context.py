"""What the state of a vendor needs of the sandbox that it is a part of."""

from __future__ import annotations

from typing import Protocol

from cdi_sandbox.settings.sandbox import Settings
from cdi_sandbox.store import Store


class SandboxContext(Protocol):
    """Settings, store and time of a sandbox. The settings may change while it runs."""

    @property
    def settings(self) -> Settings:
        """How the sandbox behaves right now."""
        ...

    @property
    def store(self) -> Store:
        """Where each change is written down as well."""
        ...

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def spread(self, delay: float) -> float:
        """Say how long something is delayed that takes so many seconds: exactly so, unless it is shuffled."""
        ...
