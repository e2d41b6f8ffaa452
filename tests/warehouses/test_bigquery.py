"""What is BigQuery's own: names, labels, types, permissions, the two ways to read a result, Google's credentials."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pytest
from google.api_core import exceptions
from standins.bigquery import PROJECT, BigQuery
from support.ports import free_port
from support.sql_world import ATTRIBUTES, CATALOG, EVERYTHING, NOW, read
from support.waiting import BOUND, wait_until
from warehouses.conftest import Worlds
from warehouses.worlds.bigquery import BigQueryWorld

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.bigquery import connection as bigquery_connection
from airflow_provider_cdi.hooks.bigquery import results as bigquery_results
from airflow_provider_cdi.hooks.bigquery.errors import diagnose
from airflow_provider_cdi.hooks.bigquery.hook import BIGQUERY, BigQueryWarehouseHook
from airflow_provider_cdi.hooks.bigquery.reader import label_of
from airflow_provider_cdi.hooks.sql.errors import as_cdi_error
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

MANY = 20_000
READING_LOST = f"lost@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def world(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> BigQueryWorld:
    world = worlds["bigquery"]
    assert isinstance(world, BigQueryWorld)
    world.begin(monkeypatch)
    world.run(
        "create table t (updated_at timestamp, external_id string, payload string)",
        "insert into t values (timestamp '2026-01-01 00:00:00.000001', 'a', '{}'), (timestamp '2026-01-02', 'b', '{}')",
    )
    return world


@pytest.fixture
def many(world: BigQueryWorld) -> BigQueryWorld:
    """Several blocks of the Storage Read API, and several pages."""
    times = pa.array(range(1_767_225_600_000_000, 1_767_225_600_000_000 + MANY), pa.timestamp("us", tz="UTC"))
    ids = pa.array([f"{step:05d}" for step in range(MANY)])
    world.load("many", pa.table({"updated_at": times, "external_id": ids, "payload": pa.array(["{}"] * MANY)}))
    return world


def source_of(table: str | None = "t", *, tag: str = "dag.task", **arguments: Any) -> SqlSource:
    source = get_warehouse_hook("w", tag).source(table, **{"contract": ATTRIBUTES, **arguments})
    assert isinstance(source, SqlSource)
    return source


def ids(source: SqlSource, bounds: Bounds = EVERYTHING) -> list[str]:
    return [row["EXTERNAL_ID"] for row in read(source, bounds)]


def stand_in(world: BigQueryWorld) -> BigQuery:
    found: BigQuery = world.stand_in
    return found


def without_storage(world: BigQueryWorld) -> None:
    key = stand_in(world).account(READING_LOST, lacks=("bigquery.readsessions.create",))
    world.connect(extra={"keyfile_dict": json.dumps(key)})


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t", "ds.t", f"{PROJECT}.ds.t", f'"{PROJECT}"."ds"."t"'])
def test_a_table_has_one_to_three_parts_and_dashes_need_no_quotes(world: BigQueryWorld, name: str) -> None:
    assert ids(source_of(name)) == ["a", "b"]


def test_a_table_of_another_project_is_read_by_jobs_of_the_connections_project(world: BigQueryWorld) -> None:
    stand_in(world).control("project", name="other-project")
    world.run("create schema if not exists `other-project`.`Sales`", "drop table if exists `other-project`.Sales.t")
    world.run("create table `other-project`.Sales.t as select * from ds.t where external_id = 'b'")
    assert ids(source_of("other-project.Sales.t")) == ["b"]


def test_tables_are_told_apart_by_case(world: BigQueryWorld) -> None:
    world.run("create table T as select * from t where external_id = 'b'")
    assert ids(source_of("T")) == ["b"]
    assert len(ids(source_of("t"))) == 2


def test_without_a_default_dataset_a_name_of_one_part_is_refused_with_the_cure(world: BigQueryWorld) -> None:
    world.connect(extra={"dataset": None})
    with pytest.raises(SourceError, match=r'Name it as dataset\.table, or set "dataset"'):
        source_of("t")


def test_a_dataset_of_another_project_may_be_the_default(world: BigQueryWorld) -> None:
    world.connect(extra={"dataset": f"{PROJECT}.ds"})
    assert ids(source_of("t")) == ["a", "b"]


def test_quotes_and_backslashes_in_a_name_are_escaped() -> None:
    assert BIGQUERY.quoted("a`b\\") == "`a\\`b\\\\`"


def test_the_parts_of_a_table_are_the_table(many: BigQueryWorld) -> None:
    parts = [set(ids(source_of("many", partition=Partition(part, 3)))) for part in range(3)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == MANY
    assert all(part for part in parts)


# --- jobs -----------------------------------------------------------------------------------------------


def test_looking_at_a_table_is_a_dry_run_and_a_question_for_the_time(world: BigQueryWorld) -> None:
    source_of("t")
    look, clock = world.statements()
    assert look["details"]["dry"]
    assert clock["text"] == "select current_datetime('UTC') as cdi_now"


def test_bound_values_are_typed_so_that_partitions_prune(world: BigQueryWorld) -> None:
    world.run("create table local as select datetime(updated_at) as updated_at, external_id, payload from t")
    position = "2026-01-01T00:00:00.000001Z"
    assert ids(source_of("t"), Bounds(after=position)) == ["b"]
    assert ids(source_of("local"), Bounds(since=position)) == ["a", "b"]
    read_by = [one for one in world.statements() if not one["details"]["dry"] and "cdi_now" not in one["text"]]
    assert [set(one["details"]["types"]) for one in read_by] == [{"TIMESTAMP"}, {"DATETIME"}]
    assert all("> ?" in one["text"] or ">= ?" in one["text"] for one in read_by)


def test_labels_of_the_connection_and_the_sync_stand_together(world: BigQueryWorld) -> None:
    world.connect(extra={"labels": '{"team": "crm"}', "priority": "BATCH"})
    assert ids(source_of("t", tag="My DAG.task")) == ["a", "b"]
    assert {one["tag"] for one in world.statements()} == {"my_dag_task"}


@pytest.mark.parametrize(("tag", "label"), [("Ä.b-C_1", "__b-c_1"), ("x" * 70, "x" * 63), ("\N{KELVIN SIGN}", "k")])
def test_a_label_has_only_what_bigquery_allows(tag: str, label: str) -> None:
    assert label_of(tag) == {"cdi_sync": label}


def test_a_job_without_a_tag_has_no_label() -> None:
    assert label_of("") == {}


def test_a_limit_on_what_a_query_may_cost_is_kept_and_named(world: BigQueryWorld) -> None:
    world.connect(extra={"api_resource_configs": '{"query": {"maximumBytesBilled": "10"}}'})
    with pytest.raises(SourceError, match="raise it in api_resource_configs"):
        read(source_of("t"))


def test_extras_that_are_no_objects_are_refused(world: BigQueryWorld) -> None:
    world.connect(extra={"labels": "team=crm"})
    with pytest.raises(ConfigurationError, match="field 'labels' in extra must be a JSON object"):
        source_of("t")


def test_a_wrong_location_is_named(world: BigQueryWorld) -> None:
    world.connect(extra={"location": "EU"})
    with pytest.raises(SourceError, match="location"):
        source_of("t")


def test_without_a_location_bigquery_finds_it_itself(world: BigQueryWorld) -> None:
    world.connect(extra={"location": None})
    assert ids(source_of("t")) == ["a", "b"]


def test_a_running_job_is_cancelled_in_bigquery(world: BigQueryWorld) -> None:
    source, seen = source_of(None, sql=world.slow_query()), list[BaseException]()
    counting = threading.Thread(target=lambda: _noting(seen, lambda: read(source)))
    counting.start()
    wait_until(lambda: any(one["state"] == "running" for one in world.statements()))
    source.cancel()
    counting.join(BOUND)
    assert [type(error) for error in seen] == [Interrupted]
    assert world.statements()[-1]["state"] == "cancelled"


def test_a_stream_that_is_being_read_ends_when_it_is_cancelled(many: BigQueryWorld) -> None:
    source, seen = source_of("many"), list[BaseException]()
    many.fault("chunk_slow", times=1, after=1, seconds=600)
    batches = source.read(EVERYTHING)
    next(batches)
    rest = threading.Thread(target=lambda: _noting(seen, lambda: list(batches)))
    rest.start()
    rest.join(0.2)
    source.cancel()
    rest.join(BOUND)
    assert [type(error) for error in seen] == [Interrupted]


def _noting(seen: list[BaseException], call: Any) -> None:
    try:
        call()
    except Exception as error:
        seen.append(error)


def test_a_query_that_outlasts_a_look_at_it_is_waited_for(
    world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_connection, "WAIT_SECONDS", 0.5)
    world.fault("job_slow", seconds=1)
    assert ids(source_of("t")) == ["a", "b"]


# --- the two ways to read a result ------------------------------------------------------------------------

ALL_TYPES = """
create table typed as select timestamp '2026-01-01 00:00:00.123456+02' as updated_at, 'a' as external_id,
    9007199254740993 as i, 0.1 as f, true as b, date '2026-01-05' as d, time '10:00:00.5' as ti,
    datetime '2026-01-05 09:00:00.5' as dt, timestamp '2026-01-05 09:00:00.5+01' as ts, numeric '1.50' as n,
    bignumeric '12345678901234567890123456789012345678.5' as big, 'é 漢字' as s, json '{"a":[1,null]}' as j,
    struct('x' as a, json '{"b":[true]}' as j) as st, [1, 2] as l, [json '{"z":1}'] as lj,
    [struct(json '[1]' as j, 2.5 as k)] as ls,
    cast(null as string) as nothing, cast(null as numeric) as no_number
"""
FIELDS = ["i", "f", "b", "d", "ti", "dt", "ts", "n", "big", "s", "j", "st", "l", "lj", "ls", "nothing", "no_number"]


def bodies(world: BigQueryWorld) -> list[Any]:
    batches = list(source_of("typed", payload_columns=FIELDS).read(EVERYTHING))
    records = [record for batch in batches for record in braze_destination("attributes").encode(batch)]
    assert all(isinstance(record, Record) for record in records), records
    return [json.loads(record.body, parse_float=str) for record in records if isinstance(record, Record)]


def test_every_type_arrives_as_it_is(world: BigQueryWorld) -> None:
    world.run(ALL_TYPES)
    assert bodies(world) == [
        {
            "external_id": "a",
            "i": 9007199254740993,
            "f": "0.1",
            "b": True,
            "d": "2026-01-05",
            "ti": "10:00:00.500000",
            "dt": "2026-01-05T09:00:00.500Z",
            "ts": "2026-01-05T08:00:00.500Z",
            "n": "1.5",
            "big": "12345678901234567890123456789012345678.5",
            "s": "é 漢字",
            "j": {"a": [1]},
            "st": {"a": "x", "j": {"b": [True]}},
            "l": [1, 2],
            "lj": [{"z": 1}],
            "ls": [{"j": [1], "k": "2.5"}],
            "nothing": None,
            "no_number": None,
        }
    ]


def test_both_ways_give_the_same(world: BigQueryWorld) -> None:
    world.run(ALL_TYPES)
    by_storage = bodies(world)
    without_storage(world)
    assert bodies(world) == by_storage


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What this package said; Google's own clients grumble about hosts that are not there."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider_cdi")]


def test_a_missing_role_costs_speed_and_is_said_once(many: BigQueryWorld, caplog: pytest.LogCaptureFixture) -> None:
    without_storage(many)
    source = source_of("many")
    with caplog.at_level(logging.WARNING, "airflow_provider_cdi"):
        assert len(read(source)) == len(read(source)) == MANY
    (said,) = warnings_of(caplog)
    assert "roles/bigquery.readSessionUser" in said
    assert "costs this worker many times the CPU seconds" in said


def test_the_way_of_storage_is_the_usual_one_and_silent(many: BigQueryWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "airflow_provider_cdi"):
        assert len(read(source_of("many"))) == MANY
    assert warnings_of(caplog) == []


def test_a_storage_api_that_is_out_of_reach_costs_speed_too(
    world: BigQueryWorld, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_results, "OPEN_SECONDS", 0.2)
    nowhere = f"localhost:{free_port()}"
    world.connect(extra={"storage_endpoint": nowhere})
    with caplog.at_level(logging.WARNING, "airflow_provider_cdi"):
        assert ids(source_of("t")) == ["a", "b"]
    assert f"at {nowhere} cannot be used" in caplog.text


def test_pages_keep_the_order_and_are_small(many: BigQueryWorld) -> None:
    without_storage(many)
    sizes, seen = list[int](), list[str]()
    for batch in source_of("many").read(EVERYTHING):
        sizes.append(batch.num_rows)
        seen += batch.column("EXTERNAL_ID").to_pylist()
    assert seen == sorted(seen)
    assert (sum(sizes), max(sizes)) == (MANY, 2000)


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("0.000000001", "0.000000001"), ("-1.50", "-1.5"), ("100", "100"), ("1e20", "100000000000000000000")],
)
def test_a_decimal_identifies_and_counts_without_the_zeros_of_its_type(
    world: BigQueryWorld, value: str, text: str
) -> None:
    world.run(
        f"create table numbers as select timestamp '2026-01-01' as updated_at, numeric '{value}' as id, "
        f"numeric '{value}' as price"
    )
    source = source_of("numbers", contract=CATALOG, payload_columns=["price"])
    (batch,) = source.read(EVERYTHING)
    assert batch.column("ID").to_pylist() == [text]
    assert batch.column("PAYLOAD").to_pylist() == [{"price": text}]


def test_a_struct_may_be_the_payload_with_json_in_it(world: BigQueryWorld) -> None:
    world.run(
        """create table s as select timestamp '2026-01-01' as updated_at, 'u' as external_id,
        struct(1 as a, json '{"x":"y"}' as raw) as payload"""
    )
    (record,) = braze_destination("attributes").encode(next(source_of("s").read(EVERYTHING)))
    assert isinstance(record, Record), record
    assert orjson.loads(record.body) == {"external_id": "u", "a": 1, "raw": {"x": "y"}}


# --- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["chunk_503", "chunk_slow", "drop", "token_expired"])
def test_the_client_takes_a_broken_stream_up_again(many: BigQueryWorld, kind: str) -> None:
    source = source_of("many")
    many.fault(kind, times=1, after=1, **({"seconds": 0.1} if kind == "chunk_slow" else {}))
    assert len(set(ids(source))) == MANY


@pytest.mark.parametrize("kind", ["chunk_503", "drop", "token_expired"])
def test_the_client_asks_for_a_broken_page_again(many: BigQueryWorld, kind: str) -> None:
    without_storage(many)
    source = source_of("many")
    many.fault(kind, times=1, after=1)
    assert len(set(ids(source))) == MANY


@pytest.mark.parametrize("kind", ["expired", "short"])
def test_a_stream_that_ends_early_may_be_read_again(many: BigQueryWorld, kind: str) -> None:
    source = source_of("many")
    many.fault(kind, times=1, after=1)
    with pytest.raises(RetryLater, match="a new try"):
        read(source)
    assert len(read(source)) == MANY


def test_a_permission_that_is_taken_away_in_between_is_named(many: BigQueryWorld) -> None:
    source = source_of("many")
    many.fault("unauthorized", times=1, status=403)
    with pytest.raises(SourceError, match=r"grant it roles/bigquery\.dataViewer"):
        read(source)


def test_a_bigquery_that_does_not_answer_may_do_so_later(world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_connection, "RETRY_SECONDS", 0.5)
    hook = get_warehouse_hook("w")
    hook.source("t", contract=ATTRIBUTES)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"https://localhost:{free_port()}")
    with pytest.raises(RetryLater, match="a new try may succeed"):
        hook.source("t", contract=ATTRIBUTES)


def test_a_value_that_cannot_be_converted_is_not_quoted(world: BigQueryWorld) -> None:
    sql = (
        "select updated_at, external_id, cast(cast(concat('jane@x.y', external_id) as int64) as string) payload from t"
    )
    source = source_of(None, sql=sql)
    with pytest.raises(SourceError, match="cannot be read or converted") as error:
        read(source)
    assert "jane" not in str(error.value)
    assert error.value.__cause__ is None


def test_an_unknown_column_is_quoted(world: BigQueryWorld) -> None:
    with pytest.raises(SourceError, match="Unrecognized name: nope"):
        source_of(None, sql="select nope, updated_at from t")


# --- credentials ------------------------------------------------------------------------------------------


@pytest.fixture
def key_file(world: BigQueryWorld) -> Iterator[str]:
    path = stand_in(world).folder / "key.json"
    path.write_text(json.dumps(stand_in(world).key))
    yield str(path)
    path.unlink()


def test_a_connection_of_the_general_type_leads_to_bigquery(world: BigQueryWorld) -> None:
    world.connect(conn_type="google_cloud_platform")
    assert isinstance(get_warehouse_hook("w"), BigQueryWarehouseHook)
    assert ids(source_of("t")) == ["a", "b"]


def test_fields_under_their_old_names_are_understood(world: BigQueryWorld) -> None:
    old = "extra__google_cloud_platform__"
    usual = world.connection()["extra"]
    world.connect(extra={**dict.fromkeys(usual), **{old + name: value for name, value in usual.items()}})
    assert ids(source_of("t")) == ["a", "b"]


def test_a_key_may_be_a_file(world: BigQueryWorld, key_file: str) -> None:
    world.connect(extra={"keyfile_dict": None, "key_path": key_file})
    assert ids(source_of("t")) == ["a", "b"]


def test_a_key_may_be_an_object_in_the_extra(world: BigQueryWorld) -> None:
    world.connect(extra={"keyfile_dict": stand_in(world).key})
    assert ids(source_of("t")) == ["a", "b"]


def test_default_credentials_are_found(world: BigQueryWorld, key_file: str) -> None:
    world.connect(extra={"keyfile_dict": None}, variables={"GOOGLE_APPLICATION_CREDENTIALS": key_file})
    assert ids(source_of("t")) == ["a", "b"]


@pytest.mark.parametrize("has_tls", [True, False])
def test_an_emulator_needs_no_credentials(
    world: BigQueryWorld, caplog: pytest.LogCaptureFixture, has_tls: bool
) -> None:
    stand_in(world).control("anonymous", anonymous=True)
    ready = stand_in(world).ready
    endpoint = f"localhost:{ready['storage_port']}" if has_tls else f"http://localhost:{ready['plain_port']}"
    world.connect(extra={"keyfile_dict": None, "is_anonymous": True, "storage_endpoint": endpoint})
    try:
        with caplog.at_level(logging.WARNING, "airflow_provider_cdi"):
            assert ids(source_of("t")) == ["a", "b"]
        assert warnings_of(caplog) == []
    finally:
        stand_in(world).control("anonymous", anonymous=False)


def test_a_connection_without_a_project_says_so(world: BigQueryWorld) -> None:
    world.connect(extra={"keyfile_dict": None, "is_anonymous": True, "project": None})
    with pytest.raises(SourceError, match='set "project" in its extra'):
        source_of("t")


def test_a_refused_key_stays_out_of_the_message(world: BigQueryWorld) -> None:
    key = stand_in(world).unknown_key("nobody@x.iam.gserviceaccount.com")
    world.connect(extra={"keyfile_dict": json.dumps(key)})
    works, sentence = get_warehouse_hook("w").test_connection()
    assert not works
    assert "put a new key into keyfile_dict" in sentence
    assert key["private_key"][40:60] not in sentence


def test_counting_needs_no_storage_api(world: BigQueryWorld) -> None:
    world.connect(extra={"storage_endpoint": "localhost:1"})
    assert source_of("t").count(EVERYTHING, position=None, now=NOW).in_bounds == 2


# --- what errors mean -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status", "passes", "advice"),
    [
        ("quotaExceeded", 403, True, "quota"),
        ("rateLimitExceeded", 403, True, "at once"),
        ("stopped", 499, True, "cancelled in BigQuery"),
        ("resourcesExceeded", 400, False, "read it in partitions"),
        ("responseTooLarge", 403, False, "read it in partitions"),
        ("billingNotEnabled", 403, False, "enable billing"),
        ("tableUnavailable", 400, True, "a new try may succeed"),
        ("accessDenied", 403, False, r"roles/bigquery\.dataViewer"),
    ],
)
def test_a_reason_of_bigquery_says_what_to_do(reason: str, status: int, passes: bool, advice: str) -> None:
    error = exceptions.from_http_status(status, "words", errors=[{"reason": reason, "message": "words"}])
    fault = diagnose(error)
    assert fault is not None
    assert fault.passes is passes
    assert re.search(advice, fault.advice)


def test_what_bigquery_says_of_a_value_is_not_quoted() -> None:
    for said in ("Bad int64 value: jane", "Could not cast literal", "division by zero: 1 / 0", "anything new"):
        error = exceptions.BadRequest(said, errors=[{"reason": "invalidQuery"}])
        told = str(as_cdi_error(error, doing="reading", conn_id="w", diagnose=diagnose))
        assert said not in told
        assert "HTTP 400, invalidQuery" in told


def test_a_table_that_wants_a_filter_is_named_with_the_cure() -> None:
    said = "Cannot query over table 'p.d.t' without a filter over column(s) 'at' that can be used for partition elim"
    fault = diagnose(exceptions.BadRequest(said, errors=[{"reason": "invalidQuery"}]))
    assert fault is not None
    assert "read it by sql= with such a filter" in fault.advice


def test_an_error_of_somebody_else_is_left_to_others() -> None:
    assert diagnose(KeyError("x")) is None
