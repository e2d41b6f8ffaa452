"""A row of which a part is left out: the rest of it is delivered, and the row is accepted, counted and named."""

from __future__ import annotations

import json

import pytest
from support.engine_world import REFUSED_ROW, ThingDestination, Things, make_run

from airflow_provider_cdi.engine.rows.records import Notice, Record
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, Response, Unattributed
from airflow_provider_cdi.forecast.dry_run import DryRunDestination
from airflow_provider_cdi.forecast.tally import Tally
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import run_virtually

LEFT_OUT = Notice("phone_dropped", "PHONE_NUMBER was left out.")


class Picky(ThingDestination):
    """Leaves the payload of some rows out: ``early`` before it is sent, the others when the other side refuses it.

    :param says: whether a refusal comes with the answer, or when the rest has been applied.
    """

    def __init__(
        self,
        says: type[BatchRejected] | type[Completed] | type[Unattributed] = BatchRejected,
        *,
        repeat_is_harmless: bool = True,
    ) -> None:
        super().__init__(repeat_is_harmless=repeat_is_harmless)
        self.says = says

    def _entry(self, row):
        record = super()._entry(row)
        return _mended(record) if row["PAYLOAD"] == "early" else record

    def interpret_response(self, answer, records):
        if answer.status == 201:
            return super().interpret_response(answer, records)
        named = {place: REFUSED_ROW for place, record in enumerate(records) if b'"worst"' in record.body}
        mended = {place: _mended(record) for place, record in enumerate(records) if b'"late"' in record.body}
        return (
            BatchRejected(REFUSED_ROW, named, mended) if self.says is BatchRejected else self.says(named, mended=mended)
        )


def _mended(record):
    body = json.dumps(json.loads(record.body) | {"payload": ""}).encode()
    mended = Record(record.key, body)
    mended.adjusted = (LEFT_OUT,)
    return mended


def refuse(sent):
    return Response(400, {}, b"") if {"late", "worst"} & {thing["payload"] for thing in sent} else None


def refuse_in_part(things):
    """Apply what is good, and refuse the rest."""

    def fault(sent):
        if refuse(sent) is None:
            return None
        things.applied += [thing for thing in sent if thing["payload"] not in ("late", "worst")]
        return refuse(sent)

    return fault


def rows(*payloads):
    return [Row(-1_000 + n, f"c-{n}", payload) for n, payload in enumerate(payloads)]


def run(table, destination=None, things=None, journal=None, **kwargs):
    things, journal = things or Things(fault=refuse), journal or MemoryJournal()
    sync = make_run(ListSource(table), things, journal, incremental(), destination=destination or Picky(), **kwargs)
    return run_virtually(sync.run()), things, journal


def told(journal):
    return [(line.outcome, line.code, line.identifier["EXTERNAL_ID"]) for line in journal.rejects]


def test_a_part_that_is_left_out_before_sending_is_counted_and_named_and_the_row_is_accepted():
    report, things, journal = run(rows("{}", "early", "{}"))
    assert (report.totals.accepted, report.totals.rejected, report.totals.rows_read) == (3, 0, 3)
    assert report.to_json()["adjusted"] == {"phone_dropped": 1}
    assert told(journal) == [("accepted", "phone_dropped", "c-1")]
    assert things.ids() == ["c-0", "c-1", "c-2"]


def test_what_was_changed_before_sending_still_counts_when_a_part_is_left_out_after_it():
    class Shortening(Picky):
        def _entry(self, row):
            record = super()._entry(row)
            record.adjusted = ("array_truncated", *record.adjusted)
            return record

    report, _, _ = run(rows("{}", "late"), Shortening())
    assert report.to_json()["adjusted"] == {"array_truncated": 2, "phone_dropped": 1}


@pytest.mark.parametrize("says", [BatchRejected, Completed])
def test_a_part_that_the_other_side_refuses_is_left_out_and_the_rest_is_sent_again(says):
    things = Things()
    things.fault = refuse if says is BatchRejected else refuse_in_part(things)
    report, _, journal = run(rows("{}", "late", "worst", "{}", "early"), Picky(says), things)
    assert (report.totals.accepted, report.totals.rejected, report.totals.rows_read) == (4, 1, 5)
    assert sorted(things.ids()) == ["c-0", "c-1", "c-3", "c-4"]
    assert told(journal) == [
        ("accepted", "phone_dropped", "c-1"),
        ("rejected", "refused_row", "c-2"),
        ("accepted", "phone_dropped", "c-4"),
    ]
    assert report.totals.adjusted == {"phone_dropped": 2}


@pytest.mark.parametrize("is_harmless", [True, False])
def test_a_part_that_is_refused_beside_an_error_that_names_no_row_is_left_out_too(is_harmless):
    things = Things()
    things.fault = refuse_in_part(things)
    destination = Picky(Unattributed, repeat_is_harmless=is_harmless)
    report, _, journal = run(rows("{}", "late", "worst", "{}"), destination, things)
    others = [] if is_harmless else [("unknown", "unattributed", "c-0"), ("unknown", "unattributed", "c-3")]
    assert sorted(told(journal)) == [
        ("accepted", "phone_dropped", "c-1"),
        ("rejected", "refused_row", "c-2"),
        *others,
    ]
    assert (report.totals.rows_read, things.ids().count("c-0")) == (4, 2 if is_harmless else 1)


def test_a_row_that_is_rejected_in_the_end_is_a_reject_and_nothing_else():
    report, _, journal = run(rows("early", "{}"), things=Things(refuses={"c-0"}))
    assert (report.totals.accepted, report.totals.rejected, report.totals.adjusted) == (1, 1, {})
    assert told(journal) == [("rejected", "refused_row", "c-0")]


def test_the_watermark_passes_a_notice_only_when_it_is_written_down():
    class FullDisk(MemoryJournal):
        async def commit(self, progress, rejects):
            if rejects:
                raise OSError("disk full")
            await super().commit(progress, rejects)

    journal = FullDisk()
    with pytest.raises(OSError, match="disk full"):
        run(rows("{}", "{}", "early", "{}"), journal=journal)
    assert journal.progress.watermark.position == position(-1_000 + 1)
    assert journal.progress.totals.adjusted == {}


def test_a_dry_run_counts_what_would_be_left_out_before_sending():
    report, _, _ = run(rows("{}", "early"), destination=DryRunDestination(Picky(), Tally()))
    assert report.totals.adjusted == {"phone_dropped": 1}


def test_a_run_with_many_notices_warns_once_and_still_shows_its_rejects(caplog):
    run(rows(*["early"] * 40, "bad"))
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "A row is rejected",
        "Rows are sent with a change, which the report counts under adjusted",
    ]


def test_the_report_says_where_rows_were_written_down_and_calls_no_accepted_row_a_reject():
    report, _, _ = run(rows("early"))
    report.rejects_files = [{"path": "run.jsonl", "host": None, "files": 1, "rows": 1}]
    assert report.lines()[-1] == "  1 row written to run.jsonl"
    assert "  sent with a change   phone_dropped 1" in report.lines()


@pytest.mark.parametrize(("payload", "status"), [("early", "success"), ("bad", "partial")])
def test_the_first_line_of_the_report_says_what_became_of_the_run(payload, status):
    report, _, _ = run(rows("early", payload))
    assert report.status == status
    assert report.lines()[0].endswith(f": {status}")
