"""A watch tells each alarm and its end once to each contact, and remembers it over looks and processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseNotifier
from support.airflow_world import MemoryStore

from airflow_provider_cdi.notifications.base import SyncNotifier
from airflow_provider_cdi.watching.judgement import Alarm
from airflow_provider_cdi.watching.memory import WatchMemory
from airflow_provider_cdi.watching.telling import tell_alarms

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SILENT = Alarm("no_success", "no success for 4 h (more than 3 h)", "See whether its DAG is paused.")
LATE = Alarm("lag", "it lags by 5 h (more than 2 h)", "See how many rows are due.")


class Contact(BaseNotifier):
    """Somebody who hears."""


class Listener(SyncNotifier):
    """Keeps what it was to send."""

    def __init__(self):
        super().__init__(Contact())
        self.told, self.works = [], True

    def deliver(self, notifier, message, context):
        self.told.append(message)
        return self.works


class Watch:
    """Looks at one sync, each time as a new process."""

    def __init__(self):
        self.store, self.contacts, self.hour = MemoryStore(), Listener(), 0

    def memory(self):
        return WatchMemory(self.store, "s", NOON + timedelta(hours=self.hour))

    def hears(self, *wrong):
        """Look, and return what was told: severity, whether it is the end, and of which sync's what."""
        self.hour += 1
        before = len(self.contacts.told)
        tell_alarms("s", wrong, self.memory(), self.contacts, {})
        return [(one.severity, one.is_over, one.dedup_key) for one in self.contacts.told[before:]]


@pytest.fixture
def watch():
    return Watch()


def test_an_alarm_is_told_once_as_a_warning_and_its_end_once_as_no_trouble(watch):
    assert watch.hears(SILENT) == [("warning", False, "cdi-sync:s:no_success")]
    assert watch.hears(SILENT) == []
    assert watch.hears() == [("info", True, "cdi-sync:s:no_success")]
    assert watch.hears() == []


def test_alarms_begin_and_end_each_for_itself(watch):
    watch.hears(SILENT)
    assert watch.hears(SILENT, LATE) == [("warning", False, "cdi-sync:s:lag")]
    assert watch.hears(LATE) == [("info", True, "cdi-sync:s:no_success")]
    assert watch.hears(SILENT, LATE) == [("warning", False, "cdi-sync:s:no_success")]


def test_what_could_not_be_told_is_told_by_the_next_look(watch):
    watch.contacts.works = False
    assert len(watch.hears(SILENT)) == 1
    watch.contacts.works = True
    assert len(watch.hears(SILENT)) == 1
    watch.contacts.works = False
    assert len(watch.hears()) == 1
    watch.contacts.works = True
    assert watch.hears() == [("info", True, "cdi-sync:s:no_success")]


def test_the_first_look_is_kept_for_all_that_follow(watch):
    first = watch.memory().since
    watch.hour = 30
    assert watch.memory().since == first == NOON
    assert watch.store.writes == 1


def test_two_watches_of_one_sync_write_nothing_at_one_place(monkeypatch):
    """They may run at the same moment: whoever reads back what the other wrote would take it for lost."""
    kept = {}
    variables = SimpleNamespace(
        get=lambda key, default=None: kept.get(key, default),
        set=lambda key, value, description: kept.update({key: value}),
    )
    monkeypatch.setattr("airflow.sdk.Variable", variables)
    one, other = (WatchMemory.of("a_dag.users", watch, NOON) for watch in ("a_dag.watch", "another.watch"))
    one.heard("no_success", "oncall")
    assert WatchMemory.of("a_dag.users", "a_dag.watch", NOON).told == {"no_success": ["oncall"]}
    assert (other.told, len(kept)) == ({}, 2)
