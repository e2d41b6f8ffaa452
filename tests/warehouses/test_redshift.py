"""Redshift as a source: the real driver and Airflow's own hook against a PostgreSQL that speaks like Redshift."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from standins.redshift import PASSWORD, USER, WORKGROUP, Redshift, why_not
from standins.redshift.aws import ACCESS_KEY, SECRET_KEY
from standins.redshift.driver import tame
from support.sql_world import ATTRIBUTES, EVERYTHING, NOW, read

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.redshift import RedshiftWarehouseHook
from airflow_provider_cdi.hooks.redshift_reader import written_out
from airflow_provider_cdi.hooks.sql import SqlSource
from airflow_provider_cdi.hooks.sql_statements import Statement
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
TIE = "2026-01-02T00:00:00.000001Z"
#: For ``create view … as select`` of one row.
ROW = "timestamp '2026-01-01' as updated_at, 'a' as external_id"


@pytest.fixture(scope="module")
def standin() -> Iterator[Redshift]:
    with Redshift() as standin:
        yield standin


class Cluster:
    """The stand-in and the Airflow connection ``w`` to it."""

    def __init__(self, standin: Redshift, monkeypatch: pytest.MonkeyPatch) -> None:
        self.standin = standin
        self._monkeypatch = monkeypatch
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        self.connect()

    def connect(self, **fields: Any) -> Cluster:
        return self.use(self.standin.connection(**fields))

    def use(self, connection: dict[str, Any]) -> Cluster:
        self._monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))
        return self

    def run(self, *statements: str) -> None:
        self.standin.sql(*statements)

    def view(self, columns: str, name: str = "v") -> None:
        self.run(f"create view {name} as select {ROW}, {columns}")

    def many(self, rows: int, payload: str = "'{}'") -> None:
        self.run(
            "create view many as select timestamp '2026-01-01' + interval '1 second' * i as updated_at, "
            f"i as external_id, {payload} as payload from generate_series(1, {rows}) i"
        )

    def source(self, table: str | None = "t", *, tag: str = "", **kwargs: Any) -> SqlSource:
        source = get_warehouse_hook("w", tag).source(table, **{"contract": ATTRIBUTES, **kwargs})
        assert isinstance(source, SqlSource)
        return source


@pytest.fixture
def cluster(standin: Redshift, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    tame(monkeypatch)
    standin.heal()
    standin.empty()
    standin.limit_fetch(1000)
    standin.sql(
        "create table t (updated_at timestamp, external_id int, payload super)",
        "insert into t values ('2026-01-02 00:00:00.000001', 2, json_parse('{\"n\": 1.50}')), "
        "('2026-01-01', 1, json_parse('{\"n\": 1}')), (null, 4, json_parse('{}')), ('2026-07-01', 5, null), "
        "('2026-01-02 00:00:00.000001', 1, json_parse('{\"n\": 12345678901234567890}'))",
    )
    standin.forget()
    return Cluster(standin, monkeypatch)


def note_sizes(source: SqlSource, sizes: list[int]) -> None:
    for batch in source.read(EVERYTHING):
        sizes.append(batch.num_rows)


# --- rows -----------------------------------------------------------------------------------------


def test_rows_come_in_order_with_redshifts_own_text_of_super(cluster: Cluster) -> None:
    rows = [(row["EXTERNAL_ID"], row["PAYLOAD"]) for row in read(cluster.source())]
    assert rows == [("1", '{"n": 1}'), ("1", '{"n": 12345678901234567890}'), ("2", '{"n": 1.50}')]


def test_bounds_are_exact_to_the_microsecond(cluster: Cluster) -> None:
    source = cluster.source()
    assert read(source, Bounds(after=TIE, up_to=NOW)) == []
    assert len(read(source, Bounds(since=TIE, up_to=NOW))) == 2
    assert len(read(source, Bounds(until=TIE))) == 1


def test_one_count_tells_all_there_is_to_know(cluster: Cluster) -> None:
    source = cluster.source()
    assert source.count(EVERYTHING, position=TIE, now=NOW, with_total=True) == Counts(3, 2, 1, 1, 5)
    assert source.count(Bounds(after=TIE, up_to=NOW), position=TIE, now=NOW) == Counts(0, 2, 1, 1)


def test_a_timestamp_with_zone_comes_out_in_utc_whatever_the_zone_of_the_user(cluster: Cluster) -> None:
    cluster.run(
        "create table z as select timestamptz '2026-01-01 02:00:00.5+02' updated_at, 'a' external_id, '{}' payload",
        "alter role cdi set timezone to 'Asia/Tokyo'",
    )
    source = cluster.source("z")
    assert read(source)[0]["UPDATED_AT"] == "2026-01-01 00:00:00.500000"
    assert source.count(EVERYTHING, position="2026-01-01T00:00:00.500000Z", now=NOW).at_position == 1
    cluster.run("alter role cdi reset timezone")


def test_a_number_of_38_digits_keeps_them_all(cluster: Cluster) -> None:
    number = "1234567890123456789012345678.1234567891"
    cluster.view(f"cast('{number}' as numeric(38,10)) as n, cast('-0.05' as numeric(38,10)) as small")
    (row,) = read(cluster.source("v", payload_columns=["n", "small"]))
    assert row["PAYLOAD"] == {"n": Decimal(number), "small": Decimal("-0.0500000000")}


def test_an_identifier_of_38_digits_keeps_them_all(cluster: Cluster) -> None:
    number = "12345678901234567890123456789012345678"
    cluster.run(
        f"create view v as select timestamp '2026-01-01' as updated_at, cast({number} as numeric(38,0)) as external_id,"
        " '{}' as payload"
    )
    assert read(cluster.source("v"))[0]["EXTERNAL_ID"] == number


def test_a_payload_built_from_columns_keeps_their_types(cluster: Cluster) -> None:
    cluster.view(
        "cast(1.50 as numeric(10,2)) as price, date '2026-01-05' as day, true as vip, "
        "json_parse('{\"a\": 1.0}') as raw, cast(9223372036854775807 as bigint) as big, cast(0.1 as float8) as share, "
        "'x'::char(3) as letters, timestamptz '2026-01-01 02:00:00+02' as seen, cast(null as int) as nothing"
    )
    names = ["price", "day", "vip", "raw", "big", "share", "letters", "seen", "nothing"]
    batch = next(cluster.source("v", payload_columns=names).read(EVERYTHING))
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
    assert (str(row["price"]), row["raw"], row["big"], row["share"]) == ("1.50", '{"a": 1.0}', 2**63 - 1, 0.1)
    assert row["seen"].isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("column", "what"), [("'ab'::varbyte", r"binary values \(VARBYTE\)"), ("interval '1 day 2 hours'", "intervals")]
)
def test_columns_without_a_form_in_json_are_refused_by_name(cluster: Cluster, column: str, what: str) -> None:
    cluster.view(f"{column} as odd")
    with pytest.raises(SourceError, match=rf"'odd' holds {what}, which have no form in JSON.*in a view"):
        read(cluster.source("v", payload_columns=["odd"]))


def test_times_of_day_stay_times_of_day_in_utc(cluster: Cluster) -> None:
    cluster.view("time '09:30:00.5' as opens, timetz '09:30:00+02' as zoned")
    (row,) = read(cluster.source("v", payload_columns=["opens", "zoned"]))
    assert {name: value.isoformat() for name, value in row["PAYLOAD"].items()} == {
        "opens": "09:30:00.500000",
        "zoned": "07:30:00",
    }


def test_names_in_quotes_fold_too_as_long_as_the_session_does_not_say_otherwise(cluster: Cluster) -> None:
    cluster.run('create table "order" as select * from t')
    assert len(read(cluster.source('dev.Public."ORDER"'))) == 3


def test_a_percent_in_a_query_is_only_a_percent(cluster: Cluster) -> None:
    sql = "select t.*, '100%s' as email from t where json_serialize(payload) like '%1.5%';"
    assert [row["EMAIL"] for row in read(cluster.source(None, sql=sql))] == ["100%s"]


def test_redshifts_own_functions_work_in_a_query(cluster: Cluster) -> None:
    sql = "select dateadd(day, -1, '2026-02-01') as updated_at, nvl(null, 'a') as external_id, '{}' as payload"
    assert read(cluster.source(None, sql=sql))[0]["UPDATED_AT"] == "2026-01-31 00:00:00.000000"


def test_a_watermark_that_is_no_time_is_never_written_into_a_statement() -> None:
    with pytest.raises(ConfigurationError, match="no point in time"):
        written_out(Statement("select 1 where updated_at > \x00", ("2026-01-01'; drop table t; --",)))


# --- how they are read ----------------------------------------------------------------------------


def test_a_read_is_one_query_under_the_syncs_name(cluster: Cluster) -> None:
    source = cluster.source(tag="marketing.users")
    cluster.standin.forget()
    read(source)
    asked = [asked for asked in cluster.standin.statements() if "pg_backend_pid" not in asked["text"]]
    assert [(asked["tag"], asked["state"]) for asked in asked] == [("marketing.users", "finished")]
    assert asked[0]["text"].startswith("declare")


def test_a_cluster_of_one_node_is_asked_for_a_thousand_rows_at_most(cluster: Cluster) -> None:
    cluster.many(4200)
    sizes = [batch.num_rows for batch in cluster.source("many").read(EVERYTHING)]
    assert sizes == [500, 1000, 1000, 1000, 700]


def test_a_larger_fetch_falls_back_to_what_the_cluster_allows(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.connect(extra={"cdi_fetch_rows": 4000}).many(2500)
    with caplog.at_level(logging.INFO):
        sizes = [batch.num_rows for batch in cluster.source("many").read(EVERYTHING)]
    assert sizes == [500, 1000, 1000]
    assert "allows 1000 rows a FETCH; 4000 were asked for" in caplog.text


def test_a_cluster_of_several_nodes_gives_more_rows_a_fetch(cluster: Cluster) -> None:
    cluster.standin.limit_fetch(None)
    cluster.connect(extra={"cdi_fetch_rows": 4000}).many(9000)
    assert [batch.num_rows for batch in cluster.source("many").read(EVERYTHING)] == [4000, 4000, 1000]


def test_wide_rows_come_fewer_at_a_time(cluster: Cluster) -> None:
    cluster.many(1500, payload="repeat('x', 30000)")
    sizes = [batch.num_rows for batch in cluster.source("many").read(EVERYTHING)]
    assert sum(sizes) == 1500
    assert max(sizes[1:]) == 125


@pytest.mark.parametrize("given", [0, "many", -5])
def test_a_fetch_size_that_makes_no_sense_is_named(cluster: Cluster, given: object) -> None:
    cluster.connect(extra={"cdi_fetch_rows": given})
    with pytest.raises(ConfigurationError, match=r"cdi_fetch_rows.*'w'.*number of rows from 1 on"):
        cluster.source()


def test_a_reader_that_is_closed_early_leaves_no_cursor_behind(cluster: Cluster) -> None:
    cluster.many(5000)
    batches = cluster.source("many").read(EVERYTHING)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    # The server hears of it when it hears of it.
    ended = threading.Event()
    while cluster.standin.statements()[-1]["state"] == "running":
        ended.wait(0.02)
    assert cluster.standin.statements()[-1]["state"] == "finished"


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_missing_table_is_told_apart(cluster: Cluster) -> None:
    with pytest.raises(SourceError, match=r"the table nope.*check the name.*relation \"nope\" does not exist"):
        cluster.source("nope")


def test_a_missing_grant_is_told_apart(cluster: Cluster) -> None:
    cluster.run("revoke select on t from public")
    with pytest.raises(SourceError, match=r"the table t.*'w'.*grant it SELECT.*permission denied for relation t"):
        cluster.source()


def test_a_wrong_password_is_for_a_person_to_mend_and_stays_out_of_the_message(cluster: Cluster) -> None:
    works, sentence = get_warehouse_hook("w").test_connection()
    assert (works, sentence) == (True, "The Amazon Redshift database of the connection 'w' answers.")
    cluster.connect(password="hunter2-secret")
    works, sentence = get_warehouse_hook("w").test_connection()
    assert not works
    assert "check the connection's login, password and database" in sentence
    assert "hunter2" not in sentence
    assert PASSWORD not in sentence


def test_an_unknown_database_is_for_a_person_to_mend(cluster: Cluster) -> None:
    cluster.connect(schema="nowhere")
    with pytest.raises(SourceError, match="check the connection's login, password and database"):
        cluster.source()


def test_a_certificate_of_an_unknown_authority_is_for_a_person_to_mend(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceError, match="certificate is not believed"):
        cluster.source()


def test_a_cluster_that_is_away_may_come_back(cluster: Cluster) -> None:
    cluster.connect(port=1)
    with pytest.raises(RetryLater, match=r"'w'.*a new try may succeed"):
        cluster.source()


def test_an_extra_that_the_driver_does_not_know_is_for_a_person_to_mend(cluster: Cluster) -> None:
    cluster.connect(extra={"colour": "red"})
    with pytest.raises(ConfigurationError, match="check its fields and its extra"):
        cluster.source()


@pytest.mark.parametrize("fault", ["chunk_503", "drop", "expired"])
@pytest.mark.parametrize("after", [0, 2])
def test_a_read_that_breaks_off_may_be_tried_again(cluster: Cluster, fault: str, after: int) -> None:
    cluster.many(5000)
    source = cluster.source("many")
    cluster.standin.fault(fault, after=after)
    seen = list[int]()
    with pytest.raises(RetryLater, match=r"Reading the table many .*a new try may succeed"):
        note_sizes(source, seen)
    assert sum(seen) == (1500 if after else 0)
    assert len(read(source)) == 5000


@pytest.mark.parametrize("kept", [1, 3, 7, 100, 1001])
def test_a_result_cut_anywhere_gives_no_half_row(cluster: Cluster, kept: int) -> None:
    cluster.many(3000)
    source = cluster.source("many")
    cluster.standin.fault("drop", after=1, keep=kept)
    seen = list[int]()
    with pytest.raises(RetryLater):
        note_sizes(source, seen)
    assert seen == [500]


def test_a_right_that_is_taken_away_in_the_middle_is_for_a_person_to_mend(cluster: Cluster) -> None:
    cluster.many(5000)
    source = cluster.source("many")
    cluster.standin.fault("unauthorized", after=2)
    with pytest.raises(SourceError, match="grant it SELECT"):
        read(source)


def test_a_slow_fetch_is_waited_for(cluster: Cluster) -> None:
    source = cluster.source()
    cluster.standin.fault("chunk_slow", seconds=0.2)
    assert len(read(source)) == 3


def test_a_value_that_cannot_be_converted_is_not_quoted(cluster: Cluster) -> None:
    sql = "select updated_at, external_id, cast(('jane@example.com' || external_id) as int)::varchar payload from t"
    with pytest.raises(SourceError, match="cannot be read or converted") as error:
        read(cluster.source(None, sql=sql))
    assert "jane" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_running_query_ends_in_the_warehouse_when_it_is_cancelled(cluster: Cluster) -> None:
    cluster.run("create view slow as select t.*, pg_sleep(600)::text as nap from t")
    source, seen = cluster.source("slow", columns={"EMAIL": "nap"}), list[BaseException]()

    def reading() -> None:
        try:
            read(source)
        except Interrupted as error:
            seen.append(error)

    thread = threading.Thread(target=reading)
    thread.start()
    while not any(asked["text"].startswith("declare") for asked in cluster.standin.statements()):
        thread.join(0.02)
    source.cancel()
    thread.join(20)
    assert len(seen) == 1
    declared = [asked for asked in cluster.standin.statements() if asked["text"].startswith("declare")]
    assert [asked["state"] for asked in declared] == ["cancelled"]


# --- IAM ------------------------------------------------------------------------------------------


def test_iam_gives_a_temporary_password_for_a_cluster(cluster: Cluster) -> None:
    cluster.use(cluster.standin.iam_connection())
    assert len(read(cluster.source())) == 3


def test_iam_gives_a_temporary_password_for_a_workgroup(cluster: Cluster) -> None:
    serverless = {"is_serverless": True, "serverless_work_group": WORKGROUP, "serverless_token_duration_seconds": 900}
    cluster.use(cluster.standin.iam_connection(**serverless))
    assert len(read(cluster.source())) == 3


def test_the_drivers_own_way_to_iam_is_left_to_it(cluster: Cluster) -> None:
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "region": "us-east-1", "db_user": USER}
    cluster.use(cluster.standin.iam_connection(**keys))
    assert len(read(cluster.source())) == 3


def test_a_temporary_password_serves_until_it_ends(cluster: Cluster) -> None:
    cluster.use(cluster.standin.iam_connection())
    hook = get_warehouse_hook("w")
    assert isinstance(hook, RedshiftWarehouseHook)
    first = hook._session._hook._passwords
    login = first.login()
    assert first.login() == login
    first._good_until = first._good_until.replace(year=2000)
    assert first.login() != login


def test_a_temporary_password_that_ended_is_for_a_person_to_mend(cluster: Cluster) -> None:
    source = cluster.use(cluster.standin.iam_connection()).source()
    cluster.standin.expire_passwords()
    with pytest.raises(SourceError, match="The login is refused"):
        read(source)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"cluster_identifier": "elsewhere"}, r"check cluster_identifier.*region"),
        ({"is_serverless": True, "serverless_work_group": "elsewhere"}, r"check cluster_identifier.*region"),
    ],
)
def test_a_cluster_that_aws_does_not_know_is_named(cluster: Cluster, extra: dict[str, Any], sentence: str) -> None:
    cluster.use(cluster.standin.iam_connection(**extra))
    with pytest.raises(SourceError, match=sentence):
        cluster.source()


@pytest.mark.parametrize("extra", [{}, {"is_serverless": True, "serverless_work_group": WORKGROUP}])
def test_a_key_that_aws_refuses_names_the_permission(
    cluster: Cluster, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    cluster.use(cluster.standin.iam_connection(**extra))
    with pytest.raises(SourceError, match="redshift:GetClusterCredentials"):
        cluster.source()


def test_no_aws_credentials_at_all_are_for_a_person_to_mend(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    cluster.use(cluster.standin.iam_connection())
    with pytest.raises(SourceError, match="set up the connection aws_default"):
        cluster.source()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"login": ""}, "name the database user as its login"),
        ({"extra": {"iam": True, "is_serverless": True}}, "name serverless_work_group"),
    ],
)
def test_iam_without_the_names_it_needs_is_named(cluster: Cluster, fields: dict[str, Any], sentence: str) -> None:
    cluster.use({**cluster.standin.iam_connection(), **fields})
    with pytest.raises(ConfigurationError, match=sentence):
        cluster.source()
