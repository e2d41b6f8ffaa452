"""What is Redshift's alone; the contract suite shows what every source does."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
import pytest
from support.sql_world import ATTRIBUTES, EVERYTHING, read
from support.waiting import wait_until
from warehouses.conftest import Worlds
from warehouses.worlds.redshift import RedshiftWorld

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater, SourceError
from airflow_provider_cdi.hooks.redshift.hook import diagnose
from airflow_provider_cdi.hooks.redshift.reader import RedshiftError, written_out
from airflow_provider_cdi.hooks.sql.errors import as_cdi_error
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook


@pytest.fixture
def cluster(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> RedshiftWorld:
    """A cluster of one node with three rows in the table ``t``."""
    world = worlds["redshift"]
    assert isinstance(world, RedshiftWorld)
    world.begin(monkeypatch)
    world.create(
        "t",
        {"updated_at": "timestamp", "external_id": "integer", "payload": "json"},
        ("2026-01-02 00:00:00.000001", "2", '{"n": 1.50}'),
        ("2026-01-01 00:00:00", "1", '{"n": 1}'),
        ("2026-01-02 00:00:00.000001", "1", '{"n": 12345678901234567890}'),
    )
    return world


def view(cluster: RedshiftWorld, columns: str) -> None:
    """One row with these columns beside the two that must be there."""
    cluster.run(f"create view v as select timestamp '2026-01-01' as updated_at, 'a' as external_id, {columns}")


def many(cluster: RedshiftWorld, rows: int, payload: str = "'{}'") -> None:
    cluster.run(
        "create view many as select timestamp '2026-01-01' + interval '1 second' * i as updated_at, "
        f"i as external_id, {payload} as payload from generate_series(1, {rows}) i"
    )


def source_of(table: str | None = "t", *, tag: str = "", **arguments: Any) -> SqlSource:
    source = get_warehouse_hook("w", tag).source(table, contract=ATTRIBUTES, **arguments)
    assert isinstance(source, SqlSource)
    return source


def note_sizes(source: SqlSource, sizes: list[int]) -> None:
    for batch in source.read(EVERYTHING):
        sizes.append(batch.num_rows)


# --- rows -----------------------------------------------------------------------------------------


def test_rows_come_in_order_with_redshifts_own_text_of_super(cluster: RedshiftWorld) -> None:
    rows = [(row["EXTERNAL_ID"], row["PAYLOAD"]) for row in read(source_of())]
    assert rows == [("1", '{"n": 1}'), ("1", '{"n": 12345678901234567890}'), ("2", '{"n": 1.50}')]


def test_a_super_that_is_null_is_no_payload(cluster: RedshiftWorld) -> None:
    view(cluster, "cast(null as super) as payload")
    assert read(source_of("v"))[0]["PAYLOAD"] is None


def test_a_payload_built_from_columns_keeps_their_types(cluster: RedshiftWorld) -> None:
    view(
        cluster,
        "cast(1.50 as numeric(10,2)) as price, date '2026-01-05' as day, true as vip, "
        "json_parse('{\"a\": 1.0}') as raw, cast(9223372036854775807 as bigint) as big, cast(0.1 as float8) as share, "
        "'x'::char(3) as letters, timestamptz '2026-01-01 02:00:00+02' as seen, cast(null as int) as nothing",
    )
    names = ["price", "day", "vip", "raw", "big", "share", "letters", "seen", "nothing"]
    batch = next(source_of("v", payload_columns=names).read(EVERYTHING))
    payload = batch.schema.field("PAYLOAD").type
    assert payload.field("raw").metadata == {b"cdi": b"json"}
    assert [payload.field(name).type for name in ("day", "vip", "big", "share", "seen", "nothing")] == [
        pa.date32(),
        pa.bool_(),
        pa.int64(),
        pa.float64(),
        pa.timestamp("us", tz="UTC"),
        pa.int64(),
    ]
    row = batch.column("PAYLOAD")[0].as_py()
    assert (row["price"], row["raw"], row["big"], row["share"]) == ("#1.50", '{"a": 1.0}', 2**63 - 1, 0.1)
    assert row["seen"].isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("column", "what"), [("'ab'::varbyte", r"binary values \(VARBYTE\)"), ("interval '1 day 2 hours'", "intervals")]
)
def test_columns_without_a_form_in_json_are_refused_by_name(cluster: RedshiftWorld, column: str, what: str) -> None:
    view(cluster, f"{column} as odd")
    with pytest.raises(SourceError, match=rf"'odd' holds {what}, which have no form in JSON.*in a view"):
        read(source_of("v", payload_columns=["odd"]))


def test_times_of_day_stay_times_of_day_in_utc(cluster: RedshiftWorld) -> None:
    view(cluster, "time '09:30:00.5' as opens, timetz '09:30:00+02' as zoned")
    (row,) = read(source_of("v", payload_columns=["opens", "zoned"]))
    assert {name: value.isoformat() for name, value in row["PAYLOAD"].items()} == {
        "opens": "09:30:00.500000",
        "zoned": "07:30:00",
    }


def test_names_in_quotes_fold_too_as_long_as_the_session_does_not_say_otherwise(cluster: RedshiftWorld) -> None:
    cluster.run('create table "order" as select * from t')
    assert len(read(source_of('dev.Public."ORDER"'))) == 3


def test_a_percent_in_a_query_is_only_a_percent(cluster: RedshiftWorld) -> None:
    sql = "select t.*, '100%s' as email from t where json_serialize(payload) like '%1.5%';"
    assert [row["EMAIL"] for row in read(source_of(None, sql=sql))] == ["100%s"]


def test_redshifts_own_functions_work_in_a_query(cluster: RedshiftWorld) -> None:
    sql = "select dateadd(day, -1, '2026-02-01') as updated_at, nvl(null, 'a') as external_id, '{}' as payload"
    assert read(source_of(None, sql=sql))[0]["UPDATED_AT"] == "2026-01-31 00:00:00.000000"


def test_a_watermark_that_is_no_time_is_never_written_into_a_statement() -> None:
    with pytest.raises(ConfigurationError, match="no point in time"):
        written_out(Statement("select 1 where updated_at > \x00", ("2026-01-01'; drop table t; --",)))


def test_a_text_of_a_row_is_written_as_a_literal_that_nothing_ends() -> None:
    statement = Statement("select 1 where a > \x00 and b = \x00", ("2026-01-01", "o'brien \\\x00'; --"), texts=1)
    literal = "('o''brien ' || chr(92) || @''; --')".replace("@", "'")
    assert written_out(statement) == f"select 1 where a > '2026-01-01' and b = {literal}"


# --- how they are read ----------------------------------------------------------------------------


def test_a_read_is_one_query_under_the_syncs_name(cluster: RedshiftWorld) -> None:
    source = source_of(tag="marketing.users")
    cluster.stand_in.forget()
    read(source)
    asked = [asked for asked in cluster.stand_in.statements() if "pg_backend_pid" not in asked["text"]]
    assert [(asked["tag"], asked["state"]) for asked in asked] == [("marketing.users", "finished")]
    assert asked[0]["text"].startswith("declare")


def test_a_cluster_of_one_node_is_asked_for_a_thousand_rows_at_most(cluster: RedshiftWorld) -> None:
    many(cluster, 4200)
    sizes = [batch.num_rows for batch in source_of("many").read(EVERYTHING)]
    assert sizes == [500, 1000, 1000, 1000, 700]


def test_a_larger_fetch_falls_back_to_what_the_cluster_allows(
    cluster: RedshiftWorld, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.connect(extra={"cdi_fetch_rows": 4000})
    many(cluster, 2500)
    with caplog.at_level(logging.INFO):
        sizes = [batch.num_rows for batch in source_of("many").read(EVERYTHING)]
    assert sizes == [500, 1000, 1000]
    assert "allows 1000 rows a FETCH; 4000 were asked for" in caplog.text


def test_a_cluster_of_several_nodes_gives_more_rows_a_fetch(cluster: RedshiftWorld) -> None:
    cluster.stand_in.limit_fetch(None)
    cluster.connect(extra={"cdi_fetch_rows": 4000})
    many(cluster, 9000)
    assert [batch.num_rows for batch in source_of("many").read(EVERYTHING)] == [4000, 4000, 1000]


def test_wide_rows_come_fewer_at_a_time(cluster: RedshiftWorld) -> None:
    many(cluster, 1500, payload="repeat('x', 30000)")
    sizes = [batch.num_rows for batch in source_of("many").read(EVERYTHING)]
    assert sum(sizes) == 1500
    assert max(sizes[1:]) == 125


@pytest.mark.parametrize("given", [0, "many", -5])
def test_a_fetch_size_that_makes_no_sense_is_named(cluster: RedshiftWorld, given: object) -> None:
    cluster.connect(extra={"cdi_fetch_rows": given})
    with pytest.raises(ConfigurationError, match=r"cdi_fetch_rows.*'w'.*number of rows from 1 on"):
        source_of()


def test_a_reader_that_is_closed_early_leaves_no_cursor_behind(cluster: RedshiftWorld) -> None:
    many(cluster, 5000)
    batches = source_of("many").read(EVERYTHING)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    # The server hears of it when it hears of it.
    wait_until(lambda: cluster.stand_in.statements()[-1]["state"] != "running")
    assert cluster.stand_in.statements()[-1]["state"] == "finished"


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_cluster_that_is_away_may_come_back(cluster: RedshiftWorld) -> None:
    cluster.connect(port=1)
    with pytest.raises(RetryLater, match=r"'w'.*a new try may succeed"):
        source_of()


def test_an_extra_that_the_driver_does_not_know_is_for_a_person_to_mend(cluster: RedshiftWorld) -> None:
    cluster.connect(extra={"colour": "red"})
    with pytest.raises(ConfigurationError, match="check its fields and its extra"):
        source_of()


@pytest.mark.parametrize("fault", ["chunk_503", "drop", "expired"])
@pytest.mark.parametrize("after", [0, 2])
def test_a_read_that_breaks_off_may_be_tried_again(cluster: RedshiftWorld, fault: str, after: int) -> None:
    many(cluster, 5000)
    source = source_of("many")
    cluster.stand_in.fault(fault, after=after)
    seen = list[int]()
    with pytest.raises(RetryLater, match=r"Reading the table many .*a new try may succeed"):
        note_sizes(source, seen)
    assert sum(seen) == (1500 if after else 0)
    assert len(read(source)) == 5000


@pytest.mark.parametrize("kept", [1, 3, 7, 100, 1001])
def test_a_result_cut_anywhere_gives_no_half_row(cluster: RedshiftWorld, kept: int) -> None:
    many(cluster, 3000)
    source = source_of("many")
    cluster.stand_in.fault("drop", after=1, keep=kept)
    seen = list[int]()
    with pytest.raises(RetryLater):
        note_sizes(source, seen)
    assert seen == [500]


def test_a_right_that_is_taken_away_in_the_middle_is_for_a_person_to_mend(cluster: RedshiftWorld) -> None:
    many(cluster, 5000)
    source = source_of("many")
    cluster.stand_in.fault("unauthorized", after=2)
    with pytest.raises(SourceError, match="grant it SELECT"):
        read(source)


def test_a_result_beyond_what_the_clusters_cursors_hold_names_the_way_out(cluster: RedshiftWorld) -> None:
    source = source_of()
    cluster.stand_in.fault("cursors_full")
    with pytest.raises(SourceError, match=r"split the sync with partition=.*8000MB"):
        read(source)


def test_a_slow_fetch_is_waited_for(cluster: RedshiftWorld) -> None:
    source = source_of()
    cluster.stand_in.fault("chunk_slow", seconds=0.2)
    assert len(read(source)) == 3


def test_a_value_that_cannot_be_converted_is_not_quoted(cluster: RedshiftWorld) -> None:
    sql = "select updated_at, external_id, cast(('jane@example.com' || external_id) as int)::varchar payload from t"
    with pytest.raises(SourceError, match="cannot be read or converted") as error:
        read(source_of(None, sql=sql))
    assert "jane" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    ("sentence", "advice", "passes"),
    [
        ("could not open relation with OID 4711", "a new try may succeed", True),
        ("could not complete because of conflict with concurrent transaction", "a new try may succeed", True),
        ("JSON_SERIALIZE: the result is longer than the limit", "A SUPER value is longer than 65,535 bytes", False),
        ("Invalid digit, Value 'j', Pos 0, Type: Integer", "cannot be read or converted", False),
    ],
)
def test_an_internal_error_is_told_by_its_sentence(sentence: str, advice: str, passes: bool) -> None:
    fault = diagnose(RedshiftError(sentence, "XX000"))
    assert fault is not None
    assert advice in fault.advice
    assert fault.passes is passes


def test_an_internal_error_that_may_hold_a_value_is_not_quoted() -> None:
    error = RedshiftError("Invalid digit, Value 'jane@example.com', Pos 0", "XX000")
    told = str(as_cdi_error(error, doing="reading", conn_id="w", diagnose=diagnose))
    assert "cast the column" in told
    assert "jane" not in told
