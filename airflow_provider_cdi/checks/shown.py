"""Findings for people and for programs: a line each, a summary of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_cdi.checks.findings import Finding, State

MARKS = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗", State.SKIPPED: "-"}
#: The worst comes first.
_ORDER = (State.FAILED, State.WARNING, State.OK)


def line(finding: Finding) -> str:
    """Return a finding as one line, and its cure as a second one.

    :param finding: to show.
    """
    first = f"{MARKS[finding.state]} {finding.step} ({finding.seconds:.2f} s): {finding.message}"
    return f"{first}\n    {finding.cure}" if finding.cure else first


def worst(findings: Sequence[Finding]) -> State:
    """Return the state of a whole check; what was skipped does not count."""
    states = {finding.state for finding in findings}
    return next((state for state in _ORDER if state in states), State.OK)


def summary(sync_id: str | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return a check as JSON types.

    :param sync_id: of the sync; None for a connection alone.
    :param findings: all of them.
    """
    told = [finding.to_json() for finding in findings]
    return {"sync_id": sync_id, "state": worst(findings).value, "findings": told}
