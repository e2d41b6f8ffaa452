"""No value of any type makes a reject unwritable."""

from __future__ import annotations

import json
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.rows.plain_values import json_value, plain_value
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract

FAR = 2**62


def raw(kind, *numbers):
    """A value that Arrow holds and Python cannot make."""
    data = struct.pack("<" + {32: "i", 64: "q"}[kind.bit_width] * len(numbers), *numbers)
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(data)])


def bad_text(kind=None, data=b"\xff\xfe"):
    kind = kind or pa.string()
    width = "q" if kind == pa.large_string() else "i"
    offsets = pa.py_buffer(struct.pack(f"<2{width}", 0, len(data)))
    return pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(data)])


FAR_DATE = raw(pa.date32(), 2**31 - 1)  # DuckDB's 'infinity'
ODD = {
    "date infinity": FAR_DATE,
    "date -infinity": raw(pa.date32(), -(2**31)),
    "date64": raw(pa.date64(), FAR),
    **{f"timestamp {unit}": raw(pa.timestamp(unit), FAR) for unit in ("s", "ms", "us", "ns")},
    **{f"timestamp {unit} early": raw(pa.timestamp(unit), -FAR) for unit in ("s", "ms", "us", "ns")},
    "timestamp of a zone": raw(pa.timestamp("us", "Europe/Berlin"), FAR),
    "timestamp of no zone there is": raw(pa.timestamp("us", "Nowhere/Land"), 1),
    "nanoseconds": raw(pa.timestamp("ns"), 1_234_567_890_123_456_789),
    "time": raw(pa.time64("us"), FAR),
    "time in nanoseconds": raw(pa.time64("ns"), 1),
    **{f"duration {unit}": raw(pa.duration(unit), FAR + 1) for unit in ("s", "ms", "us", "ns")},
    "interval": pa.Array.from_buffers(pa.month_day_nano_interval(), 1, [None, pa.py_buffer(b"\xff" * 16)]),
    "text that is no UTF-8": bad_text(),
    "long text that is no UTF-8": bad_text(pa.large_string()),
    "half a surrogate": bad_text(data=b"\xed\xa0\x80"),
    "NaN": pa.array([float("nan")]),
    "infinity": pa.array([float("-inf")]),
    "half float": pa.array([1.5]).cast(pa.float16()),
    "decimal": pa.array([Decimal("12345678901234567890.123456789")]),
    "decimal of 256 bits": pa.array([Decimal(10) ** 60], pa.decimal256(70, 0)),
    "binary": pa.array([b"\xff\x00"]),
    "fixed binary": pa.array([b"\xff\x00"], pa.binary(2)),
    "uint64": pa.array([2**64 - 1], pa.uint64()),
    "null": pa.nulls(1),
    "boolean": pa.array([True]),
    "struct": pa.StructArray.from_arrays([FAR_DATE, pa.array(["kept"])], names=["d", "s"]),
    "list": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), FAR_DATE),
    "list of texts": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), bad_text()),
    "list of NaN": pa.array([[float("nan"), 1.0]]),
    "map": pa.MapArray.from_arrays(pa.array([0, 1], pa.int32()), bad_text(), FAR_DATE),
    "map with dates as keys": pa.array([[(date(2026, 1, 1), 1)]], pa.map_(pa.date32(), pa.int64())),
    "dictionary": pa.DictionaryArray.from_arrays(pa.array([0]), bad_text()),
    "union": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [FAR_DATE]),
    "dense union": pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [bad_text()]),
    "empty list": pa.array([[]], pa.list_(pa.int8())),
    "null of a struct": pa.array([None], pa.struct([("a", pa.date32())])),
}


def line_of(value):
    row = RejectedRow("rejected", "c", "r", {"EXTERNAL_ID": "1"}, "t", value, {"X": value})
    line = row.to_line()
    assert line.count(b"\n") == 1
    return json.loads(line)


@pytest.mark.parametrize("name", ODD)
def test_a_reject_is_written_whatever_its_value_is(name):
    assert len(ODD[name]) == 1
    line = line_of(plain_value(ODD[name][0]))
    assert line["identifier"] == {"EXTERNAL_ID": "1"}
    assert (line["payload"] is None) == (name.startswith("null"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("NaN", "NaN"),
        ("infinity", "-Infinity"),
        ("decimal", "12345678901234567890.123456789"),
        ("text that is no UTF-8", "\\xff\\xfe"),
        ("binary", "\\xff\x00"),
        ("nanoseconds", "2009-02-13T23:31:30.123456789"),
        ("uint64", 2**64 - 1),
        ("boolean", True),
        ("struct", {"d": "date32[day] 2147483647", "s": "kept"}),
        ("list of NaN", ["NaN", 1.0]),
    ],
)
def test_a_value_is_shown_so_that_a_person_knows_it_again(name, shown):
    assert line_of(plain_value(ODD[name][0]))["payload"] == shown


class Stubborn:
    def __str__(self):
        return "stubborn \ud800"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(exclude_categories=()))
        | st.binary()
        | st.dates()
        | st.times()
        | st.datetimes()
        | st.timedeltas()
        | st.decimals()
        | st.uuids()
        | st.just(Stubborn()),
        lambda inner: (
            st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers() | st.dates(), inner)
        ),
        max_leaves=6,
    )
)
def test_any_python_value_has_a_form_in_json(value):
    line_of(json_value(value))


def test_what_json_has_a_form_for_stays_what_it_is():
    value = {"a": [1, 2.5, None, True, "text"], "b": {"c": -(2**63)}}
    assert json_value(value) == value
    assert json_value(datetime(2026, 1, 5, 9, 30)) == "2026-01-05T09:30:00"  # noqa: DTZ001
    assert json_value(time(9, 30)) == "09:30:00"
    assert json_value(timedelta(days=1)) == "1 day, 0:00:00"


@pytest.mark.parametrize("name", ODD)
def test_a_row_passes_the_ledger_whatever_its_value_is(name):
    rows = pa.record_batch(
        {"UPDATED_AT": pa.array([1], pa.timestamp("us")), "EXTERNAL_ID": pa.array(["c-1"]), "X": ODD[name]}
    )
    ledger = Ledger(TableContract("things", identifiers=("EXTERNAL_ID",)), None)
    (block,) = ledger.enter(rows)
    block.reject(0, Rejection("odd", "It is odd."))
    ledger.advance()
    (reject,) = ledger.rejects.waiting
    assert reject.to_line()
    assert len(ledger.watermark().ties) == 1
