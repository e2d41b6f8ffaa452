"""Connections whose extra is text, because they come from a URI, a variable or a secrets backend."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airflow.sdk import Connection

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.redshift.iam import wants_iam
from airflow_provider_cdi.hooks.snowflake.hook import session_parameters
from airflow_provider_cdi.hooks.typed_extra import with_typed_extra


def typed(conn_type, **extra):
    connection = Connection(
        conn_id="w", conn_type=conn_type, host="h", login="l", password="p", extra=json.dumps(extra)
    )
    found = with_typed_extra(connection)
    assert (found.conn_id, found.conn_type, found.host, found.login, found.password) == ("w", conn_type, "h", "l", "p")
    return found.extra_dejson


def refusal(conn_type, **extra):
    with pytest.raises(ConfigurationError) as caught:
        typed(conn_type, **extra)
    return str(caught.value)


@pytest.mark.parametrize("word", ["false", "False", "0", "no", " off ", "F"])
@pytest.mark.parametrize("conn_type", ["redshift", "postgres", "mysql"])
def test_iam_that_is_the_word_false_is_false(conn_type, word):
    extra = typed(conn_type, iam=word)
    assert extra == {"iam": False}
    assert not wants_iam(extra)


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "on", "t"])
def test_iam_that_is_the_word_true_is_true(word):
    assert typed("redshift", iam=word) == {"iam": True}


def test_an_empty_word_is_no_field():
    assert typed("redshift", iam="", ssl=" ", timeout="", region="") == {"region": ""}


@pytest.mark.parametrize(
    ("conn_type", "name", "text", "value"),
    [
        ("snowflake", "session_parameters", '{"QUERY_TAG": "mine"}', {"QUERY_TAG": "mine"}),
        ("snowflake", "insecure_mode", "false", False),
        ("snowflake", "proxy_port", "8080", 8080),
        ("databricks", "session_configuration", '{"spark.x": "1"}', {"spark.x": "1"}),
        ("databricks", "use_cloud_fetch", "false", False),
        ("databricks", "_socket_timeout", "12.5", 12.5),
        ("databricks", "max_download_threads", " 4 ", 4),
        ("redshift", "is_serverless", "false", False),
        ("redshift", "ssl", "false", False),
        ("redshift", "timeout", "20", 20),
        ("redshift", "db_groups", "a, b", ["a", "b"]),
        ("redshift", "db_groups", '["a"]', ["a"]),
        ("gcpbigquery", "labels", '{"team": "crm"}', {"team": "crm"}),
        ("google_cloud_platform", "num_retries", "3", 3),
        ("postgres", "keepalives_idle", "60", 60),
        ("duckdb", "settings", '{"threads": 2}', {"threads": 2}),
        ("duckdb", "extensions", "httpfs,json", ["httpfs", "json"]),
    ],
)
def test_a_text_becomes_what_the_field_must_be(conn_type, name, text, value):
    found = typed(conn_type, **{name: text})[name]
    assert found == value
    assert type(found) is type(value)


def test_fields_with_the_old_prefix_of_a_form_are_read_too():
    name = "extra__google_cloud_platform__num_retries"
    assert typed("google_cloud_platform", **{name: "3"}) == {name: 3}
    assert typed("snowflake", extra__snowflake__insecure_mode="false") == {"extra__snowflake__insecure_mode": False}


@pytest.mark.parametrize(
    ("conn_type", "name", "text", "wanted"),
    [
        ("redshift", "iam", "hidden", "true or false"),
        ("redshift", "timeout", "hidden", "a number"),
        ("redshift", "timeout", "nan", "a number"),
        ("snowflake", "session_parameters", "hidden=1", "a JSON object"),
        ("snowflake", "session_parameters", "[1]", "a JSON object"),
        ("databricks", "session_configuration", "{'a': 'hidden'}", "a JSON object"),
        ("redshift", "db_groups", "[hidden", "a JSON array"),
    ],
)
def test_what_cannot_be_what_the_field_must_be_is_named_and_not_shown(conn_type, name, text, wanted):
    message = refusal(conn_type, **{name: text})
    assert f"field '{name}' in extra must be {wanted}" in message
    assert "hidden" not in message


@pytest.mark.parametrize("extra", ["not json: hidden", "[1]", '"text"'])
def test_an_extra_that_is_no_object_is_refused_and_not_passed_over(extra):
    connection = Connection(conn_id="w", conn_type="redshift", extra=extra)
    with pytest.raises(ConfigurationError, match="'extra' is not a JSON object") as caught:
        with_typed_extra(connection)
    assert "hidden" not in str(caught.value)


def test_a_connection_with_types_is_left_as_it_is():
    extra = json.dumps({"iam": True, "timeout": 3, "region": "eu-central-1"})
    connection = Connection(conn_id="w", conn_type="redshift", extra=extra)
    assert with_typed_extra(connection) is connection


def test_a_connection_of_a_uri_gets_its_parameters():
    parameters = quote(json.dumps({"query_tag": "mine", "LOCK_TIMEOUT": 5}))
    uri = f"snowflake://u:p@/s?account=xy12345&session_parameters={parameters}&insecure_mode=false"
    connection = Connection.from_uri(uri, conn_id="w")
    extra = with_typed_extra(connection).extra_dejson
    assert extra["insecure_mode"] is False
    assert session_parameters(extra["session_parameters"], "tag")["QUERY_TAG"] == "mine"
    assert session_parameters(extra["session_parameters"], "tag")["LOCK_TIMEOUT"] == 5
