"""Where a state is written by hand that lies in an XCom: in Airflow's own database, of the run that counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, task
from airflow.utils.session import create_session
from support.airflow_versions import register

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.by_hand.places import ChangedMeanwhile, XComPlace
from airflow_provider_cdi.state.records import STATE_KEY

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Task:
    """A task that has run three times and failed at last."""

    def __init__(self):
        with DAG("by_hand_in_an_xcom", schedule=None, start_date=BEGIN, catchup=False) as dag:
            task(lambda: None, task_id="sync")()
        register(dag)
        self.runs = [dag.test(logical_date=BEGIN + timedelta(days=day)).run_id for day in range(3)]
        self.says(self.runs[2], "failed")

    def says(self, run_id, state):
        with create_session() as session:
            session.query(TaskInstance).filter_by(dag_id="by_hand_in_an_xcom", run_id=run_id).update({"state": state})

    def write(self, value, *, before=None, run_id=""):
        with create_session() as session:
            XComPlace("by_hand_in_an_xcom", "sync", run_id, -1, STATE_KEY).replace(session, before, value)

    def kept(self):
        """Return what each run has, the first one first."""
        with create_session() as session:
            found = session.query(XComModel).filter_by(dag_id="by_hand_in_an_xcom", key=STATE_KEY)
            kept = {one.run_id: XComModel.deserialize_value(one) for one in found}
        return [kept.get(run_id) for run_id in self.runs]


def test_a_record_goes_to_the_newest_good_run_or_to_the_one_that_is_named(airflow_database):
    ran = Task()
    ran.write({"gen": 1})
    ran.write({"gen": 2}, run_id=ran.runs[0])
    assert ran.kept() == [{"gen": 2}, {"gen": 1}, None]
    ran.write({"gen": 3}, before={"gen": 1})
    assert ran.kept() == [{"gen": 2}, {"gen": 3}, None]
    with pytest.raises(ChangedMeanwhile):
        ran.write({"gen": 4}, before={"gen": 1})
    for run_id in ran.runs:
        ran.says(run_id, "failed")
    with pytest.raises(ConfigurationError, match="has no run that ended well"):
        ran.write({"gen": 5})
