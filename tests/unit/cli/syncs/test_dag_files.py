"""DAG files, read without Airflow's database."""

from __future__ import annotations

import json

import pytest
from support.command_line import write_dags

from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files
from airflow_provider_cdi.exceptions import UsageError

ONE = 'braze("one", source="ONE")'


def test_a_folder_is_read_with_its_folders(tmp_path):
    (tmp_path / "more").mkdir()
    write_dags(tmp_path, a=ONE)
    write_dags(tmp_path / "more", b=ONE)
    assert sorted(read_dag_files(str(tmp_path)).dags) == ["a", "b"]


def test_a_file_is_read_alone(tmp_path):
    write_dags(tmp_path, "other.py", a=ONE)
    assert sorted(read_dag_files(str(write_dags(tmp_path, b=ONE))).dags) == ["b"]


def test_a_file_may_import_from_its_folder(tmp_path):
    (tmp_path / "names_of_this_test.py").write_text("SOURCE = 'ONE'\n")
    file = write_dags(tmp_path, a='braze("one", source=SOURCE)')
    file.write_text("from names_of_this_test import SOURCE\n" + file.read_text())
    assert read_dag_files(str(file)).errors == {}


def test_what_a_file_prints_leaves_standard_output_alone(tmp_path, capsys):
    file = write_dags(tmp_path, a=ONE)
    file.write_text(file.read_text() + "print('hello')\n")
    read_dag_files(str(file))
    shown = capsys.readouterr()
    assert "hello" in shown.err
    assert "hello" not in shown.out


def test_a_place_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="There is no file or folder"):
        read_dag_files(str(tmp_path / "none"))


LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Configure bundles in folders of the test."""

    def configure(*names, **more):
        bundles = [{"name": name, "classpath": LOCAL, "kwargs": {"path": str(tmp_path / name)}} for name in names]
        bundles += [{"name": name, "classpath": LOCAL, "kwargs": kwargs} for name, kwargs in more.items()]
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
        for name in names:
            (tmp_path / name).mkdir()
            write_dags(tmp_path / name, **{name: ONE})

    return configure


def test_without_a_place_all_bundles_of_the_configuration_are_read(tmp_path, configured):
    configured("one", "two")
    found = read_dag_files()
    assert sorted(found.dags) == ["one", "two"]
    assert found.places == [str(tmp_path / "one"), str(tmp_path / "two")]


def test_a_bundle_that_cannot_be_read_is_told_and_hides_no_other(tmp_path, configured):
    configured("one", gone={"path": str(tmp_path / "gone")}, wrong={"no_such_argument": 1})
    found = read_dag_files()
    assert sorted(found.dags) == ["one"]
    assert found.errors[str(tmp_path / "gone")] == "there is no such folder"
    assert found.errors["DAG bundle wrong"] == "it cannot be made or fetched (TypeError)"
