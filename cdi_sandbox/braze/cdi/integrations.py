"""The integrations of Braze's own CDI, and when they ran."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLE_ID = "00000000-0000-4000-8000-00000000000a"


@dataclass(slots=True, eq=False)
class Integration:
    """One integration, with when its runs began (seconds since the epoch)."""

    integration_id: str
    name: str
    runs: list[float] = field(default_factory=list)


def example_integrations() -> list[Integration]:
    """Make the one integration that every sandbox has."""
    return [Integration(EXAMPLE_ID, "users hourly")]
