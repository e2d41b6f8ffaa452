"""Mistakes that DAG authors make: each is found when the DAG is parsed, and the error names the argument."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider_cdi.destinations.braze.arguments import BRAZE_RULES
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.http.arguments import HTTP_RULES
from airflow_provider_cdi.destinations.klaviyo.arguments import KLAVIYO_RULES
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import mapped_sync
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, own_names
from airflow_provider_cdi.transfers.arguments.checks import SYNC_RULES
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

BRAZE: dict[str, Any] = {"task_id": "t", "warehouse_conn_id": "w", "source": "s", "data_type": "attributes"}
KLAVIYO: dict[str, Any] = BRAZE | {"data_type": "profiles"}
HTTP: dict[str, Any] = BRAZE | {"data_type": "rows", "endpoint": "/rows"}
LEFT_OUT = object()
CATALOG = {"data_type": "catalog_items", "catalog": "products"}
DELETES = {"data_type": "user_deletes"}
EVENTS = {"data_type": "events"}
SUBSCRIBE = {"data_type": "subscribe"}

#: What every sync takes -> a word of the error besides the argument's name.
OF_EVERY_SYNC = [
    ({"warehouse_conn_id": LEFT_OUT}, "missing"),
    ({"warehouse_conn_id": ""}, "Airflow connection"),
    ({"warehouse_conn_id": None}, "Airflow connection"),
    ({"warehouse_conn_id": ["w"]}, "Airflow connection"),
    ({"data_type": LEFT_OUT}, "missing"),
    ({"data_type": "atributes"}, "events"),
    ({"data_type": "Events"}, "events"),
    ({"data_type": None}, "events"),
    ({"data_type": "{{ params.kind }}"}, "events"),
    ({"data_type": ["events"]}, "events"),
    ({"source": LEFT_OUT}, "neither of source and sql"),
    ({"source": None}, "neither of source and sql"),
    ({"sql": "select 1"}, "both of source and sql"),
    ({"source": ""}, "table or view"),
    ({"source": 3}, "table or view"),
    ({"source": ["a", "b"]}, "table or view"),
    ({"source": None, "sql": ""}, "a query"),
    ({"source": None, "sql": ["select 1", "select 2"]}, "a query"),
    ({"columns": ["EXTERNAL_ID"]}, "mapping"),
    ({"columns": []}, "mapping"),
    ({"columns": "EXTERNAL_ID"}, "mapping"),
    ({"columns": {"EXTERNAL_ID": None}}, "mapping"),
    ({"columns": {"EXTERNAL_ID": ["a"]}}, "mapping"),
    ({"partition": "8/8"}, "0/8"),
    ({"partition": 3}, "0/8"),
    ({"partition": "1 of 8"}, "0/8"),
    ({"watermark_timezone": "Berlin"}, "America/New_York"),
    ({"watermark_timezone": "CEST"}, "America/New_York"),
    ({"watermark_timezone": 2}, "America/New_York"),
    ({"watermark_timezone": UTC}, "America/New_York"),
    ({"settle": 10}, r"timedelta\(minutes=10\)"),
    ({"settle": "10 minutes"}, r"timedelta\(minutes=10\)"),
    ({"settle": None}, r"timedelta\(minutes=10\)"),
    ({"settle": timedelta(minutes=-1)}, r"timedelta\(minutes=10\)"),
    ({"settle": timedelta(days=3650)}, r"timedelta\(minutes=10\)"),
    ({"check_late": "yes"}, "True or False"),
    ({"check_late": 1}, "True or False"),
    ({"sync_id": ""}, "stays the same"),
    ({"sync_id": 7}, "stays the same"),
    ({"ssh_conn_id": ""}, "type ssh"),
    ({"ssh_conn_id": 22}, "type ssh"),
    ({"same_source": ""}, "a word for the source"),
    ({"same_source": True}, "a word for the source"),
    ({"initial": None}, "everything"),
    ({"initial": "all"}, "everything"),
    ({"initial": "yesterday"}, "timestamp"),
    ({"initial": 0}, "timestamp"),
    ({"sync_mode": "ful"}, "auto, incremental, full, window"),
    ({"sync_mode": "FULL"}, "auto, incremental, full, window"),
    ({"sync_mode": True}, "auto, incremental, full, window"),
    ({"since": "yesterday"}, "timestamp"),
    ({"since": 1767571200}, "timestamp"),
    ({"until": "5.1.2026"}, "timestamp"),
    ({"until": False}, "timestamp"),
    ({"dry_run": "ture"}, "true/false"),
    ({"dry_run": "maybe"}, "true/false"),
    ({"dry_run": 2}, "true/false"),
    ({"dry_run": []}, "true/false"),
    ({"rejects_path": ""}, "path"),
    ({"rejects_path": 5}, "path"),
    ({"allow_rejects_anywhere": "yes"}, "allow_rejects_anywhere"),
    ({"rejects_keep": 30}, "rejects_keep_days"),
    ({"rejects_keep": timedelta(hours=1)}, "a day or more"),
    ({"max_reject_percent": "5"}, "0 to 100"),
    ({"max_reject_percent": -5}, "0 to 100"),
    ({"max_reject_percent": 101}, "0 to 100"),
    ({"max_reject_percent": float("nan")}, "0 to 100"),
    ({"max_reject_percent": True}, "0 to 100"),
    ({"stop_if_all_rejected": 0}, "above 0"),
    ({"dry_run_sample": 0}, "from 1 to 1,000"),
    ({"dry_run_sample": 1_001}, "from 1 to 1,000"),
    ({"dry_run_sample": "10"}, "whole number"),
    ({"dry_run_sample": True}, "whole number"),
    ({"dry_run_mask": "email"}, "list of names"),
    ({"dry_run_mask": [" "]}, "list of names"),
    ({"dry_run_mask": None}, "list of names"),
    ({"max_rows": -1}, "0 or more"),
    ({"max_rows": True}, "whole number"),
    ({"max_rows": "1000"}, "whole number"),
    ({"max_rows": 1e6}, "whole number"),
    ({"max_share_of_source": 101}, "0 to 100"),
    ({"max_share_of_source": "20 %"}, "0 to 100"),
    ({"max_share_of_source": -1}, "0 to 100"),
    ({"max_data_points": -1}, "max_data_points"),
    ({"max_data_points": "many"}, "max_data_points"),
    ({"max_new_profiles": 2.5}, "max_new_profiles"),
    ({"stop_if_all_rejected": False}, "None to never stop"),
    ({"stop_if_all_rejected": True}, "above 0"),
    ({"stop_if_all_rejected": 2.5}, "whole number"),
    ({"stop_if_all_rejected": "500"}, "above 0"),
    ({"delivery": {}}, "DeliverySettings"),
    ({"delivery": {"max_in_flight": 4}}, "DeliverySettings"),
    ({"delivery": RetryPolicy()}, "DeliverySettings"),
    ({"checkpoint": "disk"}, "auto, variable"),
    ({"checkpoint": None}, "auto, variable"),
    ({"max_active_tis_per_dag": 0}, "above 0"),
    ({"limits": 75}, "Limits"),
    ({"delete_cap": 100}, "delete_cap"),
]
OF_PAYLOADS = [
    ({"payload_columns": "amount"}, "list of column names"),
    ({"payload_columns": [1, 2]}, "list of column names"),
    ({"payload_columns": None}, "list of column names"),
    ({"payload_columns": ["a", "a"]}, "twice"),
    ({"payload_columns": {"a": "properties."}}, "empty part"),
    ({"payload_columns": {"a": "x", "b": "x.y"}}, "place of its own"),
    ({"payload_columns": {"a": 1}}, "list of column names"),
]
OF_BRAZE = [
    *OF_PAYLOADS,
    ({"braze_conn_id": None}, "Airflow connection"),
    ({"data_type": "profiles"}, "purchases"),
    ({"data_type": "catalog_items"} | {"catalog": None}, "catalog_items needs it"),
    (CATALOG | {"catalog": ""}, "letters, digits"),
    (CATALOG | {"catalog": "my products"}, "letters, digits"),
    ({"catalog": "products"}, "catalog_items only"),
    ({"merge": True}, "catalog_items only"),
    (CATALOG | {"merge": "yes"}, "True or False"),
    (CATALOG | {"merge": None}, "True or False"),
    ({"on_unknown_field": "drop"}, "catalog_items only"),
    (CATALOG | {"on_unknown_field": "ignore"}, "stop, reject, drop"),
    (CATALOG | {"on_unknown_field": None}, "stop, reject, drop"),
    (CATALOG | {"on_unknown_field": True}, "stop, reject, drop"),
    (CATALOG | {"on_long_array": "reject"}, "attributes only"),
    ({"on_long_array": "cut"}, "send, reject"),
    ({"on_long_array": None}, "send, reject"),
    ({"on_long_array": True}, "send, reject"),
    (CATALOG | {"update_existing_only": True}, "attributes, events and purchases only"),
    ({"update_existing_only": "true"}, "True or False"),
    ({"delete_cap": DeleteCap(rows=5)}, "user_deletes only"),
    (CATALOG | {"max_data_points": 5}, "attributes, events and purchases only"),
    (DELETES | {"max_new_profiles": 5}, "attributes, events and purchases only"),
    (DELETES | {"delete_cap": {"rows": 5}}, "DeleteCap"),
    (DELETES | {"payload_columns": ["a"]}, "attributes, events, purchases and catalog_items only"),
    ({"limits": KlaviyoLimits()}, "BrazeLimits"),
]
OF_KLAVIYO = [
    *OF_PAYLOADS,
    ({"klaviyo_conn_id": ""}, "Airflow connection"),
    ({"data_type": "attributes"}, "profiles"),
    ({"list_ids": "ABC"}, "list of list ids"),
    ({"list_ids": 5}, "list of list ids"),
    ({"list_ids": [5]}, "list of list ids"),
    ({"list_ids": ["a list"]}, "list of list ids"),
    (EVENTS | {"list_ids": ["ABC"]}, "profiles only"),
    ({"null_policy": "cleer"}, "keep, clear"),
    ({"null_policy": None}, "keep, clear"),
    (EVENTS | {"null_policy": "clear"}, "profiles only"),
    ({"update_only": "yes"}, "True or False"),
    (EVENTS | {"update_only": True}, "profiles only"),
    ({"metric": "Placed Order"}, "events only"),
    (EVENTS | {"metric": ""}, "METRIC_NAME"),
    (EVENTS | {"metric": 3}, "METRIC_NAME"),
    (EVENTS | {"metric": "x" * 128}, "1 to 127"),
    ({"backfill": True}, "events only"),
    (EVENTS | {"backfill": "no"}, "True, False or None"),
    ({"other_columns": "all"}, "True, False or None"),
    (SUBSCRIBE | {"other_columns": True}, "profiles and events only"),
    ({"default_region": "Germany"}, "two letters"),
    ({"default_region": "de"}, "two letters"),
    ({"data_type": "suppress", "default_region": "DE"}, "profiles, events, subscribe"),
    ({"on_bad_phone": "keep"}, "drop"),
    ({"on_bad_phone": None}, "drop"),
    ({"on_bad_phone": True}, "drop"),
    ({"data_type": "subscribe", "on_bad_phone": "drop"}, "profiles and events only"),
    ({"data_type": "privacy_deletions", "on_bad_phone": "drop"}, "profiles and events only"),
    (SUBSCRIBE | {"channels": "email_marketing"}, "list out of"),
    (SUBSCRIBE | {"channels": ["email"]}, "email_marketing"),
    ({"channels": ["email_marketing"]}, "subscribe and unsubscribe only"),
    (SUBSCRIBE | {"list_id": ["ABC"]}, "list's address"),
    ({"list_id": "ABC"}, "subscribe only"),
    (SUBSCRIBE | {"custom_source": 1}, "source of the consent"),
    ({"custom_source": "shop"}, "subscribe only"),
    ({"historical_import": True}, "subscribe only"),
    ({"allow_resubscribe": True}, "subscribe only"),
    (SUBSCRIBE | {"allow_resubscribe": "no"}, "True or False"),
    (SUBSCRIBE | {"payload_columns": ["a"]}, "profiles and events only"),
    ({"delete_cap": DeleteCap(rows=5)}, "privacy_deletions only"),
    ({"max_data_points": 5}, "only Braze counts data points"),
    ({"data_type": "suppress", "max_new_profiles": 5}, "profiles, events and subscribe only"),
    ({"rate_share": 1.5}, "up to 1"),
    ({"rate_share": "0.5"}, "up to 1"),
    ({"rate_share": 0}, "up to 1"),
    ({"deferrable": "yes"}, "True, False or None"),
    ({"poll_seconds": 0}, "above 0"),
    ({"poll_seconds": None}, "above 0"),
    ({"limits": BrazeLimits()}, "KlaviyoLimits"),
]
OF_HTTP = [
    *OF_PAYLOADS,
    ({"http_conn_id": None}, "Airflow connection"),
    ({"max_data_points": 5}, "only Braze counts"),
    ({"max_new_profiles": 5}, "cannot be asked"),
    ({"data_type": "events"}, "rows"),
    ({"endpoint": LEFT_OUT}, "missing"),
    ({"endpoint": ""}, "a path"),
    ({"endpoint": None}, "a path"),
    ({"endpoint": "/"}, "a path"),
    ({"endpoint": "//other.example/rows"}, "a path"),
    ({"endpoint": "/rows?key=abc"}, "without a query"),
    ({"endpoint": "https://api.example.com/rows"}, "a path"),
    ({"endpoint": "/my rows"}, "a path"),
    ({"method": "GET"}, "POST, PUT, PATCH"),
    ({"method": "post"}, "POST, PUT, PATCH"),
    ({"id_column": ["a", "b"]}, "one column"),
    ({"id_column": ""}, "one column"),
    ({"id_column": "updated_at"}, "another one than UPDATED_AT"),
    ({"batch_rows": 0}, "1 or more"),
    ({"batch_rows": 2.5}, "whole number"),
    ({"body_bytes": 10}, "1000 or more"),
    ({"repeats": True}, "harmless, count_twice"),
    ({"repeats": None}, "harmless, count_twice"),
]


def cases(mistakes):
    """Make a test of each mistake, by the argument that the error must name: the last one that is wrong."""
    return [
        pytest.param(wrong, list(wrong)[-1], words, id=f"{list(wrong)[-1]}-{number}")
        for number, (wrong, words) in enumerate(mistakes)
    ]


def make(kind: type[WarehouseSyncOperator], arguments: dict[str, Any]) -> BaseOperator:
    with DAG("mistakes", schedule=None):
        return kind(**{name: value for name, value in arguments.items() if value is not LEFT_OUT})


def refuses(kind, arguments, name, words):
    with pytest.raises((ConfigurationError, TypeError), match=words) as caught:
        make(kind, arguments)
    assert name in str(caught.value)
    assert isinstance(caught.value, ConfigurationError) or words == "missing"


@pytest.mark.parametrize(("wrong", "name", "words"), cases(OF_EVERY_SYNC + OF_BRAZE))
def test_mistakes_with_braze_are_found_when_the_dag_is_parsed(wrong, name, words):
    refuses(WarehouseToBrazeOperator, BRAZE | wrong, name, words)


@pytest.mark.parametrize(("wrong", "name", "words"), cases(OF_EVERY_SYNC + OF_KLAVIYO))
def test_mistakes_with_klaviyo_are_found_when_the_dag_is_parsed(wrong, name, words):
    refuses(WarehouseToKlaviyoOperator, KLAVIYO | wrong, name, words)


#: What every sync takes and this one too: it has one data type, and its limits are arguments of their own.
OF_EVERY_SYNC_BUT_HTTP = ("data_type", "limits", "delete_cap")


@pytest.mark.parametrize(
    ("wrong", "name", "words"),
    cases([one for one in OF_EVERY_SYNC if list(one[0])[-1] not in OF_EVERY_SYNC_BUT_HTTP] + OF_HTTP),
)
def test_mistakes_with_a_service_of_ones_own_are_found_when_the_dag_is_parsed(wrong, name, words):
    refuses(WarehouseToHttpOperator, HTTP | wrong, name, words)


@pytest.mark.parametrize("name", ["data_typo", "Source", "klaviyo_conn_id", "batch_size"])
def test_an_argument_that_does_not_exist_is_named(name):
    with pytest.raises(TypeError, match=name):
        make(WarehouseToBrazeOperator, BRAZE | {name: "x"})


def test_the_error_names_the_task():
    with pytest.raises(ConfigurationError, match="Task 'my_task': max_reject_percent is '5'"):
        make(WarehouseToBrazeOperator, BRAZE | {"task_id": "my_task", "max_reject_percent": "5"})


def test_an_error_shows_only_the_beginning_of_a_long_value():
    with pytest.raises(ConfigurationError) as caught:
        make(WarehouseToBrazeOperator, BRAZE | {"columns": ["x" * 5_000]})
    assert len(str(caught.value)) < 400


def test_a_mistake_is_an_import_error_of_its_file(tmp_path):
    from support.airflow_versions import DagBag

    (tmp_path / "wrong.py").write_text(
        "from airflow.sdk import DAG\n"
        "from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator\n"
        "with DAG('wrong', schedule=None):\n"
        "    WarehouseToBrazeOperator(task_id='t', warehouse_conn_id='w', source='s', data_type='atributes')\n"
    )
    (error,) = DagBag(dag_folder=str(tmp_path)).import_errors.values()
    assert "data_type is 'atributes'; use one of attributes, events" in error


# --- what default_args and .partial() say is checked alike ------------------------------------------------


def test_default_args_reach_the_arguments_and_are_checked():
    with DAG(
        "defaults", schedule=None, default_args={"warehouse_conn_id": "w", "max_reject_percent": "5", "retries": 2}
    ):
        with pytest.raises(ConfigurationError, match="max_reject_percent"):
            WarehouseToBrazeOperator(task_id="t", source="s", data_type="events")
        task = WarehouseToBrazeOperator(task_id="u", source="s", data_type="events", max_reject_percent=1)
    assert (task.warehouse_conn_id, task.max_reject_percent, task.retries) == ("w", 1, 2)


def test_default_args_can_let_several_runs_go_on_at_once():
    with DAG("defaults", schedule=None, default_args={"max_active_tis_per_dag": None, "braze_conn_id": "b"}):
        task = WarehouseToBrazeOperator(**BRAZE)
    assert (task.max_active_tis_per_dag, task.braze_conn_id) == (None, "b")
    assert make(WarehouseToBrazeOperator, BRAZE).max_active_tis_per_dag == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"data_type": "atributes"}, "data_type"), ({"catalog": "x"}, "catalog"), ({"delivery": {}}, "delivery")],
)
def test_a_mapped_sync_is_checked_when_the_dag_is_parsed(wrong, words):
    given = {name: value for name, value in BRAZE.items() if name != "source"} | wrong
    with DAG("mapped", schedule=None), pytest.raises(ConfigurationError, match=words):
        WarehouseToBrazeOperator.partial(**given, **mapped_sync("s"))


def test_a_mapped_sync_may_leave_to_its_instances_what_they_are_given():
    with DAG("mapped", schedule=None) as dag:
        WarehouseToBrazeOperator.partial(task_id="t", warehouse_conn_id="w", **mapped_sync("s")).expand_kwargs(
            [{"source": "a", "data_type": "events"}, {"source": "b", "data_type": "atributes"}]
        )
    assert dag.get_task("t").operator_class is WarehouseToBrazeOperator


# --- what is right ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "right",
    [
        {"initial": date(2026, 1, 1)},
        {"initial": datetime(2026, 1, 1, tzinfo=UTC)},
        {"initial": "{{ ds }}"},
        {"since": datetime(2026, 1, 1), "until": None},  # noqa: DTZ001 - on the clock of the source
        {"source": "{{ params.table }}"},
        {"source": None, "sql": "queries/users.sql"},
        {"partition": "{{ 3 }}/8"},
        {"dry_run": "{{ var.value.dry }}"},
        {"dry_run": "No"},
        {"max_reject_percent": 0},
        {"stop_if_all_rejected": None},
        {"stop_if_all_rejected": 50},
        {"max_reject_percent": 2.5},
        {"columns": {}},
        {"payload_columns": ()},
        {"payload_columns": {}},
        {"data_type": "catalog_items", "catalog": "{{ params.catalog }}"},
        {"delivery": DeliverySettings(max_in_flight=2)},
    ],
)
def test_what_is_right_or_only_known_at_run_time_is_taken(right):
    assert make(WarehouseToBrazeOperator, BRAZE | right).task_id == "t"


def test_what_another_task_returns_is_left_to_the_run():
    with DAG("upstream", schedule=None):
        first = BaseOperator(task_id="first")
        second = WarehouseToBrazeOperator(**BRAZE | {"source": first.output, "initial": first.output})
    assert second.upstream_task_ids == {"first"}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (DeliverySettings, {"max_in_flight": "5"}),
        (DeliverySettings, {"max_in_flight": 0}),
        (DeliverySettings, {"window_rows": 1.5}),
        (DeliverySettings, {"checkpoint_seconds": None}),
        (DeliverySettings, {"requests_per_second": "20"}),
        (DeliverySettings, {"requests_per_second": 0}),
        (DeliverySettings, {"rate_share": 2}),
        (DeliverySettings, {"on_unknown": "ignore"}),
        (DeliverySettings, {"retry": {"attempts": 3}}),
        (DeliverySettings, {"retry": 3}),
        (DeliverySettings, {"reopen_reads": -1}),
        (RetryPolicy, {"attempts": 0}),
        (RetryPolicy, {"attempts": "3"}),
        (RetryPolicy, {"seconds": -1}),
        (RetryPolicy, {"job_seconds": "1h"}),
        (RetryPolicy, {"longest_wait": float("nan")}),
        (DeleteCap, {"rows": "100"}),
        (DeleteCap, {"rows": -1}),
        (DeleteCap, {"percent": 101}),
        (DeleteCap, {"percent": "20"}),
        (DeleteCap, {"small": None}),
    ],
)
def test_a_field_of_a_settings_object_is_named(kind, wrong):
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{next(iter(wrong))} is .*; (give|use)"):
        kind(**wrong)


def test_a_bound_may_be_left_out_where_it_says_so():
    assert DeleteCap(rows=None, percent=None).rows is None
    assert RetryPolicy(seconds=float("inf")).seconds == float("inf")


def test_every_argument_has_a_rule():
    assert set(own_names(SyncArguments)) - set(SYNC_RULES) == set()
    for kind, rules in (
        (WarehouseToBrazeOperator, BRAZE_RULES),
        (WarehouseToKlaviyoOperator, KLAVIYO_RULES),
        (WarehouseToHttpOperator, HTTP_RULES),
    ):
        shown = set(inspect.signature(kind.__init__).parameters) - {"self", "arguments"}
        assert shown - set(SYNC_RULES) - set(rules) == set()
