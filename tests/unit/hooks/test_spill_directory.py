"""What a database in our own process puts on disk is private, and gone with the process that put it there."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from airflow_provider_cdi.hooks.spill_directory import PREFIX, SpillDirectory, remove_abandoned

#: Puts a row on disk, and is killed like ``kill -9``, or holds on until its input ends.
PROCESS = """
import os, sys
from pathlib import Path
from airflow_provider_cdi.hooks.spill_directory import SpillDirectory
spill = SpillDirectory()
with spill.borrowed():
    place = Path(spill.new_place())
    place.mkdir()
    (place / "rows.tmp").write_text("ada@example.com")
    print(place.parent, flush=True)
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), 9)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def left(temporary: Path) -> list[str]:
    return sorted(path.name for path in temporary.iterdir())


def killed() -> Path:
    """The directory of a process that was killed."""
    done = subprocess.run([sys.executable, "-c", PROCESS, "killed"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -9
    return Path(done.stdout.strip())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_it_is_private_whatever_the_umask_is_and_gone_after_the_last_borrower(temporary: Path) -> None:
    spill, before = SpillDirectory(), os.umask(0)
    try:
        with spill.borrowed():
            with spill.borrowed():
                first = Path(str(spill.new_place()))
            second = Path(str(spill.new_place()))
            assert first.parent == second.parent
            assert first != second
            assert mode(first.parent) == 0o700
            first.mkdir()
            (first / "rows.tmp").write_text("ada@example.com")
    finally:
        os.umask(before)
    assert left(temporary) == []


def test_what_a_killed_process_left_is_removed_by_the_next_that_needs_a_directory(temporary: Path) -> None:
    folder = killed()
    assert (folder / "0" / "rows.tmp").read_text() == "ada@example.com"
    with SpillDirectory().borrowed():
        assert not folder.exists()


def test_what_a_living_process_has_there_is_left_alone(temporary: Path) -> None:
    command = [sys.executable, "-c", PROCESS, "waiting"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        folder = Path(other.stdout.readline().strip())
        remove_abandoned(temporary)
        assert (folder / "0" / "rows.tmp").read_text() == "ada@example.com"
        other.communicate("")
    assert left(temporary) == []


def test_what_is_not_surely_such_a_directory_is_left_alone(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").touch()
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    (temporary / f"{PREFIX}file").touch()
    (temporary / f"{PREFIX}unlocked").mkdir(mode=0o700)  # being made, for all that can be known
    (temporary / f"{PREFIX}open").mkdir(mode=0o755)  # not made by this package
    (temporary / f"{PREFIX}open" / "lock").touch()
    (temporary / "others").mkdir(mode=0o700)
    (temporary / "others" / "lock").touch()
    before = left(temporary)
    remove_abandoned(temporary)
    assert left(temporary) == before
    assert left(elsewhere) == ["lock"]


def test_nothing_that_a_link_leads_to_is_removed_with_an_abandoned_directory(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "kept").touch()
    folder = killed()
    (folder / "link").symlink_to(elsewhere)
    (folder / "0" / "link").symlink_to(elsewhere)
    remove_abandoned(temporary)
    assert left(temporary) == []
    assert left(elsewhere) == ["kept"]


def test_a_cleaner_that_comes_in_between_costs_the_maker_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = fcntl.flock, list[int]()

    def interrupted(descriptor: int, how: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            remove_abandoned(temporary)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", interrupted)
    spill = SpillDirectory()
    with spill.borrowed():
        assert len(left(temporary)) == 1
        assert Path(str(spill.new_place())).parent.is_dir()
    assert left(temporary) == []


def test_a_file_system_without_locks_keeps_what_nobody_can_tell_dead(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = killed()

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    spill = SpillDirectory()
    with spill.borrowed():
        assert Path(str(spill.new_place())).parent.is_dir()
        assert len(left(temporary)) == 2
    assert left(temporary) == [folder.name]


def test_a_disk_on_which_no_file_can_be_made_keeps_no_empty_directory(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spill = SpillDirectory()
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", full)
        with spill.borrowed():
            assert spill.new_place() is None
    assert left(temporary) == []


def test_without_a_temporary_directory_there_is_no_place_and_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    spill = SpillDirectory()
    with spill.borrowed():
        assert spill.new_place() is None
    assert "set TMPDIR to a directory that exists" in caplog.text
