"""What tests of the check share: its findings by step, and what must never stand in them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from airflow_provider_cdi.checks.findings import Finding, State
from airflow_provider_cdi.checks.shown import line


class Found:
    """The findings of one check.

    :param findings: as they come.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        self.by_step = {finding.step: finding for finding in self.findings}
        assert len(self.by_step) == len(self.findings), "two steps have one name"

    def __getitem__(self, step: str) -> Finding:
        return self.by_step[step]

    def steps(self, *states: State) -> list[str]:
        """Return the steps that ended so."""
        return [finding.step for finding in self.findings if finding.state in states]

    @property
    def failed(self) -> list[str]:
        """The steps that failed."""
        return self.steps(State.FAILED)

    @property
    def doubtful(self) -> list[str]:
        """The steps that are not well, but work."""
        return self.steps(State.WARNING)

    def told(self, step: str) -> str:
        """Return what a step says, its cure included."""
        return f"{self[step].message} {self[step].cure}"

    def everything(self) -> str:
        """Return all that is shown anywhere."""
        return json.dumps([finding.to_json() for finding in self.findings]) + "\n".join(map(line, self.findings))
