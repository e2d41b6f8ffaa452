"""Each change of a sync's state is told to each contact once."""

from __future__ import annotations

from support.airflow_world import MemoryStore

from airflow_provider_cdi.notifications.memory import AlertMemory


class Sync:
    """A sync with contacts, each event in a process of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def fails(self, kind, run_id, *contacts, successes=None):
        memory = AlertMemory(self.store, "s")
        memory.failed(kind, run_id=run_id, at=run_id, successes=successes)
        told = [one for one in contacts if memory.needs_to_hear(one)]
        for one in told:
            memory.heard(one)
        memory.save()
        return told

    def runs(self, run_id, *contacts, reached=True):
        memory = AlertMemory(self.store, "s")
        memory.recovered(run_id=run_id, at=run_id or "then")
        told = [one for one in contacts if memory.needs_to_hear_of_the_end(one, run_id)]
        for one in told:
            memory.heard_of_the_end(one, is_told=reached)
        memory.save()
        return told

    @property
    def trouble(self):
        return AlertMemory(self.store, "s").trouble


def test_the_same_kind_is_told_once_over_tries_and_runs():
    sync = Sync()
    assert [sync.fails("missing", run, "a") for run in ("1", "1", "2")] == [["a"], [], []]
    assert (sync.trouble["runs"], sync.trouble["since"]) == (2, "1")


def test_another_kind_is_told_and_the_sync_still_fails_since_the_first():
    sync = Sync()
    assert [sync.fails(kind, kind, "a") for kind in ("missing", "connection")] == [["a"], ["a"]]
    assert sync.trouble["since"] == "missing"


def test_a_sync_that_fails_now_in_one_way_and_now_in_another_tells_each_once():
    sync = Sync()
    kinds = ("connection", "transient", "connection", "transient", "missing")
    assert [sync.fails(kind, str(run), "a") for run, kind in enumerate(kinds)] == [["a"], ["a"], [], [], ["a"]]
    assert [sync.runs("8", "a"), sync.fails("connection", "9", "a")] == [["a"], ["a"]]


def test_a_contact_that_came_later_hears_too():
    sync = Sync()
    assert [sync.fails("missing", "1", "a"), sync.fails("missing", "2", "a", "b")] == [["a"], ["b"]]


def test_the_end_is_told_once_to_each_contact_of_that_run():
    sync = Sync()
    sync.fails("missing", "1", "a")
    assert [sync.runs("2", "a"), sync.runs("2", "a", "b"), sync.runs("3", "a", "c")] == [["a"], ["b"], []]


def test_the_end_is_told_later_where_that_went_wrong():
    sync = Sync()
    sync.fails("missing", "1", "a")
    assert [sync.runs("2", "a", reached=False), sync.runs("3", "a"), sync.runs("4", "a")] == [["a"], ["a"], []]


def test_a_run_that_fails_by_its_rows_leaves_the_end_to_the_next_good_one():
    sync = Sync()
    sync.fails("missing", "1", "a")
    sync.runs(None)
    assert [sync.runs("3", "a"), sync.runs("4", "a")] == [["a"], []]


def test_a_trouble_after_a_run_that_failed_by_its_rows_is_a_new_one():
    sync = Sync()
    sync.fails("missing", "1", "a")
    sync.runs(None)
    assert sync.fails("missing", "3", "a") == ["a"]


def test_the_end_of_what_nobody_heard_of_is_not_told():
    sync = Sync()
    sync.fails("missing", "1")
    assert sync.runs("2", "a") == []


def test_a_trouble_after_the_end_is_a_new_one():
    sync = Sync()
    sync.fails("missing", "1", "a")
    sync.runs("2")
    assert sync.fails("missing", "3", "a") == ["a"]


def test_a_trouble_after_a_success_that_nobody_was_to_be_told_of_is_a_new_one():
    sync = Sync()
    assert [sync.fails("missing", run, "a", successes=n) for run, n in (("1", 4), ("2", 4), ("3", 5))] == [
        ["a"],
        [],
        ["a"],
    ]


def test_codes_are_remembered_by_contact():
    memory = AlertMemory(Sync().store, "s")
    memory.tell_codes("a", {"x"})
    assert (memory.codes_told("a"), memory.codes_told("b")) == (frozenset({"x"}), frozenset())
