"""What AWS, or boto3 before it asks AWS, has against an IAM log-in: told in our words, never raw."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, SourceError
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

CLUSTER = {"iam": True, "cluster_identifier": "c"}
SERVERLESS = {"iam": "true", "is_serverless": "true", "serverless_work_group": "crm-group"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "hidden"}


@pytest.fixture(autouse=True)
def no_aws(monkeypatch, tmp_path):
    """A worker without any configuration of AWS, and without a network to look for one."""
    import os

    for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def told(monkeypatch, extra, aws=None, environment=()):
    for name, value in dict(environment).items():
        monkeypatch.setenv(name, value)
    connection = {
        "conn_type": "redshift",
        "host": "127.0.0.1",
        "port": 1,
        "login": "u",
        "extra": json.dumps(extra),
    }
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": json.dumps(aws or {})}))
    with pytest.raises(CdiError) as caught:
        get_warehouse_hook("w").source("t", contract=None)  # it never comes to the contract
    assert "hidden" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("mode", ["require", "prefer", "disable", "", None])
def test_a_word_of_sslmode_that_the_driver_passes_over_is_refused(monkeypatch, mode):
    error = told(monkeypatch, {"sslmode": mode})
    assert isinstance(error, ConfigurationError)
    assert f"sslmode in the extra of the connection 'w' is {mode!r}" in str(error)
    assert "verify-ca and verify-full" in str(error)


@pytest.mark.parametrize("extra", [CLUSTER, SERVERLESS], ids=["cluster", "serverless"])
def test_iam_without_a_region_says_where_to_name_it(monkeypatch, extra):
    error = told(monkeypatch, extra, environment=KEYS)
    assert isinstance(error, SourceError)
    assert "name the cluster's (eu-central-1) as region" in str(error)
    assert "'w'" in str(error)


@pytest.mark.parametrize("extra", [CLUSTER, SERVERLESS], ids=["cluster", "serverless"])
def test_iam_without_credentials_says_what_to_set_up(monkeypatch, extra):
    error = told(monkeypatch, {**extra, "region": "eu-central-1"})
    assert isinstance(error, SourceError)
    assert "There are no AWS credentials" in str(error)


def test_a_profile_that_does_not_exist_is_about_credentials(monkeypatch):
    error = told(
        monkeypatch, CLUSTER, environment={**KEYS, "AWS_PROFILE": "nobody", "AWS_DEFAULT_REGION": "eu-central-1"}
    )
    assert isinstance(error, SourceError)
    assert "There are no AWS credentials" in str(error)


def test_a_region_that_can_be_none_is_about_the_region(monkeypatch):
    error = told(monkeypatch, {**CLUSTER, "region": "eu central"}, environment=KEYS)
    assert "as region in the extra" in str(error)


def test_a_field_that_aws_does_not_understand_is_for_a_person_to_mend(monkeypatch):
    extra = {**SERVERLESS, "region": "eu-central-1", "serverless_work_group": "w"}
    error = told(monkeypatch, extra, environment=KEYS)
    assert isinstance(error, SourceError)


def test_an_aws_connection_that_airflow_cannot_use_is_named(monkeypatch):
    aws = {"role_arn": "arn:aws:iam::1:role/x", "assume_role_method": "hidden", "region_name": "eu-central-1"}
    error = told(monkeypatch, CLUSTER, aws=aws, environment=KEYS)
    assert isinstance(error, ConfigurationError)
    assert "AWS connection 'aws_default'" in str(error)


def test_iam_that_is_the_word_false_asks_aws_nothing(monkeypatch):
    error = told(monkeypatch, {"iam": "false", "cluster_identifier": "c", "timeout": "1"})
    assert "AWS" not in str(error)
