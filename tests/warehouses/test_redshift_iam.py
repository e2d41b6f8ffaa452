"""Redshift with temporary passwords from AWS IAM: the real boto3 against the stand-in's two calls."""

from __future__ import annotations

from typing import Any

import pytest
from standins.redshift import USER, WORKGROUP
from standins.redshift.aws import ACCESS_KEY, SECRET_KEY
from support.sql_world import ATTRIBUTES, read
from warehouses.conftest import Worlds
from warehouses.worlds.redshift import RedshiftWorld

from airflow_provider_cdi.exceptions import ConfigurationError, SourceError
from airflow_provider_cdi.hooks.redshift.hook import RedshiftWarehouseHook
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

_COLUMNS = {"updated_at": "timestamp", "external_id": "text", "payload": "text"}


@pytest.fixture
def cluster(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> RedshiftWorld:
    world = worlds["redshift"]
    assert isinstance(world, RedshiftWorld)
    world.begin(monkeypatch)
    world.create("t", _COLUMNS, ("2026-01-01 00:00:00", "a", "{}"))
    return world


def source_of() -> SqlSource:
    source = get_warehouse_hook("w").source("t", contract=ATTRIBUTES)
    assert isinstance(source, SqlSource)
    return source


def test_iam_gives_a_temporary_password_for_a_cluster(cluster: RedshiftWorld) -> None:
    cluster.connect_by_iam()
    assert len(read(source_of())) == 1


def test_iam_gives_a_temporary_password_for_a_workgroup(cluster: RedshiftWorld) -> None:
    serverless = {"is_serverless": True, "serverless_work_group": WORKGROUP, "serverless_token_duration_seconds": 900}
    cluster.connect_by_iam(**serverless)
    assert len(read(source_of())) == 1


def test_the_drivers_own_way_to_iam_is_left_to_it(cluster: RedshiftWorld) -> None:
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "region": "us-east-1", "db_user": USER}
    cluster.connect_by_iam(**keys)
    assert len(read(source_of())) == 1


def test_a_temporary_password_serves_until_it_ends(cluster: RedshiftWorld) -> None:
    cluster.connect_by_iam()
    hook = get_warehouse_hook("w")
    assert isinstance(hook, RedshiftWarehouseHook)
    first = hook._session._hook._passwords
    login = first.login()
    assert first.login() == login
    first._good_until = first._good_until.replace(year=2000)
    assert first.login() != login


def test_a_temporary_password_that_ended_is_for_a_person_to_mend(cluster: RedshiftWorld) -> None:
    cluster.connect_by_iam()
    source = source_of()
    cluster.stand_in.expire_passwords()
    with pytest.raises(SourceError, match="The login is refused"):
        read(source)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"cluster_identifier": "elsewhere"}, r"check cluster_identifier.*region"),
        ({"is_serverless": True, "serverless_work_group": "elsewhere"}, r"check cluster_identifier.*region"),
    ],
)
def test_a_cluster_that_aws_does_not_know_is_named(
    cluster: RedshiftWorld, extra: dict[str, Any], sentence: str
) -> None:
    cluster.connect_by_iam(**extra)
    with pytest.raises(SourceError, match=sentence):
        source_of()


@pytest.mark.parametrize("extra", [{}, {"is_serverless": True, "serverless_work_group": WORKGROUP}])
def test_a_key_that_aws_refuses_names_the_permission(
    cluster: RedshiftWorld, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.connect_by_iam(**extra)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    with pytest.raises(SourceError, match="redshift:GetClusterCredentials"):
        source_of()


def test_no_aws_credentials_at_all_are_for_a_person_to_mend(
    cluster: RedshiftWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.connect_by_iam()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(SourceError, match="set up the connection aws_default"):
        source_of()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"login": ""}, "name the database user as its login"),
        ({"extra": {"iam": True, "is_serverless": True}}, "name serverless_work_group"),
    ],
)
def test_iam_without_the_names_it_needs_is_named(cluster: RedshiftWorld, fields: dict[str, Any], sentence: str) -> None:
    cluster.connect(**{"password": "", "extra": {"iam": True}, **fields})
    with pytest.raises(ConfigurationError, match=sentence):
        source_of()
