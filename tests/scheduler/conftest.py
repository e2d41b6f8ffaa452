"""One Airflow for all scenarios: starting it takes longer than most of them."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest
from scheduler.components import Components
from scheduler.databases import Databases, databases
from scheduler.stage import Stage

_FOLDER = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where everything lies. It is kept when something failed: the logs are in it."""
    failed_before = request.session.testsfailed
    folder = Path(tempfile.mkdtemp(prefix="cdi-scheduler-"))
    yield folder
    if request.session.testsfailed > failed_before:
        _say(request, f"Logs of all processes and tasks: {folder / 'airflow' / 'logs'}")
    else:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def both_databases(folder: Path, request: pytest.FixtureRequest) -> Iterator[Databases]:
    with _EndingOnSigterm(), databases(folder) as found:
        _say(request, f"Airflow's database and the warehouse: {found.name}")
        yield found


@pytest.fixture(scope="session")
def components(folder: Path, both_databases: Databases) -> Iterator[Components]:
    (folder / "airflow").mkdir()
    components = Components(folder / "airflow", both_databases)
    try:
        components.start()
        yield components
    finally:
        components.stop()


@pytest.fixture
def make_stage(components: Components, both_databases: Databases) -> Iterator[Callable[[str], Stage]]:
    """Make a sync of the test's own; the sandbox has forgotten everything before, and the sync's runs end with it."""
    components.sandbox.reset()
    components.sandbox.change(latency=0)
    with ExitStack() as stages:

        def make(dag_id: str) -> Stage:
            stage = Stage(components, both_databases, dag_id)
            stages.callback(stage.end)
            return stage

        yield make


class _EndingOnSigterm:
    """Lets ``kill`` end the tests as Ctrl-C does, so that no process is left behind."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, _interrupt)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(request: pytest.FixtureRequest, text: str) -> None:
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stderr.write(f"\n{text}\n")
