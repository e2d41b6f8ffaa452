"""One Airflow with two Celery workers for all scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery_suite.workers import CeleryComponents, what_is_missing
from scheduler.conftest import both_databases, folder, make_stage
from scheduler.databases import Databases

__all__ = ["both_databases", "folder", "make_stage"]


@pytest.fixture(scope="session")
def components(folder: Path, both_databases: Databases) -> Iterator[CeleryComponents]:
    if reason := what_is_missing(both_databases):
        pytest.skip(reason)
    (folder / "airflow").mkdir()
    components = CeleryComponents(folder / "airflow", both_databases)
    try:
        components.start()
        yield components
    finally:
        components.stop()
