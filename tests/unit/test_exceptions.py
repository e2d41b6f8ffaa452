"""Each error knows what kind of trouble it is, and the exception that Airflow's callbacks see knows it too."""

from __future__ import annotations

import inspect

import pytest

from airflow_provider_cdi import exceptions
from airflow_provider_cdi.destinations.braze.catalogs import responses
from airflow_provider_cdi.destinations.statuses import kind_of_status
from airflow_provider_cdi.exceptions import KINDS, CdiError, GuardTripped, RetryLater, SourceError
from airflow_provider_cdi.hooks.bigquery import errors as bigquery
from airflow_provider_cdi.hooks.databricks import errors as databricks
from airflow_provider_cdi.hooks.redshift import hook as redshift
from airflow_provider_cdi.hooks.snowflake import errors as snowflake
from airflow_provider_cdi.hooks.sql import errors as sql
from airflow_provider_cdi.transfers.runs.reporting import SyncStopped, kind_of
from airflow_provider_cdi.version_compat import AirflowFailException


def faults(module):
    found = [value for value in vars(module).values() if isinstance(value, sql.Fault)]
    tables = [value for value in vars(module).values() if isinstance(value, dict)]
    return found + [one for table in tables for one in table.values() if isinstance(one, sql.Fault)]


@pytest.mark.parametrize("module", [sql, snowflake, databricks, bigquery, redshift], ids=lambda module: module.__name__)
def test_faults_of_warehouses_have_a_kind_that_there_is(module):
    assert {fault.kind for fault in faults(module)} <= KINDS.keys()
    assert len({fault.kind for fault in faults(module)}) >= 4


def test_classes_and_statuses_have_a_kind_that_there_is():
    classes = [one for _, one in inspect.getmembers(exceptions, inspect.isclass) if issubclass(one, Exception)]
    kinds = {one.kind for one in classes if issubclass(one, CdiError)} | set(responses._KINDS.values())
    assert kinds | {kind_of_status(status) for status in range(300, 500)} <= KINDS.keys()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("42501", "permission"),
        ("42P01", "missing"),
        ("28P01", "connection"),
        ("08006", "connection"),
        ("53300", "resources"),
        ("42601", "configuration"),
    ],
)
def test_a_databases_error_gets_its_kind(state, kind):
    error = type("OperationalError", (Exception,), {"sqlstate": state, "__module__": "psycopg"})("no")
    assert kind_of(sql.as_cdi_error(error, doing="reading", conn_id="wh")) == kind


def test_what_callbacks_see_ends_the_task_for_good_and_knows_kind_status_and_report():
    error = GuardTripped("Too many.")
    error.report = {"rows_read": 3}
    seen = SyncStopped(error)
    assert isinstance(seen, AirflowFailException)
    assert (str(seen), seen.kind, seen.status, seen.report) == ("Too many.", "guard", "guarded", {"rows_read": 3})


def test_an_error_of_nobody_is_unforeseen():
    assert kind_of(KeyError("x")) == "unforeseen"


def test_a_kind_can_be_said_where_the_class_does_not_tell():
    assert SourceError("no").of_kind("missing").kind == "missing"
    assert (SourceError("no").kind, RetryLater("no").kind) == ("configuration", "transient")
