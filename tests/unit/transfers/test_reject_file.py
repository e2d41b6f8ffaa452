"""The file of rejects."""

from __future__ import annotations

import json
import stat

from airflow_provider_cdi.engine.rejects import RejectedRow
from airflow_provider_cdi.reject_file import RejectFile


def reject(number):
    return RejectedRow("rejected", "bad_row", "Bad.", {"EXTERNAL_ID": f"c-{number}"}, "2026-01-05T00:00:00Z", "{")


def ids(path):
    return [json.loads(line)["identifier"]["EXTERNAL_ID"] for line in path.read_text().splitlines()]


def test_rows_are_appended_one_line_each(tmp_path):
    path = tmp_path / "deep" / "run.jsonl"
    file = RejectFile(str(path))
    file.write([reject(1), reject(2)])
    file.write([reject(3)])
    assert ids(path) == ["c-1", "c-2", "c-3"]


def test_only_the_owner_may_read_it(tmp_path):
    path = tmp_path / "new" / "run.jsonl"
    RejectFile(f"file://{path}").write([reject(1)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_no_rejects_make_no_file(tmp_path):
    RejectFile(str(tmp_path / "run.jsonl")).write([])
    assert list(tmp_path.iterdir()) == []


def test_what_a_crashed_try_wrote_behind_its_checkpoint_is_cut_off(tmp_path):
    path = tmp_path / "run.jsonl"
    first = RejectFile(str(path))
    first.write([reject(1)])
    at_checkpoint = first.written
    first.write([reject(2), reject(3)])
    RejectFile(str(path), at_checkpoint).write([reject(2)])
    assert ids(path) == ["c-1", "c-2"]


def test_a_file_that_an_earlier_try_left_on_another_machine_starts_cleanly(tmp_path):
    path = tmp_path / "run.jsonl"
    RejectFile(str(path), written=10_000).write([reject(2)])
    assert ids(path) == ["c-2"]


def test_an_object_store_gets_parts(tmp_path):
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    attach("memory", fs=memory)
    file = RejectFile("memory://bucket/rejects/run.jsonl")
    file.write([reject(1)])
    file.write([reject(2)])
    assert sorted(path.rpartition("/")[2] for path in memory.find("/bucket")) == ["run.00000.jsonl", "run.00001.jsonl"]
    assert b"c-2" in memory.cat("/bucket/rejects/run.00001.jsonl")


def test_a_resumed_run_writes_the_part_behind_its_checkpoint_again(tmp_path):
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    attach("memory", fs=memory)
    RejectFile("memory://again/run.jsonl", written=1).write([reject(9)])
    assert b"c-9" in memory.cat("/again/run.00001.jsonl")
