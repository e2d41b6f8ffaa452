"""The index of a sync's rejects: every line that counts once, in order, with its mark, wherever the parts lie."""

from __future__ import annotations

import os
import stat
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.rejects.index import RejectIndex, RejectPlace
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.rejects.stored import RejectFilter

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(params=["a folder", "an object store"])
def root(request, tmp_path):
    if request.param == "a folder":
        yield str(tmp_path / "users")
        return
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    attach("memory", fs=memory)
    yield "memory://bucket/users"
    memory.store.clear()


def reject(number, code="bad_row", outcome="rejected"):
    return RejectedRow(outcome, code, "Bad.", {"EXTERNAL_ID": f"c-{number}"}, "2026-01-05T00:00:00Z", "{")


class Syncs:
    """Writes as the tries of runs do."""

    def __init__(self, root):
        self._root = root

    def file(self, run="r1", *, day=0, try_number=1, earlier=(), sync_id="users", map_index=-1):
        whose = {"sync_id": sync_id, "run_id": run, "map_index": map_index, "try_number": try_number}
        instance = f".{map_index}" if map_index >= 0 else ""
        path = f"{self._root}/{run}{instance}.jsonl"
        now = NOON + timedelta(days=day)
        return RejectFile(path, earlier=earlier, try_number=try_number, whose=whose, now=lambda: now)

    def run(self, numbers, **which):
        file = self.file(**which)
        for number in numbers:
            file.write([reject(number)])
        file.finish(file.join())

    def index(self, *known):
        return RejectIndex("users", RejectPlace(self._root), known)

    def ids(self, *known, **chosen):
        entries = self.index(*known).entries(RejectFilter(**chosen))
        return [entry.identifier["EXTERNAL_ID"] for entry in entries]


@pytest.fixture
def syncs(root):
    return Syncs(root)


def test_no_run_has_left_anything(syncs):
    assert syncs.ids() == []


def test_runs_come_in_the_order_in_which_they_were_written(syncs):
    syncs.run([3], run="a", day=2)
    syncs.run([1, 2], run="z", day=1)
    assert syncs.ids() == ["c-1", "c-2", "c-3"]


def test_a_line_says_whose_it_is(syncs):
    syncs.run([1], run="scheduled__2026-01-05T00:00:00+00:00", sync_id="users:t1", map_index=3, try_number=2)
    (entry,) = syncs.index().entries()
    assert (entry.sync_id, entry.run_id, entry.map_index, entry.try_number, entry.at) == (
        "users:t1",
        "scheduled__2026-01-05T00:00:00+00:00",
        3,
        2,
        NOON.isoformat(timespec="seconds"),
    )


def test_lines_of_another_sync_in_the_same_place_are_not_its_own(syncs):
    syncs.run([1], run="r1")
    syncs.run([2], run="r2", sync_id="users_archive")
    assert syncs.ids() == ["c-1"]


def test_a_marked_reject_is_not_taken_again(syncs):
    syncs.run([1, 2, 3])
    index = syncs.index()
    first, second, _ = index.entries()
    index.mark([(first, "accepted"), (second, "gone")], run="again", at="2026-12-01T00:00:00+00:00")
    assert syncs.ids() == ["c-3"]
    marks = [entry.mark and entry.mark.fate for entry in syncs.index().entries(RejectFilter(include_redriven=True))]
    assert marks == ["accepted", "gone", None]


def test_a_mark_that_was_made_before_parts_were_joined_still_holds(syncs):
    file = syncs.file()
    file.write([reject(1)])
    file.write([reject(2)])
    index = syncs.index(*file.parts)
    index.mark([(next(index.entries()), "accepted")], run="again", at="")
    file.finish(file.join())
    assert syncs.ids() == ["c-2"]


def test_a_joined_file_and_what_it_was_made_of_count_once(syncs):
    file = syncs.file()
    file.write([reject(1)])
    file.write([reject(2)])
    file.join()  # and the process dies before the superfluous files are removed
    assert syncs.ids() == ["c-1", "c-2"]


def test_what_a_try_wrote_behind_its_last_save_is_left_out_where_the_record_tells(syncs):
    file = syncs.file()
    file.write([reject(1)])
    (saved,) = file.parts
    file.write([reject(2)])
    assert syncs.ids(saved) == ["c-1"]


def test_what_nobody_can_tell_any_more_is_in_doubt(syncs):
    file = syncs.file()
    file.write([reject(1)])
    file.write([reject(2)])
    assert [entry.is_in_doubt for entry in syncs.index().entries()] == [False, True]


def test_a_run_that_ended_well_leaves_no_doubt(syncs):
    syncs.run([1, 2])
    assert [entry.is_in_doubt for entry in syncs.index().entries()] == [False, False]


def test_tries_of_a_run_are_found_together(syncs):
    first = syncs.file()
    first.write([reject(1)])
    second = syncs.file(try_number=2, earlier=first.parts)
    second.write([reject(2)])
    second.finish(second.join())
    assert syncs.ids() == ["c-1", "c-2"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"codes": frozenset({"other"})}, ["c-2"]),
        ({"run_id": "r2"}, ["c-3"]),
        ({"older_than": NOON + timedelta(hours=1)}, ["c-1", "c-2"]),
        ({"newer_than": NOON + timedelta(hours=1)}, ["c-3"]),
        ({"identifier": "c-3"}, ["c-3"]),
        ({"outcomes": frozenset({"unknown"})}, ["c-2"]),
    ],
)
def test_it_is_filtered(syncs, chosen, found):
    file = syncs.file()
    file.write([reject(1), reject(2, code="other", outcome="unknown")])
    file.finish(file.join())
    syncs.run([3], run="r2", day=1)
    assert syncs.ids(**chosen) == found


def test_a_torn_line_is_told_and_the_others_count(tmp_path):
    syncs = Syncs(str(tmp_path))
    syncs.run([1, 2])
    (file,) = tmp_path.rglob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"code": "x", "iden')
    index = syncs.index()
    assert len(list(index.entries())) == 2
    assert index.troubles == [f"Line 3 of {str(file)!r} is left out: the line has no end."]


def test_lines_of_an_earlier_version_are_read(tmp_path):
    (tmp_path / "manual__1.try1-00ff00ff.jsonl").write_bytes(reject(1).to_line())
    (entry,) = Syncs(str(tmp_path)).index().entries()
    assert (entry.run_id, entry.part, entry.line, entry.mark) == ("manual__1", "try1-00ff00ff", 0, None)


def test_parts_on_other_machines_are_named(tmp_path):
    there = RejectPart("/rejects/run.try1-aa.jsonl", "worker-b", 0, 7)
    here = replace(there, path="/rejects/run.try2-bb.jsonl", host="worker-a")
    index = RejectIndex("users", RejectPlace(str(tmp_path), host="worker-a"), [there, here])
    assert index.elsewhere() == [there]


def test_a_part_of_another_machine_that_can_be_read_here_is_not_elsewhere(tmp_path):
    syncs = Syncs(str(tmp_path))
    syncs.run([1])
    (file,) = tmp_path.rglob("*.jsonl")
    index = RejectIndex("users", RejectPlace(str(tmp_path), host="a"), [RejectPart(str(file), "b", 0, 1)])
    assert index.elsewhere() == []


def test_a_report_says_as_much_as_a_record(syncs):
    file = syncs.file()
    file.write([reject(1)])
    file.write([reject(2)])
    told = file.places()
    file.write([reject(3)])
    assert syncs.ids(*map(RejectPart.from_report, told)) == ["c-1", "c-2"]


def test_without_a_record_a_row_that_was_rejected_once_more_later_is_there_once(syncs):
    killed = syncs.file()
    killed.write([reject(1)])
    saved = killed.parts
    killed.write([reject(2), reject(3)])
    again = syncs.file(try_number=2, earlier=saved)
    again.write([reject(2), reject(3)])
    found = [(one.identifier["EXTERNAL_ID"], one.try_number) for one in syncs.index().entries()]
    assert found == [("c-1", 1), ("c-2", 2), ("c-3", 2)]


def test_without_a_record_a_row_that_nobody_rejected_again_is_not_lost(syncs):
    syncs.file().write([reject(1)])
    syncs.file(run="r2", day=1).write([reject(2)])
    assert syncs.ids() == ["c-1", "c-2"]


def test_a_try_that_failed_says_itself_what_counts(syncs):
    file = syncs.file()
    file.write([reject(1)])
    file.write([reject(2)])
    file.take_back()
    file.finish(())
    found = [(one.identifier["EXTERNAL_ID"], one.is_in_doubt) for one in syncs.index().entries()]
    assert found == [("c-1", False)]


def test_a_row_that_two_runs_rejected_is_there_for_each(syncs):
    syncs.run([1], run="r1")
    syncs.run([1], run="r2", day=1)
    assert syncs.ids() == ["c-1", "c-1"]


def test_a_run_that_joins_its_files_while_they_are_read_loses_none(tmp_path):
    syncs = Syncs(str(tmp_path))
    file = syncs.file()
    for number in range(4):
        file.write([reject(number)])
    entries = syncs.index().entries()
    first = [next(entries), next(entries)]
    file.finish(file.join())
    assert [one.identifier["EXTERNAL_ID"] for one in [*first, *entries]] == ["c-0", "c-1", "c-2", "c-3"]


def test_a_run_that_writes_a_new_part_while_it_is_read_disturbs_nothing(syncs):
    syncs.run([1, 2])
    entries = syncs.index().entries()
    first = next(entries)
    syncs.run([3], run="r2", day=1)
    assert [one.identifier["EXTERNAL_ID"] for one in [first, *entries]] == ["c-1", "c-2"]


def test_lines_of_an_earlier_version_in_several_files_are_all_read(tmp_path):
    for number in range(2):
        (tmp_path / f"manual__1.7.try2-00ff00ff.0000{number}.jsonl").write_bytes(reject(number).to_line())
    found = [(one.run_id, one.map_index, one.try_number, one.line) for one in Syncs(str(tmp_path)).index().entries()]
    assert found == [("manual__1", 7, 2, 0), ("manual__1", 7, 2, 1)]


def test_a_line_that_does_not_say_whose_it_is_is_nobodys_where_several_syncs_write(tmp_path):
    (tmp_path / "run.try1-00ff00ff.jsonl").write_bytes(reject(1).to_line())
    index = RejectIndex("users", RejectPlace(str(tmp_path), is_shared=True))
    assert list(index.entries()) == []
    assert "do not say whose they are" in index.troubles[0]


def test_a_sync_whose_name_begins_like_this_one_is_another(syncs):
    syncs.run([1], sync_id="users:eu")
    syncs.run([2], run="r2", sync_id="users:table:1", map_index=1)
    assert syncs.ids() == ["c-2"]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"[]", "not a JSON object"),
        (b"{}", "outcome is missing"),
        (b'{"outcome":"x","code":"c","reason":"r","identifier":{},"updated_at":"t"}', "outcome is none of"),
        (b'{"outcome":"rejected","code":"c","reason":"r","identifier":{},"updated_at":"t","line":"1"}', "line is of"),
    ],
)
def test_a_line_that_a_hand_has_broken_is_told_and_the_others_count(tmp_path, broken, why):
    syncs = Syncs(str(tmp_path))
    syncs.run([1, 2])
    (file,) = tmp_path.rglob("*.jsonl")
    first, second = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([first, broken, second, b""]))
    index = syncs.index()
    assert len(list(index.entries())) == 2
    assert why in index.troubles[0]


def test_troubles_are_bounded(tmp_path):
    (tmp_path / "run.try1-00ff00ff.jsonl").write_bytes(b"{}\n" * 1_000)
    index = Syncs(str(tmp_path)).index()
    assert (list(index.entries()), len(index.troubles)) == ([], 101)


@pytest.mark.parametrize(("wanted", "is_found"), [("ANNA@x.org", True), ("anna", False), ("C-1", False), ("c-1", True)])
def test_an_address_is_found_in_upper_or_lower_case_and_nothing_else_is(syncs, wanted, is_found):
    row = RejectedRow("rejected", "bad_row", "Bad.", {"EXTERNAL_ID": "c-1", "EMAIL": "Anna@X.org"}, "", "{")
    file = syncs.file()
    file.write([row])
    file.finish(file.join())
    assert bool(syncs.ids(identifier=wanted)) is is_found


def test_broken_marks_are_told(tmp_path):
    syncs = Syncs(str(tmp_path))
    syncs.run([1])
    index = syncs.index()
    index.mark([(one, "accepted") for one in index.entries()], run="again", at="")
    (marks,) = tmp_path.glob("*.marks")
    marks.write_bytes(b'{"part"')
    assert [one.is_in_doubt for one in index.entries()] == [True]
    assert "are broken" in index.troubles[0]


def test_of_two_marks_the_later_one_says_how_things_are(syncs):
    syncs.run([1])
    index = syncs.index()
    (one,) = index.entries()
    index.mark([(one, "accepted")], run="second", at="2026-12-02")
    index.mark([(one, "unknown")], run="first", at="2026-12-01")
    (found,) = index.entries(RejectFilter(include_redriven=True))
    assert found.mark.fate == "accepted"


def test_a_fate_that_is_none_is_refused_and_nothing_is_noted(syncs):
    syncs.run([1])
    index = syncs.index()
    with pytest.raises(ValueError, match="'sent' is none of accepted"):
        index.mark([(one, "sent") for one in index.entries()], run="r", at="")
    assert syncs.ids() == ["c-1"]


def test_marks_are_for_the_owner_alone_and_name_nobody(tmp_path):
    syncs = Syncs(str(tmp_path))
    syncs.run([1])
    index = syncs.index()
    index.mark([(one, "accepted") for one in index.entries()], run="r", at="")
    (marks,) = tmp_path.glob("*.marks")
    assert (stat.S_IMODE(marks.stat().st_mode), b"c-1" in marks.read_bytes()) == (0o600, False)


def test_a_storage_that_is_closed_is_told(tmp_path, monkeypatch):
    syncs = Syncs(str(tmp_path))
    syncs.run([1])

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", closed)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        list(syncs.index().entries())


def test_many_lines_are_streamed(tmp_path):
    syncs = Syncs(str(tmp_path))
    file = syncs.file()
    for start in range(0, 10_000, 1_000):
        file.write([reject(number) for number in range(start, start + 1_000)])
    file.finish(file.join())
    index = syncs.index()
    tracemalloc.start()
    assert sum(1 for _ in index.entries()) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_parts_whose_files_were_deleted_here_are_named_and_joined_ones_are_not(tmp_path):
    there = RejectPart(f"{tmp_path}/a.try1-aa.jsonl", "worker-a", 2, 7)
    joined = replace(there, path=f"{tmp_path}/b.try1-bb.jsonl")
    away = replace(there, path="/rejects/c.try1-cc.jsonl", host="worker-b")
    (tmp_path / "b.try2-00ff00ff.jsonl").write_bytes(reject(1).to_line())
    index = RejectIndex("users", RejectPlace(str(tmp_path), host="worker-a"), [there, joined, away])
    assert index.gone() == [there]
