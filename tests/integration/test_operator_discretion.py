"""Secrets and personal data stay out of logs, exceptions, XComs and the report."""

from __future__ import annotations

import json
import logging

import pytest
from support.leaks import story_of

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import Unforeseen

ROWS = """insert into users values
    ('2026-01-01', 'person-1', '{"email":"person-1@example.com"}'),
    ('2026-01-02', 'person-2', '{"email":"person-2-has-no-at"}'),
    ('2026-01-03', 'person-3', 'person-3 is no json'),
    ('2026-01-04', null, '{"phone":"+4912345"}')"""
PRIVATE = ("person-", "+4912345", "sandbox-key", "has-no-at")


@pytest.fixture
def spoken(lab, caplog, capfd):
    """Everything that was said while the test ran, by logging or on the streams."""
    caplog.set_level(logging.INFO, logger="airflow_provider_cdi")
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)", ROWS)
    return lambda: caplog.text + "".join(capfd.readouterr())


def assert_discreet(text):
    assert text
    assert [word for word in PRIVATE if word in text] == []


def test_a_run_with_rejects_says_codes_and_numbers_only(lab, spoken):
    report = lab.run()
    assert report["rejected"] == 3
    assert_discreet(spoken())
    assert_discreet(json.dumps([report, lab.world.asset.kept, list(lab.world.xcoms.values())]))


def test_a_run_that_ends_in_trouble_does_so_discreetly(lab, spoken):
    lab.sandbox.set_faults({"kind": "answer", "status": 500, "body": '{"message":"person-1@example.com broke it"}'})
    with pytest.raises(Exception, match="no usable answer") as caught:
        lab.run(delivery=DeliverySettings(retry=RetryPolicy(attempts=2, first_wait=0)))
    assert_discreet(spoken() + str(caught.value) + repr(caught.value.__cause__))


SAID = "person-2, whose address is person-2-has-no-at and number +4912345 67890, is not wanted"
ANSWERS = {
    "an error that names no row": (201, {"message": "success", "errors": [SAID, {"type": SAID, "index": 75}]}),
    "a sentence about all": (400, {"message": SAID}),
}


@pytest.mark.parametrize(("status", "body"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_quotes_a_row_is_told_without_it(lab, spoken, status, body):
    lab.sql("delete from users where external_id is distinct from 'person-2'")
    lab.sandbox.set_faults({"kind": "answer", "path": "/users/track", "status": status, "body": json.dumps(body)})
    told = []
    try:
        told.append(lab.run(stop_if_all_rejected=None))
    except Exception as error:  # whichever way it ends
        told.append(f"{error!r} {error.__cause__!r}")
    assert_discreet(spoken())
    assert_discreet(json.dumps([told, lab.world.asset.kept, list(lab.world.xcoms.values())]))


def test_a_refused_key_is_not_repeated(lab, spoken):
    lab.connect_braze(password="sandbox-key-of-somebody-else")
    with pytest.raises(Exception, match="401") as caught:
        lab.run()
    assert_discreet(spoken() + str(caught.value) + repr(caught.value.__cause__))


@pytest.mark.usefixtures("spoken")
def test_the_rejects_are_where_they_belong(lab):
    lab.run()
    assert {row["identifier"].get("EXTERNAL_ID") for row in lab.rejected()} == {"person-2", "person-3", None}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [lab.rejects, *lab.rejects.iterdir()])


def test_an_error_that_nobody_foresaw_is_told_without_its_text(lab, spoken, monkeypatch):
    def stumble(_, rows):
        int(str(rows.column("EXTERNAL_ID")[0]))

    monkeypatch.setattr("airflow_provider_cdi.destinations.braze.users.track.Track.encode", stumble)
    with pytest.raises(Unforeseen, match="nobody foresaw: ValueError") as caught:
        lab.run()
    story = story_of(caught.value)
    assert_discreet(spoken() + story + json.dumps(list(lab.world.xcoms.values())))
    assert "in stumble" in story, "the traceback leads to the place"


def test_a_driver_that_quotes_a_row_leaves_nothing_in_the_report(lab, spoken):
    sql = "select updated_at, external_id::int as external_id, payload from users"
    with pytest.raises(Exception, match="cast the column in a view") as caught:
        lab.run(source=None, sql=sql)
    story = story_of(caught.value)
    assert_discreet(spoken() + story + json.dumps(list(lab.world.xcoms.values())))
