"""DuckDB puts rows on disk where nobody else reads them, and leaves none there."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.sql_world import Database, read

from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

TESTS = Path(__file__).parents[3]
#: More than its memory holds: DuckDB puts the rest on disk.
FILL = "create temp table filled as select repeat(md5(i::varchar), 6) as payload from range(400000) numbers(i)"
LIMITS = ("SET threads = 1", "SET memory_limit = '40MB'")
KILLED = f"""
import os
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
with get_warehouse_hook("w")._session.connected("filling it") as connection:
    for statement in {(*LIMITS, FILL)!r}:
        connection.execute(statement)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TMPDIR; the working directory is another one."""
    folder, work = tmp_path / "it's tmp", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SqlWarehouseHook]:
    def make(host: str | None = str(tmp_path / "work" / "w.duckdb"), **extra: Any) -> SqlWarehouseHook:
        monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "duckdb", "host": host, "extra": extra}))
        hook = get_warehouse_hook("w")
        assert isinstance(hook, SqlWarehouseHook)
        return hook

    return make


@contextmanager
def filled(hook: SqlWarehouseHook) -> Iterator[Any]:
    with hook._session.connected("filling it") as connection:
        for statement in (*LIMITS, FILL):
            connection.execute(statement)
        yield connection


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.mark.parametrize("host", ["w.duckdb", "", ":memory:"])
def test_it_lies_in_a_private_directory_and_is_gone_when_the_connection_is_closed(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook], host: str
) -> None:
    with filled(warehouse(host)):
        (made,) = temporary.iterdir()
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert files(made)
        assert not [path for path in Path.cwd().iterdir() if path.name.endswith(".tmp")]
    assert list(temporary.iterdir()) == []


def test_several_connections_of_one_process_share_it_until_the_last_is_closed(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook]
) -> None:
    hook, other = warehouse(), warehouse(":memory:")
    with hook._session.connected("looking") as second:
        with filled(hook), filled(other):
            (made,) = temporary.iterdir()
            places = {path.parent for path in files(made)}
            assert len(places) == 2  # two databases never write into one place
        assert second.execute("select 1").fetchall() == [(1,)]
        assert list(temporary.iterdir()) == [made]
    assert list(temporary.iterdir()) == []


def test_a_database_that_somebody_else_keeps_open_gets_a_new_place(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook]
) -> None:
    hook = warehouse()
    with hook._session.connected("looking") as kept:
        place = "select current_setting('temp_directory')"
        open_still = kept.cursor()
        (first,) = open_still.execute(place).fetchone()
    with hook._session.connected("looking again") as connection:
        (second,) = connection.execute(place).fetchone()
        assert Path(second).parent.is_dir()
    open_still.close()
    assert first != second


def test_what_a_killed_process_left_is_removed_by_the_next_run(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Database("duckdb", tmp_path, monkeypatch).run(
        "create table t as select timestamp '2026-01-01' as updated_at, 'a' as external_id, '{}' as payload"
    )
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == -9, done.stderr
    assert files(temporary)
    assert not list(tmp_path.glob("*.tmp"))
    monkeypatch.setattr("airflow_provider_cdi.hooks.duckdb.spill.SPILL._has_cleaned", False)
    assert len(read(table.source())) == 1
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("nested", [False, True])
def test_a_temp_directory_of_the_connection_is_left_as_it_is(
    temporary: Path, tmp_path: Path, warehouse: Callable[..., SqlWarehouseHook], nested: bool
) -> None:
    own = {"temp_directory": str(tmp_path / "own")}
    with filled(warehouse(**({"settings": own} if nested else own))):
        assert files(tmp_path / "own")
        assert not files(temporary)


def test_a_connection_that_puts_nothing_on_disk_goes_on_doing_so(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook]
) -> None:
    with warehouse(temp_directory="")._session.connected("looking") as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchall() == [("",)]


def test_without_a_temporary_directory_nothing_is_put_on_disk(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with warehouse()._session.connected("looking") as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchall() == [("",)]


def test_settings_that_cannot_be_changed_are_warned_of(
    temporary: Path, warehouse: Callable[..., SqlWarehouseHook], caplog: pytest.LogCaptureFixture
) -> None:
    hook = warehouse(settings={"enable_external_access": False})
    with hook._session.connected("looking") as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]
    assert "set temp_directory in the connection's extra" in caplog.text
