"""Mapped syncs: tables and partitions side by side, each with a watermark of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from scheduler.stage import once

from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = 300


def deploy_mapped(stage, expanded, **task):
    mapped = f"**mapped_sync('{stage.dag_id}.sync', at_once=2)"
    form = f"{{name}}.partial({{arguments}}, {mapped}).expand({expanded})"
    return stage.deploy(dag={"max_active_runs": 1}, form=form, **task)


def accepted_by_instance(stage, run, count):
    return [stage.report(run, map_index)["accepted"] for map_index in range(count)]


@pytest.fixture
def in_thirds(make_stage):
    """A table that three tasks share; it was sent once."""

    def make(dag_id, **task):
        stage = make_stage(dag_id)
        stage.insert(range(ROWS), at=NEW_YEAR)
        deploy_mapped(stage, "partition=partitions(3)", **task)
        run = stage.trigger()
        stage.finish(run)
        counts = accepted_by_instance(stage, run, 3)
        assert sum(counts) == ROWS
        assert min(counts) > 0
        assert stage.take_accepted() == once(range(ROWS))
        return stage

    return make


def test_each_partition_goes_on_from_its_own_watermark(in_thirds):
    stage = in_thirds("partitions_go_on")
    watermarks = [stage.watermark(f"{stage.dag_id}:{part}") for part in partitions(3)]
    assert max(watermarks) == NEW_YEAR + timedelta(seconds=ROWS - 1)
    assert len(set(watermarks)) == 3
    run = stage.trigger(dated=False)
    stage.finish(run)
    assert (accepted_by_instance(stage, run, 3), stage.take_accepted()) == ([0, 0, 0], once([]))
    stage.insert(range(ROWS, ROWS + 30), at=NEW_YEAR + DAY)
    stage.finish(stage.trigger())
    assert stage.accepted() == once(range(ROWS, ROWS + 30))


def test_partitions_in_another_order_keep_their_watermarks(in_thirds):
    stage = in_thirds("partitions_turned")
    text = stage.file.read_text().replace("partitions(3)", "partitions(3)[::-1]")
    # Airflow takes no notice of a list that is only put in another order.
    stage.replace(text.replace("at_once=2", "at_once=3"))
    stage.insert(range(ROWS, ROWS + 30), at=NEW_YEAR + DAY)
    stage.finish(stage.trigger())
    assert stage.accepted() == once(range(ROWS, ROWS + 30))


def test_a_partition_whose_asset_state_is_gone_takes_its_own_xcom(in_thirds):
    stage = in_thirds("partition_state_gone")
    part = f"{stage.dag_id}:1/3"
    stage.rest.delete(stage.state_path(part))
    assert stage.record(part) is None
    stage.insert(range(ROWS, ROWS + 30), at=NEW_YEAR + DAY)
    stage.finish(stage.trigger())
    assert stage.accepted() == once(range(ROWS, ROWS + 30))
    assert stage.watermark(part) > NEW_YEAR + DAY - timedelta(seconds=1)


def test_a_partition_that_fails_is_tried_again_alone(in_thirds):
    once_each = DeliverySettings(retry=RetryPolicy(attempts=1))
    stage = in_thirds("partition_fails", delivery=once_each, retries=1, retry_delay=timedelta(seconds=1))
    stage.insert(range(ROWS, ROWS + 30), at=NEW_YEAR + DAY)
    stage.sandbox.set_faults({"kind": "reset", "applied": False, "path": "/users/track", "times": 1})
    run = stage.trigger()
    stage.finish(run)
    instances = stage.rest.get(f"/dags/{stage.dag_id}/dagRuns/{run}/taskInstances")["task_instances"]
    assert sorted(instance["try_number"] for instance in instances) == [1, 1, 2]
    assert stage.accepted() == once(range(ROWS, ROWS + 30))


def test_each_of_several_tables_goes_on_from_its_own_watermark(make_stage):
    stage = make_stage("several_tables")
    other = make_stage("another_table")
    stage.insert(range(5), at=NEW_YEAR)
    other.insert(range(5, 12), at=NEW_YEAR + DAY)
    deploy_mapped(stage, "source=['several_tables', 'another_table']", source=None)
    run = stage.trigger()
    stage.finish(run)
    assert accepted_by_instance(stage, run, 2) == [5, 7]
    accepted = stage.sandbox.received()["accepted"]
    assert (len(accepted), set(accepted.values())) == (12, {1})
    assert stage.watermark("several_tables") == NEW_YEAR + timedelta(seconds=4)
    assert stage.watermark("another_table") == NEW_YEAR + DAY + timedelta(seconds=6)
    other.insert([12], at=NEW_YEAR + 2 * DAY)
    run = stage.trigger()
    stage.finish(run)
    assert accepted_by_instance(stage, run, 2) == [0, 1]
