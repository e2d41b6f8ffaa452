"""What a destination may say of its records beside encoding them, and a source of a read before it is run."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from airflow_provider_cdi.engine.ports import Bounds, Rate
from airflow_provider_cdi.engine.rows.records import Record


@runtime_checkable
class ActivatingDestination(Protocol):
    """A destination whose vendor bills the people who can be written to by e-mail (Klaviyo: active profiles)."""

    @property
    def active_change(self) -> int:
        """1 when its records can make profiles active, -1 when they can end that."""
        ...

    def email_of(self, record: Record) -> str | None:
        """Return the address under which a record's profile is active, as the vendor compares it; None without one."""
        ...


@runtime_checkable
class DocumentedRate(Protocol):
    """A destination that shows its rate limit in its answers only, and documents it."""

    @property
    def documented_rate(self) -> Rate:
        """The limit of the vendor's documents, of everybody who shares it; a contract may have another."""
        ...


@runtime_checkable
class EstimatingSource(Protocol):
    """A source that can tell what a read will scan, before it is run."""

    def estimate_scan(self, bounds: Bounds) -> tuple[int | None, str]:
        """Ask for it.

        :return: bytes, None where the warehouse does not tell; and how it was found out, in a sentence.
        :raises CdiError: when the warehouse cannot be asked.
        """
        ...
