"""Which profiles a batch would make: a person is known by any identifier of the row."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from support.klaviyo_rows import VISIT, encode_row, make, rows_of

from airflow_provider_cdi.destinations.klaviyo import KlaviyoArguments, klaviyo_destination
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Response


def new_places(known, destination, records):
    """Answer as a Klaviyo that knows some values of identifiers."""
    verdict = destination.ask_who_is_new(records)
    while isinstance(verdict, FollowUp):
        assert not verdict.request.changes
        (question,) = parse_qs(urlsplit(verdict.request.path).query)["filter"]
        kind, _, values = question.removeprefix("any(").removesuffix(")").partition(",")
        found = [{"attributes": {kind: value}} for value in json.loads(values) if value in known]
        verdict = verdict.read(Response(200, {}, json.dumps({"data": found}).encode()))
    return list(verdict.skipped)


def test_profiles_that_no_identifier_finds_are_new():
    destination = make()
    records = destination.encode(rows_of(EMAIL=["a@b.io", "c@d.io", None], EXTERNAL_ID=["1", "2", "3"]))
    assert new_places({"a@b.io", "3"}, destination, records) == [1]


def test_the_places_are_those_of_the_batch_where_some_rows_have_only_klaviyos_id():
    destination = make()
    records = destination.encode(rows_of(KLAVIYO_ID=["01", None, None], EMAIL=[None, "a@b.io", "c@d.io"]))
    assert new_places({"a@b.io"}, destination, records) == [2]


def test_a_sync_that_changes_known_profiles_only_makes_nobody():
    destination = make(update_only=True)
    assert destination.ask_who_is_new(destination.encode(rows_of(EMAIL=["a@b.io"]))) == Completed()


def test_an_event_makes_its_profile():
    destination = klaviyo_destination("events", KlaviyoArguments())
    assert new_places(set(), destination, [encode_row(VISIT, "events")]) == [0]
