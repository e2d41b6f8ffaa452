"""A delivered, unchanged row has one hash for ever: under every neighbour, fetch size and version."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.klaviyo import klaviyo_destination
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.rows import RowShape
from airflow_provider_cdi.hooks.bigquery.results import canonical

ATTRIBUTES = TableContract("attributes", ("EXTERNAL_ID",))
THEN = datetime(2026, 1, 1)  # noqa: DTZ001 - as drivers give it
NINE = datetime(2026, 1, 5, 9)  # noqa: DTZ001

# --- what is stored in the state records of 0.1.0 ---------------------------------------------------------------------


def shape(kind: ColumnType) -> RowShape:
    kinds = {"x": kind, "u": ColumnType.TIMESTAMP}
    selection = select_columns(
        ATTRIBUTES, ["u", "external_id", "x"], columns={"UPDATED_AT": "u"}, payload_columns={"x": "deep.x"}
    )
    return RowShape(selection, lambda name: kinds.get(name, ColumnType.TEXT))


#: A value as the driver gives it, the column's kind, and the hash that 0.1.0 kept of its row.
OF_DRIVERS: list[tuple[Any, ColumnType, int]] = [
    ("abc", ColumnType.TEXT, 10131087296865595408),
    (7, ColumnType.INTEGER, 8485305183117568639),
    (2.5, ColumnType.FLOAT, 12097948423411943246),
    (True, ColumnType.BOOLEAN, 2216009807071517780),
    ("1.50", ColumnType.NUMBER, 11216918561658197243),
    (Decimal("7"), ColumnType.NUMBER, 16490545822594724950),
    ("12345678901234567890.123456789", ColumnType.NUMBER, 17302725029636281974),
    ("2026-01-05", ColumnType.DATE, 12955360180764178367),
    ("2026-01-05 09:00:00.5", ColumnType.TIMESTAMP, 8370986553428806752),
    ("2026-01-05 09:00:00+00", ColumnType.TIMESTAMP_TZ, 9029204218247340066),
    ("09:00:00.5", ColumnType.TIME, 2025121162652766800),
    ('{"a": 1.0}', ColumnType.JSON, 17712234259457204550),
    (uuid.UUID(int=1), ColumnType.UUID, 1677103191813986296),
    ([1, 2], ColumnType.OTHER, 6949278708970963290),
    (["a"], ColumnType.OTHER, 16299139963336654761),
    ([1.5, 2.0], ColumnType.OTHER, 7708759104998014134),
    (["2026-01-05"], ColumnType.DATES, 14732706773925486611),
    (7, ColumnType.UNKNOWN, 8485305183117568639),
    (2.5, ColumnType.UNKNOWN, 12097948423411943246),
    ("a", ColumnType.UNKNOWN, 5890504064512911146),
    (None, ColumnType.UNKNOWN, 11890240454730775397),
    (Decimal("1.50"), ColumnType.OTHER, 11216918561658197243),
    (THEN, ColumnType.OTHER, 7683610715704442040),
    (THEN.date(), ColumnType.OTHER, 12723160612292613247),
    (THEN.replace(tzinfo=UTC), ColumnType.OTHER, 8226500207863969817),
]


@pytest.mark.parametrize(("value", "kind", "kept"), OF_DRIVERS)
def test_a_row_of_a_cursor_keeps_the_hash_that_the_first_version_stored(
    value: Any, kind: ColumnType, kept: int
) -> None:
    assert list(row_hashes(shape(kind).from_rows([(THEN, "c-1", value)]))) == [kept]


#: A column, and the hashes that 0.1.0 kept of its row where it was the payload, and a field of a built one.
OF_ARROW: list[tuple[pa.Array, int, int]] = [
    (pa.array([7]), 3493403472428557742, 12103422262745166211),
    (pa.array([2**63], pa.uint64()), 7972728880958170105, 1493728606012477246),
    (pa.array([0.1], pa.float32()), 2801993641629546598, 15364841062720976877),
    (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), 6406909272909854643, 9719950284645847942),
    (pa.array([Decimal("7")], pa.decimal128(38, 0)), 8582549929513823807, 4798964912747097505),
    (pa.array([date(2026, 1, 5)]), 9251474885253214568, 7247750945478869780),
    (pa.array([NINE], pa.timestamp("us")), 8334495201023297347, 1240282662193348222),
    (pa.array([NINE], pa.timestamp("us", "UTC")), 13490584857210598840, 11022178272646335584),
    (pa.array([NINE], pa.timestamp("s")), 8334495201023297347, 1240282662193348222),
    (pa.array([1767603600123456789], pa.timestamp("ns")), 4860144040800966221, 11829455739192857975),
    (pa.array([1767603600123456000], pa.timestamp("ns")), 18355118811028878174, 1028065951113048669),
    (pa.array([1767603600000000000], pa.timestamp("ns")), 17096661712263932713, 13754286166933893349),
    (pa.array([1767603600123000000], pa.timestamp("ns", "UTC")), 7631873118350537166, 12058248922829538973),
    (pa.array([{"a": 1, "b": {"c": "x", "d": Decimal("1.50"), "t": NINE}}]), 2626895353749186354, 6827403209857009957),
    (pa.array([[1, None]]), 9787676836144064279, 11014467776333075787),
    (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())), 13096537059614025831, 12667206072701812212),
    (pa.array([None], pa.string()), 7851022325522054241, 5960556885310307138),
    (pa.array([[{"a": [1, 2]}]]), 15957687427742538327, 8258856856485719983),
    (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), 13745416113938398045, 9938832469986976145),
    (pa.array([True]), 17988163776459116987, 12606799360517807684),
    (pa.array([time(9)]), 12021627821955007353, 11792318651984813313),
    (pa.array(["a"]).dictionary_encode(), 10040166644161446429, 55391664337506333),
    (pa.array(["a"], pa.large_string()), 10040166644161446429, 55391664337506333),
    (pa.array([None], pa.struct([("a", pa.int32())])), 7851022325522054241, 5960556885310307138),
]


@pytest.mark.parametrize(("column", "kept", "kept_of_built"), OF_ARROW)
def test_a_row_of_arrow_keeps_the_hash_that_the_first_version_stored(
    column: pa.Array, kept: int, kept_of_built: int
) -> None:
    assert hashes_of(column) == [kept]
    assert hashes_of(pa.StructArray.from_arrays([column], names=["x"])) == [kept_of_built]


def hashes_of(column: pa.Array) -> list[int]:
    times = pa.array([THEN] * len(column), pa.timestamp("us"))
    names = pa.array(["c-1"] * len(column))
    return list(row_hashes(pa.record_batch([times, names, column], names=["UPDATED_AT", "EXTERNAL_ID", "PAYLOAD"])))


# --- what no row may do to another ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**31 - 1, 20_000, None, -(2**31)], pa.int32()).cast(pa.date32()),
        pa.array([2**63 - 1, 0, None, -(2**63)], pa.int64()).cast(pa.timestamp("us")),
        pa.array([2**63 - 1, 0, None, 1], pa.int64()).cast(pa.timestamp("s", "UTC")),
        pa.array([b"a", b"\xff", None], pa.binary()).view(pa.string()),
        pa.array([1.5, float("nan"), None, float("inf")]),
        pa.array([86_400_000_000, 0, None], pa.int64()).view(pa.time64("us")),
        pa.array([2**62, 0, None], pa.int64()).cast(pa.duration("s")),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_every_value_of_arrow_can_be_hashed_and_its_neighbours_make_no_difference(
    column: pa.Array, is_nested: bool
) -> None:
    if is_nested:
        lists = pa.ListArray.from_arrays(pa.array(range(len(column) + 1), pa.int32()), column)
        column = pa.StructArray.from_arrays([column, lists], names=["x", "y"])
    together = hashes_of(column)
    assert together == [one for place in range(len(column)) for one in hashes_of(column.slice(place, 1))]
    assert len(set(together)) == len(together)


def test_a_chunk_of_microseconds_hashes_as_one_of_nanoseconds_where_the_source_says_so() -> None:
    """Snowflake's connector gives microseconds to a whole chunk for the sake of one ``9999-12-31``."""
    fine = pa.array([1767603600123456000, 1767603600000000000], pa.timestamp("ns"))
    coarse = fine.cast(pa.timestamp("us"))
    said = pa.field("x", coarse.type, metadata={b"cdi": b"ns"})
    assert hashes_of(pa.StructArray.from_arrays([coarse], fields=[said])) == hashes_of(
        pa.StructArray.from_arrays([fine], names=["x"])
    )


def test_a_chunk_of_wide_whole_numbers_hashes_and_reads_as_one_of_narrow_ones() -> None:
    """Snowflake sends the whole numbers of a chunk as wide as the widest among them."""
    found = []
    for numbers in (pa.array([7]), pa.array([Decimal(7)], pa.decimal128(38, 0))):
        names = ["u", "external_id", "x"]
        columns = [pa.array([THEN], pa.timestamp("us")), pa.array(["c-1"]), numbers]
        batch = shape(ColumnType.INTEGER).from_arrow(pa.record_batch(columns, names=names))
        (record,) = braze_destination("attributes").encode(batch)
        assert isinstance(record, Record)
        found.append((list(row_hashes(batch)), record.body))
    assert found[0] == found[1]


#: Values as drivers give them, those of each kind that a driver may mix.
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True, places=None),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "1.50", "12345678901234567890.123456789"]),
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.decimals(allow_nan=True),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.just("\udc80"),
    st.lists(st.one_of(st.floats(), st.decimals(allow_nan=True), st.binary(max_size=2), st.dates()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
)
FAR_TEXTS = st.sampled_from(
    (
        *("infinity", "-infinity", "0044-03-15 00:00:00 BC", "10000-01-01 00:00:00", "294276-12-31 23:59:59.999999"),
        *("0000-00-00 00:00:00", "2026-01-05 09:00:00.5", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    )
)
VALUES = {
    ColumnType.UNKNOWN: ANYTHING,
    ColumnType.OTHER: ANYTHING,
    ColumnType.NUMBER: NUMBERS,
    ColumnType.INTEGER: st.integers(-(2**70), 2**70),
    ColumnType.FLOAT: st.floats(),
    ColumnType.TEXT: st.one_of(st.text(max_size=5), st.binary(max_size=3), st.just("\udc80")),
    ColumnType.TIMESTAMP: st.one_of(FAR_TEXTS, st.datetimes().map(str)),
    ColumnType.TIMESTAMP_TZ: st.one_of(FAR_TEXTS, st.datetimes().map(lambda moment: f"{moment}+00")),
    ColumnType.DATE: st.one_of(st.dates().map(str), st.sampled_from(["infinity", "10000-01-01", "0044-03-15 BC"])),
    ColumnType.TIME: st.one_of(st.times().map(str), st.just("24:00:00")),
    ColumnType.NUMBERS: st.lists(st.sampled_from(["1", "1.50", "NaN"]), max_size=3),
    ColumnType.TIMESTAMPS: st.lists(FAR_TEXTS, max_size=2),
    ColumnType.JSON: st.sampled_from(['{"a": 1.50}', "[]", "null", "{"]),
}


@st.composite
def groups_of_rows(draw: st.DrawFn) -> tuple[ColumnType, list[Any], list[int]]:
    kind = draw(st.sampled_from(sorted(VALUES, key=lambda kind: kind.name)))
    values = draw(st.lists(st.one_of(st.none(), VALUES[kind]), min_size=1, max_size=12))
    return kind, values, draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values)))


@settings(max_examples=400, deadline=None)
@given(groups_of_rows())
@example((ColumnType.OTHER, [None, False, float("inf")], [1, 2, 1]))
@example((ColumnType.TEXT, [b"", b"\x80"], [2, 1]))
@example((ColumnType.OTHER, [Decimal("1.50"), 7, 1.5, "1.50"], [2, 2, 1, 1]))
def test_hash_and_body_depend_on_the_row_alone_whatever_is_fetched_with_it(
    drawn: tuple[ColumnType, list[Any], list[int]],
) -> None:
    kind, values, sizes = drawn
    rows = [(THEN, str(place), value) for place, value in enumerate(values)]
    alone = [one for row in rows for one in told(kind, [row])]
    grouped, rest = [], rows
    for size in sizes:
        group, rest = rest[:size], rest[size:]
        grouped += told(kind, group) if group else []
    assert grouped == alone
    assert sorted(map(str, told(kind, rows[::-1]))) == sorted(map(str, alone))


def told(kind: ColumnType, rows: list[tuple[Any, ...]]) -> list[Any]:
    """The hash of each row, and what is sent of it to both destinations, or why not."""
    batch = shape(kind).from_rows(rows)
    profiles = klaviyo_destination("profiles")
    selection = select_columns(profiles.contract, ["u", "external_id", "x"], columns={"UPDATED_AT": "u"})
    kinds = {"x": kind, "u": ColumnType.TIMESTAMP}
    properties = RowShape(selection, lambda name: kinds.get(name, ColumnType.TEXT)).from_rows(rows)
    columns = (row_hashes(batch), braze_destination("attributes").encode(batch))
    columns += (row_hashes(properties), profiles.encode(properties))
    return list(zip(*(map(_plain, column) for column in columns), strict=True))


def _plain(entry: Any) -> Any:
    return entry.body if isinstance(entry, Record) else entry


@settings(max_examples=100, deadline=None)
@given(st.lists(st.decimals(allow_nan=False, places=9, min_value=-1000, max_value=1000), min_size=1))
def test_a_decimal_of_bigquery_is_said_alike_beside_every_other(numbers: list[Decimal]) -> None:
    rows = pa.record_batch([pa.array(numbers, pa.decimal128(38, 9))], names=["x"])
    alone = [canonical(rows.slice(place, 1)).column(0)[0].as_py() for place in range(len(numbers))]
    assert canonical(rows).column(0).to_pylist() == alone
