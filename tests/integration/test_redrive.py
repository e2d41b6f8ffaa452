"""Rejected rows again: exactly those that were chosen, as they are now, once, in order per person."""

from __future__ import annotations

from typing import Any

import pytest
from support.rejected_rows import BAD, ROWS, add_new_rows, again, fill, mend

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.version_compat import AirflowFailException

# --- the acceptance ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["attributes", "events"])
def test_after_ten_thousand_rows_a_redrive_sends_exactly_the_mended_codes_and_a_second_one_nothing(lab, kind):
    fill(lab, kind, people=ROWS)
    first = lab.run(data_type=kind)
    assert first["rejects"] == {code: 100 for code, _ in BAD[kind].values()}
    mend(lab, kind, 7, 17)
    add_new_rows(lab, kind)
    between = lab.run(data_type=kind)
    assert between["accepted"] == 50
    codes = [BAD[kind][7][0], BAD[kind][17][0]]
    report = again(lab, "again", kind=kind, reject_codes=codes)
    assert (report["status"], report["rows_read"], report["accepted"]) == ("success", 200, 200)
    assert (report["redrive"]["taken"], report["redrive"]["accepted"]) == (200, 200)
    assert report["watermark"] == between["watermark"]
    second = again(lab, "once-more", kind=kind, reject_codes=",".join(codes))
    assert (second["rows_read"], second["requests"], second["redrive"]["taken"]) == (0, 0, 0)
    received = lab.arrivals()
    assert received["accepted_objects"] == received["distinct_accepted"] == ROWS - 300 + 50
    assert set(received["received"].values()) == {1}


def test_what_is_rejected_again_is_a_new_reject_and_the_old_one_is_not_taken_again(lab):
    fill(lab, "attributes", people=ROWS)
    lab.run()
    mend(lab, "attributes", 7)
    report = again(lab, "again")
    assert report["status"] == "partial"
    assert (report["accepted"], report["rejected"]) == (100, 400)
    assert (report["redrive"]["taken"], report["redrive"]["accepted"], report["redrive"]["rejected"]) == (500, 100, 400)
    mend(lab, "attributes", 17, 27, 37, 47)
    assert again(lab, "at-last")["redrive"]["taken"] == 400
    assert again(lab, "nothing")["redrive"]["taken"] == 0
    assert lab.arrivals()["accepted_objects"] == ROWS


def test_a_redrive_that_is_cut_short_goes_on_with_what_is_not_marked(lab):
    fill(lab, "events", people=ROWS)
    lab.run(data_type="events")
    mend(lab, "events", 7, 17, 27, 37, 47)
    careful = DeliverySettings(max_in_flight=1, window_rows=128, checkpoint_seconds=0, retry=RetryPolicy(attempts=1))
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "after": 4})
    with pytest.raises(RetryLater):
        again(lab, "again", kind="events", delivery=careful)
    lab.sandbox.clear_faults()
    report = again(lab, "again", kind="events", try_number=2)
    assert report["accepted"] == 500
    received = lab.arrivals()
    assert received["accepted_objects"] == received["distinct_accepted"] == ROWS


# --- which row it is --------------------------------------------------------------------------------

ONE = "insert into users values ('2026-01-01 00:00:0{second}', '{who}', '{payload}')"


@pytest.fixture
def few(lab):
    """Anna's row is rejected; somebody's later row moves the watermark on."""
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql(ONE.format(second=1, who="anna", payload="bad"), ONE.format(second=2, who="bert", payload='{"n":1}'))
    assert lab.run()["rejected"] == 1
    return lab


def fate(report: dict[str, Any]) -> str:
    (found,) = [name for name in ("accepted", "rejected", "gone", "newer_row", "unclear") if report["redrive"][name]]
    return found


def test_a_row_that_is_gone_is_reported_as_gone(few):
    few.sql("delete from users where external_id = 'anna'")
    report = again(few, "again")
    assert (fate(report), report["requests"]) == ("gone", 0)
    assert again(few, "nothing")["redrive"]["taken"] == 0


def test_a_newer_row_of_the_key_is_left_to_the_run_that_sends_it(few):
    few.sql("update users set payload = '{\"n\":2}', updated_at = '2026-01-01 00:00:05' where external_id = 'anna'")
    report = again(few, "again")
    assert (fate(report), report["requests"]) == ("newer_row", 0)
    assert few.run()["accepted"] == 1
    assert few.arrivals()["received"]["external_id:anna"] == 1


def test_an_older_row_of_the_key_is_not_sent_over_a_newer_one(few):
    few.sql("update users set payload = '{\"n\":1}' where external_id = 'anna'")
    few.sql(ONE.format(second=5, who="anna", payload='{"n":2}'))
    few.run()
    assert fate(again(few, "again")) == "newer_row"
    assert [user["custom_attributes"] for user in few.sandbox.users() if user.get("external_id") == "anna"] == [
        {"n": 2}
    ]


def test_a_load_of_one_time_is_sent_again_where_it_was_mended(lab):
    """All rows have the watermark's own time, so no usual run would look at them."""
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql(ONE.format(second=1, who="anna", payload="bad"), ONE.format(second=1, who="bert", payload='{"n":1}'))
    lab.run()
    lab.sql("update users set payload = '{\"n\":2}' where external_id = 'anna'")
    assert fate(again(lab, "again")) == "accepted"
    assert lab.arrivals()["received"] == {"external_id:anna": 1, "external_id:bert": 1}


@pytest.mark.parametrize("kind", ["attributes", "events"])
def test_a_load_of_one_time_that_is_too_large_to_remember_row_by_row_is_sent_again_as_it_was(lab, kind):
    lab.sql(
        "create table users as select timestamp '2026-01-01 00:00:01' as updated_at, 'c-' || i as external_id, "
        "case when i < 3 then 'bad' else '{\"name\":\"visit\"}' end as payload from range(2500) t(i)"
    )
    assert lab.run(data_type=kind)["rejected"] == 3
    numbers = again(lab, "again", kind=kind)["redrive"]
    assert (numbers["taken"], numbers["rejected"], numbers["unclear"]) == (3, 3, 0)


EVENT = '{"name":"visit","time":"2026-01-01T00:00:00Z"}'


@pytest.fixture
def load(lab):
    """Events of one load have one time, which is the watermark; three of them are rejected."""
    lab.sql(
        "create table users as select timestamp '2026-01-01 00:00:01' as updated_at, 'c-' || i as external_id, "
        f"case when i < 3 then 'bad' else '{EVENT}' end as payload from range(20) t(i)"
    )
    assert lab.run(data_type="events")["rejected"] == 3
    return lab


def mend_event(lab: Any, *people: str) -> None:
    lab.sql(*(f"update users set payload = '{EVENT}' where external_id = '{who}'" for who in people))


def test_events_of_one_load_that_were_mended_are_sent_at_once_and_by_no_usual_run_any_more(load):
    mend_event(load, "c-0")
    numbers = again(load, "again", kind="events", reject_codes="payload_not_json")["redrive"]
    assert (numbers["accepted"], numbers["rejected"]) == (1, 2)
    load.sql(ONE.format(second=1, who="late", payload=EVENT), ONE.format(second=2, who="next", payload=EVENT))
    assert load.run(data_type="events")["accepted"] == 2
    assert set(load.arrivals()["received"].values()) == {1}


def test_events_of_one_load_that_a_usual_run_has_sent_since_they_were_mended_are_not_sent_twice(load):
    mend_event(load, "c-0")
    load.sql(ONE.format(second=1, who="late", payload=EVENT))
    assert load.run(data_type="events")["accepted"] == 2
    mend_event(load, "c-1")
    load.sql(ONE.format(second=2, who="next", payload=EVENT))
    assert load.run(data_type="events")["accepted"] == 2
    mend_event(load, "c-2")
    numbers = again(load, "again", kind="events")["redrive"]
    assert (numbers["taken"], numbers["accepted"]) == (1, 1)
    assert set(load.arrivals()["received"].values()) == {1}


def test_events_of_a_load_that_is_too_large_to_remember_row_by_row_are_sent_where_they_were_mended(lab):
    lab.sql(
        "create table users as select timestamp '2026-01-01 00:00:01' as updated_at, 'c-' || i as external_id, "
        f"case when i < 3 then 'bad' else '{EVENT}' end as payload from range(2500) t(i)"
    )
    lab.run(data_type="events")
    mend_event(lab, "c-0", "c-1", "c-2")
    assert again(lab, "again", kind="events")["redrive"]["accepted"] == 3
    lab.sql(ONE.format(second=2, who="next", payload=EVENT))
    assert lab.run(data_type="events")["accepted"] == 1
    assert set(lab.arrivals()["received"].values()) == {1}


def test_a_row_that_got_another_identifier_is_found_by_its_first(lab):
    lab.sql("create table users (updated_at timestamp, external_id varchar, email varchar, payload varchar)")
    lab.sql("insert into users values ('2026-01-01 00:00:01', 'anna', 'no address', 'bad')")
    lab.sql("insert into users values ('2026-01-01 00:00:02', 'bert', null, '{}')")
    lab.run()
    lab.sql("update users set email = 'anna@x.org', payload = '{\"n\":2}' where external_id = 'anna'")
    assert fate(again(lab, "again")) == "accepted"


def test_of_several_rows_with_one_key_and_time_the_rejected_ones_are_sent_and_no_others(lab):
    event = '{"name":"visit","time":"2026-01-01T00:00:00Z","properties":{"n":%d}}'
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql(*(ONE.format(second=1, who="anna", payload=payload) for payload in ("bad", event % 1, "[1]")))
    lab.sql(ONE.format(second=2, who="bert", payload=event % 2))
    lab.run(data_type="events")
    lab.sql(f"update users set payload = '{event % 3}' where payload = 'bad'")
    report = again(lab, "again", kind="events")
    # Which of the two good rows was mended nobody can tell; the one that is still bad is known by what it holds.
    assert (report["redrive"]["unclear"], report["redrive"]["rejected"]) == (1, 1)
    assert lab.arrivals()["received"]["external_id:anna"] == 1


def test_what_was_stored_is_sent_when_asked_also_for_a_row_that_is_gone(few):
    few.sql("delete from users where external_id = 'anna'")
    report = again(few, "again", reject_stored_payload=True)
    assert (fate(report), report["rejects"]) == ("rejected", {"payload_not_json": 1})


# --- what is broken ---------------------------------------------------------------------------------


def break_off(lab: Any, suffix: str, size: int) -> None:
    """Leave the beginning of a file, as a disk without room or a hand does."""
    (file,) = lab.rejects.glob(f"*{suffix}")
    file.write_bytes(file.read_bytes()[:-size])


def test_a_line_that_is_torn_is_told_and_the_run_is_no_success(load):
    mend_event(load, "c-0", "c-1", "c-2")
    break_off(load, ".jsonl", 20)
    report = again(load, "again", kind="events")
    assert (report["status"], report["redrive"]["accepted"]) == ("partial", 2)
    assert "has no end" in report["redrive"]["unreadable"][0]


def test_events_whose_marks_are_broken_are_not_sent_once_more_unless_asked(load):
    mend_event(load, "c-0", "c-1", "c-2")
    again(load, "again", kind="events")
    break_off(load, ".marks", 20)
    report = again(load, "once-more", kind="events")
    assert (report["status"], report["redrive"]["taken"]) == ("partial", 0)
    assert again(load, "asked", kind="events", reject_unknown=True)["redrive"]["taken"] == 1


# --- what stops it, and what it leaves alone --------------------------------------------------------


def test_a_dry_run_looks_and_marks_nothing(few):
    few.sql("update users set payload = '{\"n\":2}' where external_id = 'anna'")
    report = again(few, "look", dry_run=True)
    assert (report["dry_run"], report["accepted"], report["redrive"]["taken"]) == (True, 1, 1)
    assert again(few, "again")["accepted"] == 1


def test_a_dry_run_tells_of_each_reject_what_the_run_then_does(lab):
    fill(lab, "attributes", people=ROWS)
    lab.run()
    mend(lab, "attributes", 7)
    lab.sql("delete from users where n % 100 = 17")
    figures = again(lab, "look", dry_run=True)["redrive"]
    assert (figures["taken"], figures["accepted"], figures["gone"], figures["rejected"]) == (500, 100, 100, 300)
    assert again(lab, "again")["redrive"] == figures


def test_rejects_of_a_run_or_of_an_age_are_sent_alone(few):
    few.sql(ONE.format(second=3, who="carl", payload="bad"), ONE.format(second=4, who="dora", payload='{"n":1}'))
    few.run(run_id="second")
    few.sql("update users set payload = '{\"n\":2}' where payload = 'bad'")
    assert again(few, "old", reject_older_than="1h")["redrive"]["taken"] == 0
    assert again(few, "one", reject_run_id="second")["redrive"]["taken"] == 1
    assert few.arrivals()["received"].get("external_id:carl") == 1
    assert again(few, "all")["redrive"]["taken"] == 1


@pytest.mark.parametrize(
    ("choices", "word"),
    [
        ({"sync_mode": "full", "reject_codes": "a"}, "reject_codes"),
        ({"since": "2026-01-01T00:00:00Z"}, "since"),
        ({"reject_older_than": "soon"}, "reject_older_than"),
        ({"rejectCodes": "a"}, "reject_codes"),
    ],
)
def test_choices_that_make_no_sense_stop_the_run_before_anything_is_read(few, choices, word):
    with pytest.raises((ConfigurationError, AirflowFailException), match=word):
        again(few, "again", **choices)


def test_a_task_that_deletes_people_is_locked_against_it(lab):
    lab.sql("create table users as select timestamp '2026-01-01' as updated_at, 'anna' as external_id")
    with pytest.raises(AirflowFailException, match="lock_run_choices"):
        again(lab, "again", kind="user_deletes")
