"""What holds for the answers that a destination reads, and for those that never come."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.settings import OnUnknown
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, FollowUp, Unattributed, Verdict
from airflow_provider_cdi.exceptions import DestinationRefused, NoAnswer
from airflow_provider_cdi.testing.any_values import any_responses
from airflow_provider_cdi.testing.destination_cases import ANYTHING, FOLLOW_UPS, ROWS, DestinationCases, report_of
from airflow_provider_cdi.testing.foreign_pages import FOREIGN_PAGES


class AnswerCases(DestinationCases):
    """What every destination must make of an answer; see :class:`~.destination_suite.DestinationSuite`."""

    @pytest.mark.parametrize("on_unknown", ["resend", "reject"])
    @pytest.mark.parametrize("is_applied", [True, False])
    def test_no_answer_is_followed_by_a_repeat_where_that_is_harmless_or_allowed(
        self, on_unknown: OnUnknown, is_applied: bool
    ) -> None:
        """Else its rows are kept aside as unknown, and none is applied twice."""
        server = self.make_server()
        server.next.append((NoAnswer("the connection was reset", may_have_arrived=True), is_applied))
        ended, _ = self.deliver(self.people(ROWS), server, on_unknown=on_unknown)
        totals, first = report_of(ended).totals, server.arrivals[0].records
        repeats = on_unknown == "resend" or self.make_destination().repeat_is_harmless(first)
        assert (totals.accepted, totals.unknown) == ((ROWS, 0) if repeats else (ROWS - len(first), len(first)))
        assert repeats or max(server.rows_applied().values(), default=1) == 1
        assert not repeats or set(server.rows_applied()) == set(range(ROWS))

    @pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
    def test_a_broken_service_costs_a_repeat_and_no_row(self, status: int | None) -> None:
        """Whether the service itself says so (None), or somebody in front of it does with a page."""
        server = self.make_server()
        server.next.append((FOREIGN_PAGES[f"gateway {status}"] if status else server.broken(), False))
        ended, _ = self.deliver(self.people(ROWS), server)
        report = report_of(ended)
        assert (report.totals.accepted, report.traffic.retries) == (ROWS, 1)
        assert server.rows_applied() == dict.fromkeys(range(ROWS), 1)

    def test_a_busy_service_is_left_alone_for_as_long_as_it_says(self) -> None:
        """The request that it put off comes again then."""
        seconds, server = 70, self.make_server()
        server.next.append((server.throttled(seconds), False))
        ended, _ = self.deliver(self.people(ROWS), server)
        report = report_of(ended)
        assert (report.totals.accepted, report.traffic.held_back) == (ROWS, 1)
        assert server.rows_applied() == dict.fromkeys(range(ROWS), 1)
        put_off, *_ = server.arrivals
        again = next(one for one in server.arrivals[1:] if one.request == put_off.request)
        assert seconds <= again.at - put_off.at <= seconds + 2

    def test_a_refusal_of_the_whole_run_leaves_every_row_due(self) -> None:
        """Such as a wrong key: no row is at fault."""
        server = self.make_server()
        server.next.extend([(server.run_refused(), False)] * ROWS)
        ended, _ = self.deliver(self.people(ROWS), server)
        assert isinstance(ended.error, DestinationRefused)
        assert (ended.settled, ended.journal.rejects) == (0, [])

    def test_a_page_of_somebody_else_says_nothing_about_any_row(self) -> None:
        """The run ends with an error, and a later one sends all rows."""
        blamed, number = {}, min(4, self.make_destination().limits.records + 1)
        for name, page in self.foreign_pages.items():
            server = self.make_server()
            server.next.extend([(page, False)] * 100)
            ended, _ = self.deliver(self.people(number), server)
            assert server.arrivals
            if ended.error is None or ended.settled or ended.journal.rejects:
                blamed[name] = ended.settled
        assert blamed == {}

    @ANYTHING
    @given(data=st.data())
    def test_reading_an_answer_never_raises_whatever_it_holds(self, data: st.DataObject) -> None:
        """But for the refusal of the whole run. What it says of rows is about those that were sent."""
        destination, server = self.make_destination(), self.make_server()
        records = self.records_of(self.people(ROWS))[: destination.limits.records]
        known = [
            server.accepted(records),
            server.rows_refused(records, [len(records) - 1]),
            server.run_refused(),
            server.throttled(7),
            server.broken(),
        ]
        answers = any_responses(known)
        destination.request(records)
        try:
            answer = data.draw(answers)
            destination.rate_window(answer)
            verdict = destination.interpret_response(answer, records)
            for _ in range(FOLLOW_UPS):
                verdict = verdict.read(data.draw(answers)) if isinstance(verdict, FollowUp) else verdict
        except DestinationRefused:
            return
        told = _told(verdict)
        assert set(told) <= set(range(len(records)))
        assert {one.code for one in told.values()} <= set(self.codes)


def _told(verdict: Verdict) -> Mapping[int, Rejection]:
    if isinstance(verdict, Completed):
        return verdict.rejected
    return verdict.named if isinstance(verdict, BatchRejected | Unattributed) else {}
