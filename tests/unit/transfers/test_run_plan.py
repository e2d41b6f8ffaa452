"""Which slice each kind of run reads."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.plan import Plan
from airflow_provider_cdi.state.record import Checkpoint, StateRecord
from airflow_provider_cdi.transfers.runs.plan import RunRequest, loads_history, new_plan, resolve_mode, resume_or_replay

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MIDNIGHT, NOON = "2026-01-05T00:00:00.000000Z", "2026-01-05T12:00:00.000000Z"


def context(run_type="scheduled", *, run_id="run-1", clear_number=0, **more):
    return {
        "ti": SimpleNamespace(run_id=run_id),
        "dag_run": SimpleNamespace(run_type=run_type, clear_number=clear_number),
        **more,
    }


def interval(start, end):
    return {"data_interval_start": start, "data_interval_end": end}


def record(position=MIDNIGHT, run_id="run-0", accepted=0):
    mark = Watermark(position, Ties([1])) if position else None
    return StateRecord(Identity("s", "attributes", "d"), 3, Checkpoint(mark, Totals(accepted=accepted)), run_id, "")


def plan_of(request, ctx=None, found=None):
    ctx = ctx or context()
    return new_plan(request, resolve_mode(request, ctx), ctx, found, SimpleNamespace(opened_at=NOW)).slice


def test_a_scheduled_run_reads_from_the_watermark_to_now_and_moves_it():
    part = plan_of(RunRequest("auto"), found=record())
    assert (part.mode, part.after.position, part.up_to, part.moves_watermark) == ("incremental", MIDNIGHT, NOON, True)


def test_a_manual_run_without_any_date_does_the_same():
    ctx = context("manual", logical_date=None)
    assert plan_of(RunRequest("auto"), ctx, record()).after.position == MIDNIGHT


@pytest.mark.parametrize(
    ("initial", "start"), [("everything", None), ("now", NOON), ("2026-01-05T02:00:00+02:00", MIDNIGHT)]
)
def test_a_new_sync_starts_where_initial_says(initial, start):
    part = plan_of(RunRequest("auto", initial=initial))
    assert (part.after.position if part.after else None) == start


def test_initial_does_not_matter_once_there_is_a_watermark():
    assert plan_of(RunRequest("auto", initial="now"), found=record()).after.position == MIDNIGHT


def test_a_backfill_reads_its_data_interval_and_moves_nothing():
    ctx = context("backfill", **interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
    part = plan_of(RunRequest("auto"), ctx, record())
    assert (part.mode, part.since, part.until) == (
        "window",
        "2026-01-01T00:00:00.000000Z",
        "2026-01-02T00:00:00.000000Z",
    )
    assert not part.moves_watermark


def test_a_window_by_hand_takes_its_bounds_from_the_form():
    part = plan_of(RunRequest("window", since="2026-01-01", until="2026-01-02T06:00"))
    assert (part.since, part.until) == ("2026-01-01T00:00:00.000000Z", "2026-01-02T06:00:00.000000Z")


def test_a_window_without_bounds_is_an_error_with_an_example():
    with pytest.raises(ConfigurationError, match="2026-01-05T00:00:00Z"):
        plan_of(RunRequest("window"))


def test_a_bound_that_is_no_timestamp_is_named():
    with pytest.raises(ConfigurationError, match="since is 'yesterday'"):
        plan_of(RunRequest("window", since="yesterday", until="2026-01-05"))


def test_a_full_run_reads_everything():
    part = plan_of(RunRequest("full"), found=record())
    assert (part.mode, part.after, part.moves_watermark) == ("full", None, True)


def test_an_unknown_mode_is_an_error_that_names_the_known_ones():
    with pytest.raises(ConfigurationError, match="auto, incremental, full, window"):
        resolve_mode(RunRequest("everything"), context())


def incremental_plan(*, done=False, clear_number=0, after=MIDNIGHT):
    mark = Watermark(after, Ties([1])) if after else None
    return Plan(Slice("incremental", NOON, after=mark), clear_number, done)


def test_a_retry_goes_on_at_the_checkpoint_of_its_own_run_with_the_same_upper_bound():
    plan, checkpoint = resume_or_replay(
        incremental_plan(), "incremental", context(), record("2026-01-05T06:00:00.000000Z", "run-1", accepted=44)
    )
    assert plan.slice.up_to == NOON
    assert (checkpoint.watermark.position, checkpoint.totals.accepted) == ("2026-01-05T06:00:00.000000Z", 44)


def test_a_retry_goes_on_behind_what_another_run_delivered_since():
    _, checkpoint = resume_or_replay(
        incremental_plan(), "incremental", context(), record("2026-01-05T13:00:00.000000Z", "run-9", accepted=44)
    )
    assert (checkpoint.watermark.position, checkpoint.totals.accepted) == ("2026-01-05T13:00:00.000000Z", 0)


def test_a_clear_of_a_failed_run_goes_on_too():
    left = resume_or_replay(incremental_plan(), "incremental", context(clear_number=1), record(run_id="run-1"))
    assert left is not None
    assert left[0].slice.moves_watermark


def test_a_clear_of_a_finished_run_replays_exactly_its_slice_and_moves_nothing():
    finished = incremental_plan(done=True)
    plan, checkpoint = resume_or_replay(finished, "incremental", context(clear_number=1), record(NOON))
    assert (plan.slice.after.position, plan.slice.up_to, plan.slice.moves_watermark) == (MIDNIGHT, NOON, False)
    assert len(plan.slice.after.ties) == 1
    assert checkpoint is None


def test_a_finished_run_that_is_tried_again_without_a_clear_makes_a_new_plan():
    assert resume_or_replay(incremental_plan(done=True), "incremental", context(), record(NOON)) is None


def test_a_plan_of_another_mode_is_dropped():
    assert resume_or_replay(incremental_plan(), "full", context(), record()) is None


def test_a_full_run_goes_on_at_its_own_checkpoint_and_not_at_the_watermark():
    own = Checkpoint(Watermark("2026-01-02T00:00:00.000000Z", Ties()), Totals(accepted=5))
    plan = Plan(Slice("full", NOON), 0, checkpoint=own)
    _, checkpoint = resume_or_replay(plan, "full", context(), record(NOON, "run-1"))
    assert checkpoint is own


def test_a_plan_survives_storage():
    plan = Plan(
        Slice("window", NOON, since=MIDNIGHT, until=NOON, moves_watermark=False), 2, checkpoint=record().checkpoint
    )
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()


# --- an UPDATED_AT on the clock of a place --------------------------------------------------------------


def in_new_york(mode="auto", **more):
    return RunRequest(mode, clock=SourceClock.of("America/New_York"), **more)


def test_a_run_reads_up_to_what_the_clock_of_the_source_shows_now():
    part = plan_of(in_new_york())
    assert (part.up_to, part.zone) == ("2026-01-05T07:00:00.000000Z", "America/New_York")


def test_a_backfill_reads_its_interval_on_the_clock_of_the_source():
    ctx = context("backfill", **interval(datetime(2026, 1, 4, 5, tzinfo=UTC), datetime(2026, 1, 5, 5, tzinfo=UTC)))
    part = plan_of(in_new_york(), ctx)
    assert (part.since, part.until) == ("2026-01-04T00:00:00.000000Z", MIDNIGHT)


def test_an_interval_within_the_repeated_hour_is_a_window_without_rows_and_no_mistake():
    hours = interval(datetime(2025, 11, 2, 6, tzinfo=UTC), datetime(2025, 11, 2, 7, tzinfo=UTC))
    part = plan_of(in_new_york(), context("backfill", **hours))
    assert part.since == part.until == "2025-11-02T02:00:00.000000Z"


def test_the_zone_stands_beside_what_people_read():
    assert plan_of(in_new_york()).describe() == (
        "incremental, from the beginning up to 2026-01-05T07:00:00.000000 (America/New_York)"
    )


def test_the_zone_survives_the_plan():
    part = plan_of(in_new_york())
    assert Slice.from_json(part.to_json()) == part


# --- rows of long ago -----------------------------------------------------------------------------------


def is_history(request, ctx=None, found=None):
    return loads_history(plan_of(request, ctx, found), request)


@pytest.mark.parametrize("initial", ["everything", "2026-01-01T00:00:00Z"])
def test_the_runs_of_a_sync_without_a_watermark_read_rows_of_long_ago(initial):
    assert is_history(RunRequest("auto", initial=initial))


def test_a_first_run_that_delivered_nothing_leaves_a_first_run_behind():
    start = Watermark("2026-01-01T00:00:00.000000Z", Ties())
    empty = StateRecord(Identity("s", "events", "d"), 1, Checkpoint(start, Totals()), "run-0", "")
    assert is_history(RunRequest("auto", initial="2026-01-01T00:00:00Z"), found=empty)


@pytest.mark.parametrize("mode", ["full", "window"])
def test_full_runs_and_windows_read_rows_of_long_ago(mode):
    assert is_history(RunRequest(mode, since="2026-01-01", until="2026-01-02"), found=record())


@pytest.mark.parametrize("initial", ["everything", "now", MIDNIGHT, "not looked at"])
def test_a_run_behind_a_watermark_reads_what_is_new(initial):
    assert not is_history(RunRequest("auto", initial=initial), found=record())


def test_what_came_after_a_start_with_now_is_new():
    start = Watermark(MIDNIGHT, Ties())
    empty = StateRecord(Identity("s", "events", "d"), 1, Checkpoint(start, Totals()), "run-0", "")
    assert not is_history(RunRequest("auto", initial="now"), found=empty)


def test_a_replay_reads_as_the_run_that_it_replays():
    first = Plan(plan_of(RunRequest("auto")), 0, is_done=True)
    replayed, _ = resume_or_replay(first, "incremental", context(clear_number=1), record(NOON))
    assert loads_history(replayed.slice, RunRequest("auto"))


def test_the_first_run_behind_what_another_tool_has_delivered_reads_what_is_new():
    start = Watermark(MIDNIGHT, Ties())
    part = Slice("incremental", NOON, after=start)
    assert loads_history(part, RunRequest("auto", initial=MIDNIGHT))
    assert not loads_history(part, RunRequest("auto", initial=f"{MIDNIGHT}, 3 rows delivered"))
