"""Steps that are taken one after the other; one that needs another is skipped when that one failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from airflow_provider_cdi.checks.findings import Finding, State, found


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to look at.

    :param name: what it is; unique in a check.
    :param look: see :func:`~airflow_provider_cdi.checks.findings.found`.
    :param needs: names of earlier steps without which it cannot be tried.
    """

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()


def taken(steps: Iterable[Step]) -> Iterator[Finding]:
    """Take steps in their order; each finding comes as soon as it is known."""
    failed: dict[str, str] = {}  # step that cannot be built on -> the step that failed
    for step in steps:
        cause = next((failed[name] for name in step.needs if name in failed), None)
        if cause is None:
            finding = found(step.name, step.look)
        else:
            finding = Finding(step.name, State.SKIPPED, 0.0, f"Not tried, because the step {cause!r} failed.")
        if cause is not None or finding.state is State.FAILED:
            failed[step.name] = cause or step.name
        yield finding
