"""How a sync is, in one word."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.cli.syncs.last_runs import LastRun
from airflow_provider_cdi.cli.syncs.status import AMISS, WELL, status_of
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.state.by_hand.found import FoundRecord
from airflow_provider_cdi.state.by_hand.places import VariablePlace
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import Checkpoint, StateRecord


def status(state, told=None):
    run = LastRun("r", state, None, None, {"status": told} if told else {})
    return status_of(None, run, is_readable=True)


@pytest.mark.parametrize(
    ("state", "told", "shown"),
    [
        ("success", "partial", "partial"),
        ("success", None, "success"),
        ("failed", "config_error", "config_error"),
        ("failed", "running", "error"),  # it was killed
        ("failed", "success", "error"),  # somebody marked it as failed
        ("failed", None, "error"),
        ("running", "waiting", "waiting"),
        ("running", "success", "running"),  # what an earlier try told
        ("up_for_retry", "error", "up_for_retry"),
        ("skipped", "success", "skipped"),  # what it told before it was cleared
        ("upstream_failed", "success", "upstream_failed"),
    ],
)
def test_the_status_is_what_the_run_told_unless_airflow_knows_better(state, told, shown):
    assert status(state, told) == shown
    assert shown in (*WELL, *AMISS)


def test_a_run_without_an_end_is_well_whatever_it_waits_for():
    assert {"queued", "scheduled", "up_for_retry", "restarting", "deferred", "running"} < set(WELL)


def test_what_cannot_be_read_is_told_before_how_the_last_run_ended():
    assert status_of(None, LastRun("r", "success", None, None), is_readable=False) == "unreadable"


@pytest.mark.parametrize(
    ("state", "told", "shown"), [("success", "success", "moved"), ("failed", "config_error", "config_error")]
)
def test_a_sync_that_has_moved_is_told_as_such_until_a_run_under_the_old_name_fails(state, told, shown):
    identity = Identity("users", "attributes", "https://x")
    record = StateRecord(identity, 2, Checkpoint(None, Totals()), "", "", moved_to=("people",))
    found = FoundRecord(record, VariablePlace("x"), {})
    assert status_of(found, LastRun("r", state, None, None, {"status": told}), is_readable=True) == shown
    assert status_of(found, None, is_readable=True) == "moved"


def test_a_sync_without_run_and_state_never_ran():
    assert status_of(None, None, is_readable=True) == "never ran"
