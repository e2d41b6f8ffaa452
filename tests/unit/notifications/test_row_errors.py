"""Who hears of rejected rows: by a per cent, by a number, by code, once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import BaseNotifier
from support.airflow_world import MemoryStore

from airflow_provider_cdi.exceptions import ConfigurationError, TooManyRejects
from airflow_provider_cdi.notifications import memory
from airflow_provider_cdi.notifications.row_errors import RowErrorNotifier
from airflow_provider_cdi.transfers.runs.reporting import SyncStopped


class Contact(BaseNotifier):
    """Somebody who hears."""


class Listener(RowErrorNotifier):
    """Keeps what it was to send."""

    def __init__(self, **bounds) -> None:
        super().__init__(Contact(), **bounds)
        self.told, self.works = [], True

    def deliver(self, notifier, message, context):
        self.told.append(message)
        return self.works

    def hears(self, rows, *, skipped=0, about=None, **rejects):
        """Run the sync once; return how many messages there were."""
        before = len(self.told)
        report = {
            "sync_id": "s",
            "destination": "d",
            "rows_read": rows,
            "skipped": skipped,
            "rejects": rejects,
            "rejected": sum(rejects.values()),
            "unknown": 0,
            "status": "partial" if rejects else "success",
            **(about or {}),
        }
        error = TooManyRejects("Too much was rejected.")
        error.report = report
        ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1, task=object())
        self.tell({"ti": ti, "exception": SyncStopped(error)})
        return len(self.told) - before


@pytest.fixture(autouse=True)
def store(monkeypatch):
    kept = MemoryStore()
    monkeypatch.setattr(memory, "VariableStore", lambda sync_id: kept)
    return kept


@pytest.mark.parametrize(
    ("bounds", "rejects", "told"),
    [
        ({}, {"x": 1}, 1),
        ({"percent": 5}, {"x": 5}, 1),
        ({"percent": 5}, {"x": 4}, 0),
        ({"number": 5}, {"x": 4}, 0),
        ({"number": 5}, {"x": 3, "y": 2}, 1),
        ({"percent": 50, "number": 5}, {"x": 5}, 1),
        ({"codes": ["y"]}, {"x": 9}, 0),
        ({"codes": ["y"], "number": 2}, {"x": 9, "y": 1}, 0),
        ({"codes": ["y"]}, {"x": 9, "y": 1}, 1),
    ],
)
def test_bounds(bounds, rejects, told):
    assert Listener(**bounds).hears(100, **rejects) == told


def test_a_share_that_is_exactly_the_bound_is_told():
    assert [Listener(percent=1.1).hears(3000, x=rejects) for rejects in (32, 33)] == [0, 1]


def test_two_choices_of_one_contact_do_not_forget_what_the_other_told():
    often, seldom = Listener(codes=["x"]), Listener(percent=50)
    heard = [(often.hears(100, x=1, y=1), seldom.hears(100, x=1, y=1)) for _ in range(3)]
    assert heard == [(1, 0), (0, 0), (0, 0)]


def test_where_nothing_can_be_kept_rejects_are_told_and_their_end_is_not(store):
    contact = Listener()
    contact.hears(9, x=1)
    store.refuses_with = OSError("no")
    assert [contact.hears(9, x=1, y=1), contact.hears(9), contact.hears(9)] == [1, 0, 0]


def test_a_window_tells_its_rejects_and_ends_nothing():
    contact, window = Listener(), {"moves_watermark": False}
    heard = [contact.hears(9, x=1), contact.hears(9, about=window), contact.hears(9, about=window, y=1)]
    assert heard == [1, 0, 1]
    assert [contact.hears(9, x=1, y=1), contact.hears(9)] == [0, 1]


@pytest.mark.parametrize("status", ["running", "waiting", "deferred", "error"])
def test_a_run_that_did_not_go_through_tells_no_rejects(status):
    assert Listener().hears(9, about={"status": status}, x=1) == 0


def test_skipped_rows_are_not_due():
    assert Listener(percent=10).hears(100, skipped=90, x=1) == 1


def test_a_code_is_told_once_until_it_was_away():
    contact = Listener(tell_end=False)
    assert [contact.hears(9, x=1), contact.hears(9, x=2), contact.hears(9, x=1, y=1)] == [1, 0, 1]
    assert [contact.hears(9, y=1), contact.hears(9, x=1, y=1), contact.hears(0), contact.hears(9, x=1)] == [0, 1, 0, 0]


def test_the_end_is_told_once_and_as_no_trouble():
    contact = Listener()
    assert [contact.hears(9, x=1), contact.hears(9), contact.hears(9)] == [1, 1, 0]
    assert [(message.severity, message.is_over) for message in contact.told] == [("warning", False), ("info", True)]


def test_what_could_not_be_told_is_told_by_the_next_run():
    contact = Listener()
    contact.works = False
    assert contact.hears(9, x=1) == 1
    contact.works = True
    assert [contact.hears(9, x=1), contact.hears(9, x=1)] == [1, 0]


@pytest.mark.parametrize("bounds", [{"percent": 101}, {"percent": -1}, {"number": 0}, {"codes": "time_invalid"}])
def test_a_bound_that_makes_no_sense_is_refused_when_the_dag_is_read(bounds):
    with pytest.raises(ConfigurationError):
        RowErrorNotifier(Contact(), **bounds)
