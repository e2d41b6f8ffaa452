"""What the earlier version began, this one goes on with: nothing is sent twice, and nothing is lost.

``make test`` takes what was recorded of the earlier version, ``make test-upgrade`` runs it (``CDI_UPGRADE=run``).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow.sdk
import pytest
from support.airflow_world import drop_xcom, make_operator
from support.reject_lines import lines_of

from airflow_provider_cdi.engine import watch
from airflow_provider_cdi.transfers import warehouse_to_klaviyo
from cdi_sandbox.server import SandboxServer
from upgrade.cases import BAD_ROWS, BATCH, CASES, Case
from upgrade.connections import read_connections
from upgrade.kept import Kept
from upgrade.old_version import KLAVIYO, RECORDED, OldVersion, Place, Remains, has_commit, old_version

RUNS_IT = os.environ.get("CDI_UPGRADE") == "run"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldVersion | None]:
    """The earlier version, where it runs."""
    if not RUNS_IT:
        yield None
        return
    if not has_commit():
        pytest.skip("git has the earlier version's commit not here: git fetch --unshallow")
    with old_version(tmp_path_factory.mktemp("upgrade")) as found:
        yield found


class Upgrade:
    """One sync, with the new version in the place of the earlier one."""

    def __init__(self, place: Place, remains: Remains, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.case, self.remains = place, place.case, remains
        self.kept = Kept.from_json(remains.kept)
        self.sent_before = place.accepted()
        for name, value in place.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(airflow.sdk, "Variable", self.kept.variables)

    def run(self, run_id: str, **context: Any) -> dict[str, Any]:
        report: dict[str, Any] = self._operator().execute(self.kept.world.context(run_id, **context))
        return report

    def wake(self) -> dict[str, Any]:
        """Run the trigger of the deferral as the triggerer does, and go on as the worker does."""
        path, arguments = self.remains.deferral["trigger"]
        module, _, name = path.rpartition(".")
        trigger = getattr(import_module(module), name)(**arguments)
        event = asyncio.run(_first(trigger))
        go_on = getattr(self._operator(), self.remains.deferral["method_name"])
        context = self.kept.world.context("run-1", goes_on=True)
        report: dict[str, Any] = go_on(context, event=event, **self.remains.deferral["kwargs"])
        return report

    def sent(self) -> int:
        """Return how many rows the destination took from this version."""
        return self.place.accepted() - self.sent_before

    def known_as_sent(self) -> int:
        """Return how many rows the earlier version's state says are sent: behind a watermark, or in a job."""
        checkpoint = self._checkpoint()
        return int(checkpoint["totals"]["accepted"]) + BATCH * len(checkpoint.get("jobs", ()))

    def _checkpoint(self) -> dict[str, Any]:
        kept = self.remains.kept
        stores = [kept["asset"], *kept["runs"].values(), kept["variables"]]
        values = [json.loads(value) for store in stores for value in store.values()]
        found = [value.get("checkpoint") or value for value in values]
        (checkpoint,) = [value for value in found if "totals" in value]
        return dict(checkpoint)

    def _operator(self) -> Any:
        return make_operator(**self.case.arguments(self.place.folder))


async def _first(trigger: Any) -> Any:
    return (await anext(trigger.run())).payload


@pytest.fixture
def upgrade(
    request: pytest.FixtureRequest, version: OldVersion | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Upgrade]:
    case: Case = request.param
    monkeypatch.setattr("airflow_provider_cdi.version_compat.drop_xcom", drop_xcom)
    monkeypatch.setattr(warehouse_to_klaviyo, "counts_deferred_tasks", lambda: True)
    monkeypatch.setattr(watch, "TICK", 0.05)
    with SandboxServer(klaviyo=dict(KLAVIYO)) as sandbox:
        place = Place(case, tmp_path, sandbox)
        yield Upgrade(place, version.run(place) if version else Remains.recorded(place), monkeypatch)


def cases(how: str, mode: str = "") -> Any:
    """Run a test with every case of a kind."""
    found = [case for case in CASES if case.how == how and mode in ("", case.mode)]
    chosen = [pytest.param(case, id=case.key) for case in found]
    return pytest.mark.parametrize("upgrade", chosen, indirect=True)


@cases("done")
def test_a_sync_goes_on_behind_its_watermark_also_among_rows_of_the_same_time(upgrade: Upgrade) -> None:
    upgrade.kept.world.successes = 1
    upgrade.place.sql(upgrade.case.more_rows())
    report = upgrade.run("run-2")
    assert (report["accepted"], upgrade.sent()) == (2, 2)


@cases("killed")
def test_a_run_that_was_killed_is_finished_behind_what_its_state_says(upgrade: Upgrade) -> None:
    known, rows = upgrade.known_as_sent(), upgrade.case.rows - BAD_ROWS
    report = upgrade.run("run-1", try_number=2)
    assert 0 < known < rows
    assert (report["rows_read"], report["accepted"], report["rejected"]) == (upgrade.case.rows, rows, BAD_ROWS)
    assert upgrade.sent() == rows - known
    assert len(lines_of(report["rejects_files"])) == BAD_ROWS


@cases("killed", mode="incremental")
def test_the_run_after_one_that_was_killed_begins_behind_it(upgrade: Upgrade) -> None:
    upgrade.run("run-1", try_number=2)
    upgrade.place.sql(upgrade.case.more_rows())
    sent = upgrade.sent()
    assert upgrade.run("run-2")["accepted"] == 2 == upgrade.sent() - sent


@cases("deferred")
def test_a_deferred_task_wakes_up_and_ends(upgrade: Upgrade) -> None:
    report, rows = upgrade.wake(), upgrade.case.rows - BAD_ROWS
    assert (report["rows_read"], report["accepted"], report["rejected"]) == (upgrade.case.rows, rows, BAD_ROWS)
    assert 0 < upgrade.sent_before == rows - upgrade.sent()


def test_the_connections_are_read_alike(version: OldVersion | None) -> None:
    before = version.connections if version else json.loads(RECORDED.read_text())["connections"]
    assert json.loads(json.dumps(read_connections())) == before


def test_what_is_recorded_is_of_every_case() -> None:
    assert set(json.loads(RECORDED.read_text())["cases"]) == {case.key for case in CASES}
