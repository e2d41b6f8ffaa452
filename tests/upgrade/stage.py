"""The earlier version at work: reads the key of a case and its folder from stdin, runs it, and says when it has ended.

It is run with the earlier version first on PYTHONPATH, so it uses names alone that both versions have. Each case gets a
process of its own, forked, because some end in the middle.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow.sdk
from support.airflow_versions import TaskDeferred
from support.airflow_world import drop_xcom, make_operator

import airflow_provider_cdi
from airflow_provider_cdi import version_compat
from airflow_provider_cdi.transfers import warehouse_to_klaviyo
from upgrade.cases import BATCH, CASES, Case
from upgrade.connections import read_connections
from upgrade.kept import Kept

#: Where the run looks at its state often, in one version and in the other.
_TICKERS = ("airflow_provider_cdi.engine.watch", "airflow_provider_cdi.engine.sync")


class Stage:
    """One case."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.kept = Kept.fresh(case.version, self.seen)
        self.sent: list[tuple[str, str, str]] = []
        self.deferral: dict[str, Any] = {}
        self.report: dict[str, Any] = {}

    def run(self) -> None:
        airflow.sdk.Variable = self.kept.variables
        operator = make_operator(**self.case.arguments(self.folder))
        self._note_requests(type(operator.make_transport()))
        try:
            self.report = operator.execute(self.kept.world.context("run-1"))
        except TaskDeferred as deferred:
            trigger, kwargs = deferred.trigger.serialize(), deferred.kwargs
            self.deferral = {"trigger": trigger, "method_name": deferred.method_name, "kwargs": kwargs}
        self.save()

    def seen(self, value: Any) -> None:
        """End the process when the state says what the case wants to be in the middle of."""
        if self.case.how != "killed" or not isinstance(value, dict):
            return
        progress = value.get("checkpoint") or value
        if self.case.is_klaviyo:
            is_in_the_middle = len(progress.get("jobs", ())) >= 1
        else:
            is_in_the_middle = progress.get("totals", {}).get("accepted", 0) >= BATCH
        if is_in_the_middle:
            self.save()
            os._exit(9)

    def save(self) -> None:
        jobs = self.case.has_jobs
        remains = {
            "kept": self.kept.to_json(),
            "deferral": self.deferral,
            "report": self.report,
            "requests": self.sent if jobs else [],
        }
        (self.folder / "remains.json").write_text(json.dumps(remains))

    def _note_requests(self, transport: Any) -> None:
        send = transport.send

        async def noted(own: Any, request: Any) -> Any:
            answer = await send(own, request)
            if request.method != "GET" and answer.status < 300:
                self.sent.append((request.method, request.path, request.body.decode()))
            return answer

        transport.send = noted


def _prepare() -> None:
    version_compat.drop_xcom = drop_xcom
    warehouse_to_klaviyo.PATIENCE = 0.05
    warehouse_to_klaviyo.counts_deferred_tasks = lambda: True
    for name in _TICKERS:
        try:
            import_module(name).TICK = 0.05
        except ImportError:
            continue


def main() -> None:
    _prepare()
    print(json.dumps({"runs": airflow_provider_cdi.__path__[0], "connections": read_connections()}), flush=True)
    cases = {case.key: case for case in CASES}
    for line in sys.stdin:
        call = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(call["environment"])
            Stage(cases[call["key"]], Path(call["folder"])).run()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
