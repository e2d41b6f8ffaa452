"""What every source does, whatever the warehouse: real client, real hook, real socket."""

from __future__ import annotations

import json
import threading
from typing import Any

import orjson
import pyarrow as pa
import pytest
from support.sql_world import ATTRIBUTES, CATALOG, EVERYTHING, NOW, read
from support.waiting import BOUND, wait_until
from warehouses.worlds.base import World

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, SourceError
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

COLUMNS = {"updated_at": "timestamp", "external_id": "text", "payload": "text"}


def source_of(world: World, table: str | None = "t", **arguments: Any) -> SqlSource:
    source = get_warehouse_hook("w", tag="dag.task").source(table, **{"contract": ATTRIBUTES, **arguments})
    assert isinstance(source, SqlSource)
    return source


def ids(source: SqlSource, bounds: Bounds = EVERYTHING) -> list[str]:
    return [row["EXTERNAL_ID"] for row in read(source, bounds)]


def tick(world: World, digit: str = "1") -> str:
    """The smallest step of the warehouse's finest timestamp, as digits behind the point."""
    return digit.rjust(world.digits, "0")


def at(world: World, digit: str = "1") -> str:
    return f"2026-01-02T00:00:00.{tick(world, digit)}Z"


@pytest.fixture
def rows(world: World) -> World:
    """Two rows share a time, one has none, one is in the future."""
    tied = f"2026-01-02 00:00:00.{tick(world)}"
    world.create(
        "t",
        COLUMNS,
        (tied, "b", '{"n":2}'),
        ("2026-01-01 00:00:00", "a", '{"n":1}'),
        (tied, "a", '{"n":3}'),
        (None, "nobody knows when", "{}"),
        ("2026-07-01 00:00:00", "tomorrow", "{}"),
    )
    return world


# --- rows and bounds ------------------------------------------------------------------------------------


def test_rows_come_in_the_order_of_time_and_then_of_the_identifiers(rows: World) -> None:
    assert [row["PAYLOAD"] for row in read(source_of(rows))] == ['{"n":1}', '{"n":3}', '{"n":2}']


def test_columns_carry_the_contracts_names_and_the_canonical_types(rows: World) -> None:
    schema = next(source_of(rows).read(EVERYTHING)).schema
    assert schema.names == ["UPDATED_AT", "EXTERNAL_ID", "PAYLOAD"]
    assert schema.types[0] in (pa.timestamp("us"), pa.timestamp("ns"))
    assert schema.types[1:] == [pa.string(), pa.string()]


def test_each_bound_is_exact_to_the_last_digit(rows: World) -> None:
    source = source_of(rows)
    assert ids(source, Bounds(after=at(rows), up_to=NOW)) == []
    assert ids(source, Bounds(after=at(rows, "0"), up_to=NOW)) == ["a", "b"]
    assert ids(source, Bounds(since=at(rows), up_to=NOW)) == ["a", "b"]
    assert ids(source, Bounds(since=at(rows, "2"), up_to=NOW)) == []
    assert ids(source, Bounds(until=at(rows))) == ["a"]
    assert ids(source, Bounds(up_to=at(rows))) == ["a", "a", "b"]
    assert ids(source, Bounds(up_to=at(rows, "0"))) == ["a"]
    assert ids(source, Bounds()) == ["a", "a", "b", "tomorrow"]


def test_the_time_comes_out_to_the_last_digit(rows: World) -> None:
    assert {row["UPDATED_AT"].rstrip("0") for row in read(source_of(rows), Bounds(since=at(rows), up_to=NOW))} == {
        f"2026-01-02 00:00:00.{tick(rows)}"
    }


def test_one_count_tells_all_there_is_to_know(rows: World) -> None:
    source = source_of(rows)
    assert source.count(EVERYTHING, position=at(rows), now=NOW, with_total=True) == Counts(3, 2, 1, 1, 5)
    assert source.count(Bounds(after=at(rows), up_to=NOW), position=at(rows), now=NOW) == Counts(0, 2, 1, 1)
    assert source.count(EVERYTHING, position=at(rows, "2"), now=NOW).at_position == 0


def test_an_empty_table_yields_nothing(world: World) -> None:
    world.create("t", COLUMNS)
    source = source_of(world)
    assert read(source) == []
    assert source.count(EVERYTHING, position=None, now=NOW, with_total=True) == Counts(0, 0, 0, 0, 0)


def test_null_is_null(world: World) -> None:
    columns = {**COLUMNS, "email": "text"}
    world.create("t", columns, ("2026-01-01 00:00:00", None, None, "a"), ("2026-01-01 00:00:00", "b", "{}", None))
    found = [(row["EXTERNAL_ID"], row["EMAIL"], row["PAYLOAD"]) for row in read(source_of(world))]
    assert sorted(found, key=str) == [("b", None, "{}"), (None, "a", None)]


def test_reading_on_at_a_position_gives_the_rest(world: World) -> None:
    times = [f"2026-01-01 00:00:00.{tick(world, str(step))}" for step in range(10)]
    world.create("t", COLUMNS, *((time, str(step), "{}") for step, time in enumerate(times)))
    source = source_of(world)
    position = f"2026-01-01T00:00:00.{tick(world, '4')}Z"
    assert ids(source, Bounds(up_to=position)) + ids(source, Bounds(after=position, up_to=NOW)) == list("0123456789")


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_tz"])
def test_a_slice_holds_the_rows_of_the_warehouses_own_sql(world: World, kind: str) -> None:
    digits, zone = (world.digits, "") if kind == "timestamp" else (6, "+00:00")
    # Neighbours and ties at the last digit, and both hours of the night in which New York puts its clock back.
    moments = [f"2026-11-01 {hour}:30:00.{step.rjust(digits, '0')}" for hour in ("05", "06") for step in "11233"]
    world.create(
        "t", {**COLUMNS, "updated_at": kind}, *((f"{at}{zone}", f"r{n}", "{}") for n, at in enumerate(moments))
    )
    world.connect_in_zone("America/New_York")
    source = source_of(world)
    for moment in sorted(set(moments)):
        position = f"{moment.replace(' ', 'T')}Z"
        for bounds, sign in (
            (Bounds(after=position), ">"),
            (Bounds(since=position), ">="),
            (Bounds(until=position), "<"),
        ):
            where = f"updated_at {sign} {world.literal(kind, moment + zone)}"
            found = world.run(f"select external_id from t where {where} order by updated_at, external_id")
            assert ids(source, bounds) == [row[0] for row in found], (moment, sign)


# --- where rows come from -------------------------------------------------------------------------------


def test_a_view_is_a_source_too(rows: World) -> None:
    rows.run("create view v as select * from t where external_id = 'b'")
    assert ids(source_of(rows, "v")) == ["b"]


def test_a_query_is_a_source_too(rows: World) -> None:
    source = source_of(rows, None, sql="select * from t where payload like '{\"n\":%' and external_id = 'b';  ")
    assert ids(source) == ["b"]


def test_a_plain_name_is_folded_as_the_warehouse_folds_it(rows: World) -> None:
    assert ids(source_of(rows, "T" if rows.fold("T") == rows.fold("t") else "t")) == ["a", "a", "b"]


def test_reserved_words_are_names_like_others(world: World) -> None:
    quoted = world.quoted
    world.create(quoted("order"), {quoted("select"): "timestamp", quoted("from"): "text", quoted("group"): "text"})
    world.run(f"insert into {quoted('order')} select {world.literal('timestamp', '2026-01-01 00:00:00')}, 'a', '{{}}'")
    columns = {"UPDATED_AT": "select", "EXTERNAL_ID": "from", "PAYLOAD": "group"}
    assert ids(source_of(world, '"order"', columns=columns)) == ["a"]


def test_no_name_of_a_column_disturbs_the_order(world: World) -> None:
    columns = {"cdi_c0": "text", "c1": "timestamp", "c0": "text", "cdi_c1": "text"}
    early, late = "2026-01-01 00:00:00", "2026-01-02 00:00:00"
    world.create("t", columns, ("x", late, "a", "{}"), ("y", early, "b", "{}"))
    names = {"UPDATED_AT": "c1", "EXTERNAL_ID": "c0", "PAYLOAD": "cdi_c1", "EMAIL": "cdi_c0"}
    assert ids(source_of(world, columns=names)) == ["b", "a"]


def test_a_mixed_case_name_is_found_in_quotes(world: World) -> None:
    names = {
        world.quoted("Updated_At"): "timestamp",
        world.quoted("External_Id"): "text",
        world.quoted("Payload"): "text",
    }
    world.create(world.quoted("MixedCase"), names, ("2026-01-01 00:00:00", "a", "{}"))
    assert ids(source_of(world, '"MixedCase"')) == ["a"]


@pytest.mark.parametrize("name", ['"t; drop table t; --"', "t; --", "t' or 1=1 --", "t` x", 't" x', "t\\"])
def test_a_name_that_is_an_attack_is_only_a_name(rows: World, name: str) -> None:
    with pytest.raises((SourceError, ConfigurationError)):
        source_of(rows, name)
    assert len(read(source_of(rows))) == 3


# --- types ----------------------------------------------------------------------------------------------


def body_of(world: World, columns: dict[str, str], *values: str | None) -> dict[str, Any]:
    """What Braze would get of one row whose payload is built from columns; numbers as their digits."""
    world.create(
        "typed", {"updated_at": "timestamp", "external_id": "text", **columns}, ("2026-01-01 00:00:00", "a", *values)
    )
    source = source_of(world, "typed", payload_columns=list(columns))
    (record,) = braze_destination("attributes").encode(next(source.read(EVERYTHING)))
    assert isinstance(record, Record), record
    found: dict[str, Any] = json.loads(record.body, parse_float=str, parse_int=str)
    return {name.lower(): value for name, value in found.items()}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "a \"quoted\" 'text' with ü, 漢字 and 🎁", "a \"quoted\" 'text' with ü, 漢字 and 🎁"),
        ("integer", "9007199254740993", "9007199254740993"),
        ("integer", "-9223372036854775808", "-9223372036854775808"),
        ("big_integer", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("decimal", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
        ("float", "0.1", "0.1"),
        ("boolean", "true", True),
        ("date", "2026-01-05", "2026-01-05"),
        ("timestamp", "2026-01-05 09:00:00.123456", "2026-01-05T09:00:00.123Z"),
        ("timestamp_tz", "2026-01-05 09:00:00.123456+02:00", "2026-01-05T07:00:00.123Z"),
        ("json", '{"a": [1, {"b": null}]}', {"a": ["1", {}]}),
        ("struct", '{"a": 1, "b": "x"}', {"a": "1", "b": "x"}),
        ("array", "[1, 2]", ["1", "2"]),
        ("map", '{"x": 1}', {"x": "1"}),
    ],
)
def test_a_value_arrives_without_loss(world: World, kind: str, value: str, expected: Any) -> None:
    if kind not in world.types:
        pytest.skip(f"{world.name} has no {kind}")
    assert body_of(world, {"thing": kind}, value)["thing"] == expected


def test_binary_is_refused_with_its_name(world: World) -> None:
    with pytest.raises(SourceError, match=r"(?i)column 'thing' holds .*binary.* no form in JSON"):
        body_of(world, {"thing": "binary"}, "c0ffee")


@pytest.mark.parametrize("kind", ["text", "json", "struct"])
def test_a_payload_may_be_text_or_json_or_a_struct(world: World, kind: str) -> None:
    if kind not in world.types:
        pytest.skip(f"{world.name} has no {kind}")
    world.create("t", {**COLUMNS, "payload": kind}, ("2026-01-01 00:00:00", "u", '{"a": 7, "b": "x"}'))
    (record,) = braze_destination("attributes").encode(next(source_of(world).read(EVERYTHING)))
    assert isinstance(record, Record), record
    assert orjson.loads(record.body) == {"external_id": "u", "a": 7, "b": "x"}


def test_a_number_beyond_64_bits_in_a_json_payload_keeps_its_digits(world: World) -> None:
    kind = "json" if "json" in world.types and world.exact_json else "text"
    world.create("t", {**COLUMNS, "payload": kind}, ("2026-01-01 00:00:00", "u", '{"n": 12345678901234567890.5}'))
    (record,) = braze_destination("attributes").encode(next(source_of(world).read(EVERYTHING)))
    assert isinstance(record, Record), record
    assert b"12345678901234567890.5" in record.body


@pytest.mark.parametrize(("kind", "value"), [("integer", "10"), ("big_integer", "10"), ("decimal", "10.0000000000")])
def test_a_whole_number_identifies_without_a_fraction(world: World, kind: str, value: str) -> None:
    world.create("t", {"updated_at": "timestamp", "id": kind, "payload": "text"}, ("2026-01-01 00:00:00", value, "{}"))
    assert [row["ID"] for row in read(source_of(world, contract=CATALOG))] == ["10"]


@pytest.mark.parametrize(("kind", "problem"), [("date", "is a date"), ("text", "is text"), ("integer", "is a number")])
def test_updated_at_must_be_a_timestamp(world: World, kind: str, problem: str) -> None:
    world.create("t", {**COLUMNS, "updated_at": kind})
    with pytest.raises(SourceError, match=problem):
        source_of(world)


# --- zones ----------------------------------------------------------------------------------------------


def test_a_time_with_zone_is_utc_whatever_the_sessions_zone(world: World) -> None:
    world.create("t", {**COLUMNS, "updated_at": "timestamp_tz"}, ("2026-01-01 02:00:00.500000+02:00", "a", "{}"))
    world.connect_in_zone("Asia/Tokyo")
    source = source_of(world)
    assert read(source)[0]["UPDATED_AT"].rstrip("0") == "2026-01-01 00:00:00.5"
    position = "2026-01-01T00:00:00.500000Z"
    assert source.count(EVERYTHING, position=position, now=NOW).at_position == 1
    assert len(read(source, Bounds(since=position))) == 1
    assert read(source, Bounds(after=position)) == []


def test_a_time_without_zone_is_taken_as_it_stands_whatever_the_sessions_zone(rows: World) -> None:
    rows.connect_in_zone("Asia/Tokyo")
    assert ids(source_of(rows), Bounds(since=at(rows), up_to=NOW)) == ["a", "b"]


def test_the_hour_that_comes_twice_is_two_hours_with_a_zone(world: World) -> None:
    first, second = "2026-11-01 01:30:00-04:00", "2026-11-01 01:30:00-05:00"
    world.create("t", {**COLUMNS, "updated_at": "timestamp_tz"}, (second, "second", "{}"), (first, "first", "{}"))
    world.connect_in_zone("America/New_York")
    source = source_of(world)
    assert ids(source, Bounds()) == ["first", "second"]
    assert ids(source, Bounds(after="2026-11-01T05:30:00.000000Z")) == ["second"]


def test_a_clock_of_a_place_and_a_column_with_a_zone_do_not_go_together(world: World) -> None:
    world.create("t", {**COLUMNS, "updated_at": "timestamp_tz"})
    with pytest.raises(ConfigurationError, match="has a time zone itself"):
        source_of(world, watermark_timezone="America/New_York")


# --- what goes wrong ------------------------------------------------------------------------------------


def test_a_missing_table_is_named_with_its_connection_and_what_to_do(world: World) -> None:
    with pytest.raises(SourceError, match=r"the table nope.*'w'.*check the name"):
        source_of(world, "nope")


def test_broken_sql_is_told_apart(world: World) -> None:
    with pytest.raises(SourceError, match=r"the query.*mend"):
        source_of(world, None, sql="selec 1 frm")


def test_a_working_connection_is_told(world: World) -> None:
    assert get_warehouse_hook("w").test_connection()[0]


def test_a_missing_grant_is_told_apart(rows: World) -> None:
    try:
        rows.connect_as_guest("t")
    except NotImplementedError:
        pytest.skip(f"{rows.name} knows no grants")
    with pytest.raises(SourceError, match=r"'w'.*(grant|permission)"):
        read(source_of(rows))


def test_credentials_that_do_not_work_are_told_apart_and_not_quoted(world: World) -> None:
    if not world.broken_credentials:
        pytest.skip(f"{world.name} has no logins")
    for broken in world.broken_credentials:
        world.connect(variables=broken.variables, **broken.fields)
        works, sentence = get_warehouse_hook("w").test_connection()
        assert not works, broken.name
        assert broken.sentence in sentence, (broken.name, sentence)
        secret = str(broken.fields.get("password", ""))
        assert not secret or secret not in sentence, broken.name


# --- what the warehouse sees ----------------------------------------------------------------------------


@pytest.fixture
def observed(rows: World) -> World:
    if not rows.is_observed:
        pytest.skip(f"{rows.name} keeps no list of statements")
    rows.forget()
    return rows


def asked(world: World) -> list[str]:
    """Texts of the statements that read something, in lower case."""
    texts = [" ".join(one["text"].lower().split()) for one in world.statements()]
    return [text for text in texts if "select" in text and ' "t"' in text.replace("`", '"').replace(".", " ")]


def test_a_run_costs_one_count_and_one_read_and_a_look_at_the_columns(observed: World) -> None:
    source = source_of(observed)
    source.count(EVERYTHING, position=None, now=NOW)
    read(source)
    texts = asked(observed)
    assert len(texts) == 3
    assert sum("count(" in text for text in texts) == 1


def test_only_the_columns_that_are_needed_are_read(world: World) -> None:
    if not world.is_observed:
        pytest.skip(f"{world.name} keeps no list of statements")
    world.create("t", {**COLUMNS, "secret_notes": "text"}, ("2026-01-01 00:00:00", "a", "{}", "not for Braze"))
    world.forget()
    source = source_of(world)
    source.count(EVERYTHING, position=None, now=NOW)
    read(source)
    assert not any("secret_notes" in text for text in asked(world))


def test_the_warehouses_own_history_shows_which_sync_asked(observed: World) -> None:
    read(source_of(observed))
    tags = {one["tag"] for one in observed.statements() if "select" in one["text"].lower()}
    assert all("dag" in tag and "task" in tag for tag in tags), tags


def test_cancelling_ends_the_query_in_the_warehouse(observed: World) -> None:
    source, seen = source_of(observed, None, sql=observed.slow_query()), list[BaseException]()

    def reading() -> None:
        try:
            read(source)
        except Interrupted as error:
            seen.append(error)

    thread = threading.Thread(target=reading)
    thread.start()
    wait_until(lambda: runs(observed) or not thread.is_alive())
    assert thread.is_alive(), "the query ended by itself"
    source.cancel()
    thread.join(BOUND)
    assert [type(error) for error in seen] == [Interrupted]
    wait_until(lambda: not runs(observed), observed.statements)
    assert observed.statements()[-1]["state"] in ("cancelled", "failed")


def runs(world: World) -> bool:
    return any(one["state"] == "running" for one in world.statements())
