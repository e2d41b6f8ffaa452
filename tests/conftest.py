"""Airflow reads its settings when it is imported, so they are made here, before any test is collected."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False)
# The same examples each time, so that a change is judged by what it changes. `make explore` looks for new ones.
settings.register_profile("repeatable", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeatable")

HOME = Path(tempfile.mkdtemp(prefix="cdi-tests-"))
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(HOME / "dags"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """An empty Airflow database, and an API server that all DAG runs of the session share."""
    from airflow.utils.db import initdb
    from support.airflow_versions import keep_one_api_server

    Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).mkdir(exist_ok=True)
    initdb()
    keep_one_api_server()
