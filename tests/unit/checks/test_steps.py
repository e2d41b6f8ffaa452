"""Steps of a check: their order, what is skipped, how each ending is told."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem, State, found
from airflow_provider_cdi.checks.shown import line, summary, worst
from airflow_provider_cdi.checks.steps import Step, taken
from airflow_provider_cdi.exceptions import RetryLater, SourceError


def fail() -> str:
    raise Problem("It is broken.", "Mend it.")


def test_a_step_that_needs_a_failed_one_is_skipped_with_the_first_cause() -> None:
    steps = [Step("a", fail), Step("b", str, ("a",)), Step("c", str, ("b",)), Step("d", lambda: "well")]
    a, b, c, d = taken(steps)
    assert (a.state, b.state, c.state, d.state) == (State.FAILED, State.SKIPPED, State.SKIPPED, State.OK)
    assert "because the step 'a' failed" in c.message


def test_a_step_that_was_not_tried_for_a_reason_stands_in_nobody_s_way() -> None:
    def look() -> str:
        raise NotTried("There is no way to tell.")

    assert [one.state for one in taken([Step("a", look), Step("b", lambda: "", ("a",))])] == [State.SKIPPED, State.OK]


@pytest.mark.parametrize(
    ("error", "state", "passes"),
    [
        (Problem("x", passes=True), State.FAILED, True),
        (Doubt("x"), State.WARNING, False),
        (RetryLater("x"), State.FAILED, True),
        (SourceError("x"), State.FAILED, False),
    ],
)
def test_what_is_raised_says_how_a_step_ended(error: Exception, state: State, passes: bool) -> None:
    def look() -> str:
        raise error

    finding = found("step", look)
    assert (finding.state, finding.passes, finding.message) == (state, passes, "x")


def test_an_error_of_a_driver_is_told_in_two_parts() -> None:
    def look() -> str:
        error = SourceError("It failed. Grant it. The driver raised X.")
        error.parts = ("It failed. The driver raised X.", "Grant it.")
        raise error

    finding = found("step", look)
    assert (finding.message, finding.cure) == ("It failed. The driver raised X.", "Grant it.")


def test_a_line_has_a_mark_the_step_the_time_and_the_cure_below() -> None:
    assert line(found("table", fail)).startswith("✗ table (0.00 s): It is broken.\n    Mend it.")


def test_a_summary_is_as_bad_as_its_worst_step() -> None:
    findings = list(taken([Step("a", fail), Step("b", lambda: "well")]))
    assert worst(findings) is State.FAILED
    assert worst(findings[1:]) is State.OK
    told = summary("users", findings)
    assert (told["sync_id"], told["state"]) == ("users", "failed")
    assert set(told["findings"][0]) == {"step", "state", "seconds", "message", "cure"}
