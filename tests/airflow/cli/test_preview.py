"""Where a preview begins: the state that real runs have left, as it stands in Airflow's metadata database."""

from __future__ import annotations

import pytest
from support.airflow_versions import with_state_stores

from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped
from airflow_provider_cdi.transfers.preview import Start, preview_sync, stored_start

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(10) as numbers(i)"""


def previewed(dag, start=None):
    """Whose rows the next run would send."""
    task = dag.get_task("sync")
    preview = preview_sync(task, start or stored_start(task))
    return [row["identifier"]["EXTERNAL_ID"] for row in preview.rows() if row["outcome"] == "sent"], preview


@pytest.mark.parametrize("checkpoint", ["auto", "variable"])
def test_a_preview_begins_where_the_last_run_ended(airflow, checkpoint):
    airflow.sql(USERS)
    dag = airflow.dag(f"preview_{checkpoint}", checkpoint=checkpoint)
    names, preview = previewed(dag)
    assert (len(names), "no state yet" in " ".join(preview.remarks())) == (10, True)
    airflow.run(dag)
    airflow.sql("insert into users values (timestamp '2026-01-01 00:00:09', 'a tie', '{}'), (now(), 'new', '{}')")
    names, preview = previewed(dag)
    assert names == ["a tie", "new"]
    assert preview.to_json()["skipped"] == {"already_delivered": 1}
    requests = airflow.sandbox.requests()
    assert len(requests) == 1
    airflow.run(dag)
    assert previewed(dag)[0] == []


def test_a_preview_of_a_paused_dag_may_read_everything_or_a_window(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("preview_paused")
    airflow.run(dag)
    assert len(previewed(dag, Start(from_beginning=True))[0]) == 10
    assert previewed(dag, Start(since="2026-01-01T00:00:08"))[0] == ["c-8", "c-9"]


@with_state_stores
def test_a_lost_state_is_told_as_the_next_run_would_tell_it(airflow):
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    airflow.sql(USERS)
    dag = airflow.dag("preview_lost")
    airflow.run(dag)
    with create_session() as session:
        session.query(XComModel).filter_by(dag_id="preview_lost").delete()
        session.query(AssetStateStoreModel).delete()
    with pytest.raises(GuardTripped, match="succeeded 1 times before"):
        previewed(dag)


@with_state_stores
def test_the_copies_in_xcoms_are_found_where_the_asset_has_none(airflow):
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session

    airflow.sql(USERS)
    dag = airflow.dag("preview_copies")
    airflow.run(dag)
    with create_session() as session:
        session.query(AssetStateStoreModel).delete()
    assert previewed(dag)[0] == []


def test_a_preview_of_another_source_than_that_of_the_state_is_refused_as_the_next_run_would_be(airflow):
    airflow.sql(USERS, "create table others as select * from users")
    airflow.run(airflow.dag("preview_other"))
    with pytest.raises(ConfigurationError, match="source"):
        previewed(airflow.dag("preview_other", source="others"))


def test_an_instance_of_a_mapped_task_begins_where_its_own_last_run_ended(airflow):
    airflow.sql(USERS)
    dag = airflow.mapped_dag("preview_mapped", partition=["0/2", "1/2"])
    airflow.run(dag)
    airflow.sql("insert into users select now(), external_id, payload from users")
    previews = []
    for index, partition in enumerate(["0/2", "1/2"]):
        task = dag.get_task("sync").unmap({"partition": partition})
        previews.append(preview_sync(task, stored_start(task, map_index=index)))
    assert all("after 2026-01-01" in preview.slice for preview in previews)
    assert sum(len(preview.rows()) for preview in previews) > 10
    rows = [row for preview in previews for row in preview.rows() if row["outcome"] == "sent"]
    assert {row["identifier"]["EXTERNAL_ID"] for row in rows} == {f"c-{number}" for number in range(10)}


def test_what_only_a_run_fills_in_is_asked_for(airflow):
    dag = airflow.dag("preview_template", source="{{ params.table }}")
    with pytest.raises(ConfigurationError, match="--source VALUE"):
        previewed(dag)
