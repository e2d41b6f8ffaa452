"""The parts of a run's rejects: each try has its own, and the record says what of it counts."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
import sys
import traceback
from dataclasses import replace

import pytest
from support.reject_lines import lines_below, lines_of

from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.exceptions import ConfigurationError, MissingConnection, RejectsNotWritten
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.rejects.parts import MAX_PARTS, RejectPart, at_most
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.transfers.runs.journal import TaskJournal


def reject(number):
    return RejectedRow("rejected", "bad_row", "Bad.", {"EXTERNAL_ID": f"c-{number}"}, "2026-01-05T00:00:00Z", "{")


def ids(lines):
    return [line["identifier"]["EXTERNAL_ID"] for line in lines]


def named(file):
    return ids(lines_of(file.places()))


@pytest.fixture
def memory():
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    attach("memory", fs=memory)
    yield memory
    memory.store.clear()


def test_a_storage_whose_connection_is_gone_is_told_as_that_and_not_tried_again():
    pytest.importorskip("gcsfs")
    with pytest.raises(MissingConnection, match="There is no Airflow connection 'deleted'"):
        RejectFile("gs://deleted@bucket/x.jsonl", try_number=1, host="h").look()


def test_a_run_of_one_try_leaves_one_file(tmp_path):
    file = RejectFile(str(tmp_path / "deep" / "run.jsonl"))
    file.write([reject(1), reject(2)])
    file.write([reject(3)])
    assert named(file) == ["c-1", "c-2", "c-3"]
    file.finish(file.join())
    (part,) = file.places()
    (path,) = (tmp_path / "deep").iterdir()
    assert (part["path"], part["rows"]) == (str(path), 3)
    assert named(file) == ["c-1", "c-2", "c-3"]


def test_only_the_owner_may_read_it(tmp_path):
    path = tmp_path / "new" / "newer" / "run.jsonl"
    RejectFile(f"file://{path}").write([reject(1)])
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path.parent.parent, path.parent, *path.parent.iterdir())]
    assert modes == [0o700, 0o700, 0o600]


def test_no_rejects_make_no_file(tmp_path):
    file = RejectFile(str(tmp_path / "run.jsonl"))
    file.write([])
    assert (file.join(), file.places(), list(tmp_path.iterdir())) == ([], [], [])


def test_the_next_try_touches_nothing_of_the_one_before(tmp_path):
    first = RejectFile(str(tmp_path / "run.jsonl"), try_number=1)
    first.write([reject(1)])
    counted = first.parts
    first.write([reject(2), reject(3)])  # and is killed before these count
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    second = RejectFile(str(tmp_path / "run.jsonl"), earlier=counted, try_number=2)
    second.write([reject(2)])
    assert all(path.read_bytes() == content for path, content in before.items())
    assert named(second) == ["c-1", "c-2"]


def test_at_the_end_all_parts_that_lie_here_are_one_file_and_nothing_else_is_left(tmp_path):
    first = RejectFile(str(tmp_path / "run.jsonl"), try_number=1)
    first.write([reject(1)])
    counted = first.parts
    first.write([reject(2)])
    second = RejectFile(str(tmp_path / "run.jsonl"), earlier=counted, try_number=2)
    second.write([reject(2)])
    second.finish(second.join())
    assert ids(lines_below(tmp_path)) == ["c-1", "c-2"] == named(second)


def test_tries_on_two_machines_leave_a_part_on_each(tmp_path):
    parts = ()
    for number, machine in enumerate("ABA", 1):
        file = RejectFile(str(tmp_path / machine / "run.jsonl"), earlier=parts, try_number=number, host=machine)
        file.write([reject(number)])
        parts = file.parts
    file.finish(file.join())
    assert [(part["host"], part["rows"]) for part in file.places()] == [("B", 1), ("A", 2)]
    assert sorted(named(file)) == ["c-1", "c-2", "c-3"] == sorted(ids(lines_below(tmp_path)))


def test_a_task_that_comes_back_in_the_same_try_goes_on_with_its_part(tmp_path):
    parts = ()
    for number in range(5):
        file = RejectFile(str(tmp_path / "run.jsonl"), earlier=parts, try_number=1)
        file.write([reject(number)])
        parts = file.parts
    assert len(parts) == 1
    assert named(file) == ["c-0", "c-1", "c-2", "c-3", "c-4"]


def test_what_was_written_before_a_save_that_failed_is_named_once(tmp_path):
    """Whether the failed save went through or not: both records name each reject once."""
    file = RejectFile(str(tmp_path / "run.jsonl"))
    file.write([reject(1)])
    file.write([reject(2)])
    perhaps_saved = file.places()
    file.take_back()
    file.write([reject(2), reject(3)])
    assert ids(lines_of(perhaps_saved)) == ["c-1", "c-2"]
    assert named(file) == ["c-1", "c-2", "c-3"]


def test_an_object_store_gets_numbered_objects(memory):
    file = RejectFile("memory://bucket/rejects/run.jsonl", host="worker")
    file.write([reject(1)])
    file.write([reject(2)])
    file.finish(file.join())
    (part,) = file.places()
    assert (part["host"], part["files"], part["rows"]) == (None, 2, 2)
    found = [
        json.loads(memory.cat(name))["identifier"]["EXTERNAL_ID"] for name in memory.glob("/bucket/rejects/*.jsonl")
    ]
    assert found == ["c-1", "c-2"]


def test_on_shared_storage_what_a_killed_try_left_uncounted_is_gone_at_the_end(memory):
    first = RejectFile("memory://bucket/run.jsonl", try_number=1)
    first.write([reject(1)])
    counted = first.parts
    first.write([reject(2)])
    second = RejectFile("memory://bucket/run.jsonl", earlier=counted, try_number=2)
    second.write([reject(2)])
    second.finish(second.join())
    names = memory.glob("/bucket/*.jsonl")
    found = sorted(json.loads(memory.cat(name))["identifier"]["EXTERNAL_ID"] for name in names)
    assert found == ["c-1", "c-2"]


def test_the_file_that_an_earlier_version_wrote_is_named_and_not_cut(tmp_path):
    old = tmp_path / "run.jsonl"
    old.write_bytes(reject(1).to_line())
    stored = {"watermark": None, "totals": replace(Totals(), rejected=1).to_json(), "rejects_written": 999}
    file = RejectFile(str(old), earlier=Checkpoint.from_json(stored).rejects)
    file.write([reject(2)])
    assert old.read_bytes() == reject(1).to_line()
    assert named(file) == ["c-1", "c-2"]


def test_a_record_never_names_more_parts_than_it_has_room_for():
    parts = [RejectPart(f"/r/run.try{n}-ab.jsonl", f"pod-{n}", 1, 2) for n in range(MAX_PARTS + 7)]
    kept = at_most(parts)
    assert len(kept) == MAX_PARTS
    assert sum(part.rows for part in kept) == 2 * len(parts)
    assert (kept[0].path, kept[0].host, kept[-1]) == ("/r/run.try*.jsonl", "several machines", parts[-1])


# --- the proof, and later failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [RejectFile.prove, RejectFile.look])
def test_a_path_below_a_file_is_refused(tmp_path, way):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/run\.jsonl' on 'worker-a': .*Nothing was sent.*rejects_path"):
        way(RejectFile(str(tmp_path / "file" / "run.jsonl"), host="worker-a"))


def test_the_proof_makes_the_folder_and_leaves_nothing_in_it(tmp_path):
    RejectFile(str(tmp_path / "new" / "run.jsonl")).prove()
    assert list((tmp_path / "new").iterdir()) == []


def test_the_proof_of_a_dry_run_leaves_no_trace(tmp_path):
    RejectFile(str(tmp_path / "new" / "run.jsonl")).look()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(
        ConfigurationError, match=r"no file system for s3://.*pip install 'apache-airflow-providers-amazon\[s3fs\]'"
    ):
        RejectFile("s3://bucket/run.jsonl").prove()


def test_an_unknown_kind_of_address_is_told_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"no file system for s4://.*use one of abfs, .* or a folder"):
        RejectFile("s4://bucket/run.jsonl").look()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ESTALE, errno.EDQUOT])
def test_a_full_disk_and_a_lost_mount_are_worth_a_new_try(tmp_path, monkeypatch, number):
    def fail(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RejectsNotWritten, match=f"{os.strerror(number)}. Nothing was sent. Make room"):
        RejectFile(str(tmp_path / "run.jsonl")).prove()
    assert list(tmp_path.iterdir()) == []


def test_rows_that_could_not_be_written_do_not_count_and_leave_no_torn_line(tmp_path, monkeypatch):
    file = RejectFile(str(tmp_path / "run.jsonl"))
    file.write([reject(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(RejectsNotWritten, match="a new try goes on"):
            file.write([reject(2)])
    assert named(file) == ["c-1"] == ids(lines_below(tmp_path))
    file.write([reject(2)])
    assert named(file) == ["c-1", "c-2"]


# --- kill -9 at every step --------------------------------------------------------------------------------------------

ROWS = 6


def a_try(folder, number, kill_at):
    """Go on with a run in a process of its own, which kills itself at a given touch of the disk; say how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    touches = iter(range(1_000_000))

    def look(event, _):
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and next(touches) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    stored = saved(folder)
    file = RejectFile(str(folder / "rejects" / "run.jsonl"), earlier=stored.rejects, try_number=number)

    def save(checkpoint):
        new = folder / "record.new"
        new.write_text(json.dumps(checkpoint.to_json()))
        os.replace(new, folder / "record")

    journal = TaskJournal(file, save)
    sys.addaudithook(look)
    for row in range(stored.totals.rejected, ROWS):
        totals = replace(Totals(), rejected=row + 1)
        journal._commit(Checkpoint(None, totals), [reject(row)])
    superfluous = file.join()
    save(Checkpoint(None, replace(Totals(), rejected=ROWS), file.parts))
    file.finish(superfluous)
    os._exit(0)


def saved(folder):
    record = folder / "record"
    return Checkpoint.from_json(json.loads(record.read_text())) if record.exists() else Checkpoint(None, Totals())


def test_kill_9_at_any_touch_of_the_disk_leaves_each_counted_reject_once_in_what_the_record_names(tmp_path):
    """Every try is killed one step later than the one before, until one comes through."""
    tries = 0
    for first_step in range(3):
        folder = tmp_path / str(first_step)
        folder.mkdir()
        for number in range(1, 200):
            ended = a_try(folder, number, first_step + number)
            file = RejectFile(str(folder / "rejects" / "run.jsonl"), earlier=saved(folder).rejects)
            assert named(file) == [f"c-{row}" for row in range(saved(folder).totals.rejected)]
            tries += 1
            if ended == 0:
                break
        assert ended == 0
        assert named(file) == [f"c-{row}" for row in range(ROWS)]
    assert tries > 20


class SignedAddress(Exception):
    """What a client of a storage raises, with the address that it asked in its text."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SignedAddress("403 for https://store.example/x?sig=hidden"), "SignedAddress"),
        (PermissionError(errno.EACCES, "https://store.example/x?sig=hidden"), os.strerror(errno.EACCES)),
        (PermissionError("https://store.example/x?sig=hidden"), "PermissionError"),
    ],
)
def test_the_text_of_a_storages_error_is_shown_nowhere(memory, monkeypatch, caplog, error, said):
    def broken(*arguments, **named):
        raise error

    file = RejectFile("memory://bucket/run.jsonl")
    file.write([reject(1)])
    with monkeypatch.context() as patch:
        patch.setattr(memory, "exists", broken)
        patch.setattr(memory, "info", broken)
        file.join()
        patch.setattr(memory, "rm_file", broken)
        patch.setattr(memory, "rm", broken)
        file.finish(["memory://bucket/run.jsonl"])
        patch.setattr(memory, "open", broken)
        patch.setattr(memory, "pipe_file", broken)
        with pytest.raises((ConfigurationError, RejectsNotWritten), match=re.escape(said)) as raised:
            file.write([reject(2)])
    told = caplog.text + "".join(traceback.format_exception(raised.value))
    assert told.count(said) >= 3
    assert "hidden" not in told
