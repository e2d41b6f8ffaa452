from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.hooks.arrow.external_sort import BATCH_ROWS, external_sort

Row = tuple[int, str | None, int]
ROWS = st.lists(st.tuples(st.integers(0, 5), st.none() | st.text("ab", max_size=2), st.integers(0, 9)), max_size=60)


def batch(rows: list[Row]) -> pa.RecordBatch:
    schema = pa.schema(
        [("at", pa.timestamp("ns")), ("id", pa.string()), pa.field("n", pa.int64(), metadata={b"m": b"1"})]
    )
    return pa.record_batch([pa.array([row[part] for row in rows], schema.types[part]) for part in range(3)], schema)


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[Row]:
    return [
        (at, name, number)
        for each in batches
        for at, name, number in zip(
            each["at"].cast(pa.int64()).to_pylist(), each["id"].to_pylist(), each["n"].to_pylist(), strict=True
        )
    ]


def in_order(row: Row) -> tuple[int, bool, str]:
    return row[0], row[1] is None, row[1] or ""


@given(ROWS, st.integers(1, 400), st.integers(1, 200), st.integers(2, 4), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_all_rows_come_out_in_a_stable_order_however_small_the_runs(
    rows: list[Row], run_bytes: int, chunk_bytes: int, fan_in: int, batch_rows: int
) -> None:
    batches = [batch(rows[start : start + batch_rows]) for start in range(0, len(rows), batch_rows)]
    out = external_sort(batches, ("at", "id"), run_bytes=run_bytes, chunk_bytes=chunk_bytes, fan_in=fan_in)
    found = rows_of(out)
    assert list(map(in_order, found)) == sorted(map(in_order, rows))
    assert sorted(found, key=str) == sorted(rows, key=str)


def test_nested_values_and_metadata_survive_the_disk() -> None:
    payload = pa.array(
        [{"a": [1], "m": [("k", "v")]}] * 3,
        pa.struct([("a", pa.list_(pa.int32())), ("m", pa.map_("string", "string"))]),
    )
    schema = pa.schema([("at", pa.int64()), pa.field("p", payload.type, metadata={b"cdi": b"json"})])
    batches = [pa.record_batch([pa.array([at] * 3), payload], schema) for at in (3, 1, 2)]
    out = list(external_sort(batches, ("at",), run_bytes=1, chunk_bytes=1))
    assert {each.schema.field("p").metadata[b"cdi"] for each in out} == {b"json"}
    assert [row["at"] for each in out for row in each.to_pylist()] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert out[0].to_pylist()[0]["p"] == {"a": [1], "m": [("k", "v")]}


def test_a_batch_has_a_few_thousand_rows_at_most() -> None:
    big = batch([(1, "a", 1)] * (3 * BATCH_ROWS))
    assert max(each.num_rows for each in external_sort([big], ("at", "id"))) == BATCH_ROWS


def test_nothing_in_nothing_out() -> None:
    assert list(external_sort([], ("at",))) == []


def test_the_source_is_read_before_the_first_row_is_handed_on() -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch([(1, "a", 1)])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        external_sort(failing(), ("at",), run_bytes=1)


def test_no_file_is_left_open_when_the_rest_is_given_up() -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    out = external_sort([batch([(2, "a", 1)]), batch([(1, "a", 1)])], ("at", "id"), run_bytes=1)
    next(out)
    out.close()  # type: ignore[attr-defined]  # it is a generator
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before


def test_sorting_and_merging_do_not_import_pandas() -> None:
    sort = (
        "import sys, pyarrow as pa\n"
        "from array import array\n"
        "from airflow_provider_cdi.hooks.arrow.external_sort import external_sort\n"
        "def rows(*values):\n"
        "    held = pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array('q', values))])\n"
        "    return pa.record_batch([held], names=['at'])\n"
        "out = external_sort([rows(3, 1), rows(2, 4)], ('at',), run_bytes=1)\n"
        "assert [at for each in out for at in each['at'].to_pylist()] == [1, 2, 3, 4]\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", sort], check=False).returncode == 0
