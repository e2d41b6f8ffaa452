"""No room to sort in, no directory to sort in: said at once, as what it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from support.sql_world import Database, read

from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.arrow.external_sort import external_sort

TESTS = Path(__file__).parents[3]
ROWS = 60_000
FULL = r"There is no space left for sorting \(.*\): make room, or set TMPDIR to a larger disk\."
MISSING = r"The temporary directory cannot be used for sorting \(.*\): set TMPDIR to a directory that exists"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database("duckdb", tmp_path, monkeypatch).run(
        f"""create table t as select timestamp '2026-01-01' + interval (hash(i) % 1000000) second as updated_at,
        'c-' || i as external_id, repeat(md5(i::varchar), 8) as payload from range({ROWS}) numbers(i)"""
    )


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each temporary file lie on a device that is always full."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: SIM115


def refusal(table: Database) -> str:
    with pytest.raises(SourceError) as raised:
        read(table.source())
    return str(raised.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_at_once_and_by_nothing_that_comes_after_it(table: Database, full_disk: None) -> None:
    with pytest.raises(SourceError, match=FULL) as raised:
        read(table.source())
    assert isinstance(raised.value.__cause__, OSError)
    # The session is of use again: what the clean-up had to do was done, and in its order.
    assert not any("could not" in note for note in getattr(raised.value, "__notes__", []))


def test_a_temporary_directory_that_is_gone_is_told_at_once(
    table: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SourceError, match=MISSING):
        read(table.source())


def test_no_temporary_directory_at_all_is_told_at_once(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    with pytest.raises(SourceError, match=MISSING):
        read(table.source())


def test_a_directory_that_nobody_may_write_to_is_told_at_once(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(SourceError, match=MISSING):
        read(table.source())


def test_a_disk_that_is_full_when_runs_are_merged_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def file(**_: object) -> object:
        made.append(1)
        return open("/dev/full" if len(made) > 3 else os.devnull, "w+b")

    batch = pa.record_batch({"at": pa.array(range(1_000, 0, -1))})
    monkeypatch.setattr(tempfile, "TemporaryFile", file)
    with pytest.raises(SourceError, match=FULL):
        external_sort([batch] * 8, ("at",), run_bytes=1, chunk_bytes=1)


def test_a_read_of_rows_that_fails_first_stays_the_error(full_disk: None) -> None:
    def batches():
        yield pa.record_batch({"at": pa.array([1])})
        raise KeyError("the warehouse's own")

    with pytest.raises(KeyError):
        external_sort(batches(), ("at",))


def test_a_limit_on_the_size_of_files_is_a_full_disk(table: Database) -> None:
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from support.sql_world import ATTRIBUTES, read
source = get_warehouse_hook("w").source("t", contract=ATTRIBUTES)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    read(source)
except SourceError as error:
    print("told:", error)
"""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert "told: There is no space left for sorting" in done.stdout, done.stderr
