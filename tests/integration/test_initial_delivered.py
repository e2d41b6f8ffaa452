"""A sync goes on where another tool stopped: the number of rows with the last timestamp tells which are delivered."""

from __future__ import annotations

import logging

import pytest

AT = "2026-01-05T09:00:00.000000Z"
THREE_TIED = """create table users as select timestamp '2026-01-05 09:00:00' as updated_at, 'tied-' || i as external_id,
    '{"n":1}' as payload from range(3) as numbers(i)"""


@pytest.fixture
def adopted(lab):
    lab.sql(THREE_TIED)
    lab.sql("insert into users values (timestamp '2026-01-05 08:59:59', 'earlier', '{}')")
    lab.sql("insert into users values (timestamp '2026-01-05 09:00:01', 'later', '{}')")
    return lambda **more: lab.run(initial=f"{AT}, 3 rows delivered", **more)


def sent(lab):
    return {name.removeprefix("external_id:") for name in lab.arrivals()["received"]}


def test_rows_of_the_very_time_are_not_sent_when_their_number_is_that_of_the_delivered_ones(lab, adopted):
    report = adopted()
    assert (sent(lab), report["skipped_because"]) == ({"later"}, {"already_delivered": 3})


def test_a_row_that_comes_later_with_the_very_time_is_sent_alone(lab, adopted):
    adopted()
    lab.sql("insert into users values (timestamp '2026-01-05 09:00:01', 'tie of the second run', '{}')")
    adopted()
    assert sent(lab) == {"later", "tie of the second run"}


def test_a_first_run_without_a_new_row_still_learns_which_ones_are_delivered(lab, adopted):
    lab.sql("delete from users where external_id = 'later'")
    assert adopted()["requests"] == 0
    lab.sql("insert into users values (timestamp '2026-01-05 09:00:00', 'tied late', '{}')")
    adopted()
    assert sent(lab) == {"tied late"}


def test_all_rows_of_the_very_time_are_sent_and_told_when_their_number_has_changed(lab, adopted, caplog):
    lab.sql("insert into users values (timestamp '2026-01-05 09:00:00', 'tied late', '{}')")
    with caplog.at_level(logging.WARNING):
        adopted()
    assert sent(lab) == {"tied-0", "tied-1", "tied-2", "tied late", "later"}
    assert (
        "3 rows stamped exactly 2026-01-05T09:00:00.000000Z are delivered already, and 4 are there now" in caplog.text
    )


def test_a_dry_run_and_a_retry_leave_out_the_same_rows(lab, adopted):
    assert adopted(dry_run=True)["accepted"] == 1
    lab.sandbox.set_faults({"kind": "answer", "status": 401, "path": "/users/track", "times": 1})
    with pytest.raises(Exception, match="401"):
        adopted(run_id="run-7")
    adopted(run_id="run-7")
    assert sent(lab) == {"later"}
