"""A sync by the words of a command line: of a DAG, by its id, or before there is a DAG."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.command_line import sync_options, write_dags

from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToHttpOperator, WarehouseToKlaviyoOperator
from airflow_provider_cdi.cli.find_sync import find_sync
from airflow_provider_cdi.exceptions import UsageError

TWO = 'braze("one", source="ONE"); braze("two", source="TWO", sync_id="second")'
PARTS = """
    WarehouseToBrazeOperator.partial(
        task_id="users", warehouse_conn_id="wh", source="USERS", data_type="attributes", **mapped_sync("users")
    ).expand(partition=partitions(3))
"""
PARTS_OF_A_RUN = PARTS.replace("partitions(3)", 'task(lambda: ["0/2", "1/2"], task_id="parts")()')
DIRECT = ("--warehouse-conn-id", "wh", "--source", "USERS")


def found(file, *words):
    return find_sync(sync_options("--dag-file", str(file), *words))


def refused(*words):
    with pytest.raises(UsageError) as error:
        find_sync(sync_options(*words))
    return str(error.value)


def test_the_only_sync_of_a_dag_needs_no_task_id(tmp_path):
    file = write_dags(tmp_path, a='braze("one", source="ONE")', b='braze("two", source="TWO")')
    assert found(file, "--dag-id", "b").source == "TWO"


def test_a_task_of_a_dag_is_found(tmp_path):
    sync = found(write_dags(tmp_path, a=TWO), "--dag-id", "a", "--task-id", "two")
    assert isinstance(sync, WarehouseToBrazeOperator)
    assert (sync.source, sync.dag_id) == ("TWO", "a")


@pytest.mark.parametrize(("sync_id", "source"), [("a.one", "ONE"), ("second", "TWO")])
def test_a_sync_is_found_by_its_id_alone(tmp_path, sync_id, source):
    assert found(write_dags(tmp_path, a=TWO), "--sync-id", sync_id).source == source


def test_a_task_of_a_group_is_found_by_its_whole_id(tmp_path):
    file = write_dags(tmp_path, a='with TaskGroup("g"):\n        braze("one", source="ONE")')
    assert found(file, "--dag-id", "a", "--task-id", "g.one").source == "ONE"


def test_what_a_dag_gives_all_its_tasks_counts(tmp_path):
    body = 'WarehouseToHttpOperator(task_id="one", endpoint="/rows")'
    file = write_dags(tmp_path, a=body)
    usual = '"a", default_args={"warehouse_conn_id": "wh", "source": "ALL"}'
    file.write_text(file.read_text().replace("'a'", usual))
    assert found(file, "--dag-id", "a").source == "ALL"


def test_several_syncs_are_listed_with_their_ids(tmp_path):
    text = refused("--dag-file", str(write_dags(tmp_path, a=TWO)), "--dag-id", "a")
    assert "2 syncs have --dag-id a; add --task-id" in text
    assert "a one (--sync-id a.one)" in text
    assert "a two (--sync-id second)" in text


def test_one_id_in_two_dags_is_told_apart_by_the_dag(tmp_path):
    one = 'braze("one", source="ONE", sync_id="same")'
    text = refused("--dag-file", str(write_dags(tmp_path, a=one, b=one)), "--sync-id", "same")
    assert "2 syncs have --sync-id same; add --dag-id" in text


def test_a_name_that_no_sync_has_lists_those_that_there_are(tmp_path):
    text = refused("--dag-file", str(write_dags(tmp_path, a=TWO)), "--sync-id", "third")
    assert text.startswith("No sync has --sync-id third. In ")
    assert "a two (--sync-id second)" in text


def test_a_file_that_cannot_be_read_is_told_with_the_list(tmp_path):
    write_dags(tmp_path, a=TWO)
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\n1 / 0\n")
    text = refused("--dag-file", str(tmp_path), "--sync-id", "third")
    assert f"{tmp_path}/broken.py could not be read: ZeroDivisionError: division by zero" in text


def test_no_name_at_all_says_how_a_sync_is_named(tmp_path):
    text = refused("--dag-file", str(write_dags(tmp_path, a=TWO)))
    assert text.startswith("Name a sync: --dag-id with --task-id, or --sync-id; or, before there is a DAG")
    assert "a one (--sync-id a.one)" in text


def test_an_instance_of_a_mapped_task_is_found_by_its_index(tmp_path):
    sync = found(write_dags(tmp_path, a=PARTS), "--dag-id", "a", "--map-index", "2")
    assert (sync.source, sync.partition, sync.sync_id) == ("USERS", "2/3", "users")


def test_an_instance_of_a_mapped_task_is_found_by_the_name_that_its_reports_have(tmp_path):
    assert found(write_dags(tmp_path, a=PARTS), "--sync-id", "users:USERS:1/3").partition == "1/3"


def test_the_instances_of_a_mapped_task_are_listed(tmp_path):
    text = refused("--dag-file", str(write_dags(tmp_path, a=PARTS)), "--sync-id", "users")
    assert "3 syncs have --sync-id users; add --map-index" in text
    assert "a users[2] (--sync-id users)" in text


def test_instances_that_only_a_run_knows_are_asked_for(tmp_path):
    file = write_dags(tmp_path, a=PARTS_OF_A_RUN)
    assert "give partition with --arg" in refused("--dag-file", str(file), "--sync-id", "users")
    assert found(file, "--sync-id", "users", "--arg", "partition=1/2").partition == "1/2"


def test_the_command_line_wins_over_the_dag_and_leaves_it_as_it_is(tmp_path):
    file = write_dags(tmp_path, a='braze("one", source="ONE")')
    sync = found(file, "--dag-id", "a", "--warehouse-conn-id", "other", "--arg", "settle=60", "--arg", "dry_run=true")
    assert (sync.warehouse_conn_id, sync.settle, sync.is_dry_run) == ("other", timedelta(minutes=1), True)
    assert sync.get_dag().get_task("one").warehouse_conn_id == "wh"


def test_a_query_takes_the_place_of_the_dag_s_table(tmp_path):
    sync = found(write_dags(tmp_path, a='braze("one", source="ONE")'), "--dag-id", "a", "--sql", "select 1")
    assert (sync.source, sync.sql) == (None, "select 1")


def test_an_argument_that_makes_no_sense_is_told_with_the_sync(tmp_path):
    text = refused("--dag-file", str(write_dags(tmp_path, a=TWO)), "--sync-id", "second", "--data-type", "attribute")
    assert text.startswith("a two: data_type is 'attribute'; use one of attributes")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("--braze-conn-id", "b", "--data-type", "events"), WarehouseToBrazeOperator),
        (("--klaviyo-conn-id", "k", "--data-type", "profiles"), WarehouseToKlaviyoOperator),
        (("--http-conn-id", "h", "--arg", "endpoint=/rows"), WarehouseToHttpOperator),
    ],
)
def test_the_destination_s_connection_says_which_sync_is_meant_before_there_is_a_dag(words, kind):
    sync = find_sync(sync_options(*DIRECT, *words))
    assert isinstance(sync, kind)
    assert (sync.warehouse_conn_id, sync.source) == ("wh", "USERS")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say where the rows go"),
        (("--braze-conn-id", "b", "--klaviyo-conn-id", "k"), "Say where the rows go"),
        (("--braze-conn-id", "b"), "Say what the rows are"),
        (("--braze-conn-id", "b", "--data-type", "attribute"), "data_type is 'attribute'; use one of"),
        (("--http-conn-id", "h"), "endpoint"),
    ],
)
def test_what_is_missing_before_there_is_a_dag_is_told(words, said):
    assert said in refused(*DIRECT, *words)


def test_what_the_templates_became_is_told(tmp_path, capsys):
    file = write_dags(tmp_path, a="""braze("one", source="{{ 'one' | upper }}")""")
    assert found(file, "--dag-id", "a").source == "ONE"
    assert "a one: source is 'ONE' by its template, for a run that is triggered now." in capsys.readouterr().err


def test_a_template_that_only_a_run_can_fill_in_is_told_with_the_way_out(tmp_path):
    file = write_dags(tmp_path, a='braze("one", source="{{ run_id }}")')
    text = refused("--dag-file", str(file), "--dag-id", "a")
    assert text == "a one: source has a template: only a run knows run_id. Give what it should be: --arg source=…"
    assert found(file, "--dag-id", "a", "--source", "ONE").source == "ONE"
