"""With update_only, Klaviyo is asked whom it knows before anything is sent."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from support.klaviyo_rows import make, rows_of

from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, FollowUp, Response, Unattributed
from airflow_provider_cdi.exceptions import DestinationRefused


class People:
    """A Klaviyo that knows some people, by values of identifiers.

    :param refuses: values that it does not want to be asked about.
    """

    def __init__(self, *known, refuses=()):
        self.known, self.refuses = set(known), set(refuses)
        self.asked = []

    def answer(self, request):
        query = parse_qs(urlsplit(request.path).query)
        assert request.method == "GET"
        assert len(request.path) <= 6_000
        kind, _, values = query["filter"][0].removeprefix("any(").removesuffix(")").partition(",")
        values = json.loads(values)
        self.asked.append((kind, values))
        if self.refuses.intersection(values):
            return Response(400, {}, b'{"errors":[{"detail":"Odd value","source":{"parameter":"filter"}}]}')
        found = [
            {"type": "profile", "id": value, "attributes": {kind: value}} for value in values if value in self.known
        ]
        return Response(200, {}, json.dumps({"data": found}).encode())


def lookup(people, destination, records):
    """Answer lookups until something else comes."""
    verdict = FollowUp(destination.request(records), lambda answer: destination.interpret_response(answer, records))
    while isinstance(verdict, FollowUp) and verdict.request.path.startswith("/api/profiles?"):
        verdict = verdict.read(people.answer(verdict.request))
    return verdict


def prepared(*, limits=None, **columns):
    destination = make(update_only=True, limits=limits or KlaviyoLimits())
    return destination, destination.encode(rows_of(**columns))


def test_only_known_people_are_sent_and_the_others_passed_over():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io", "E@f.io"])
    verdict = lookup(People("c@d.io", "e@f.io", "E@f.io"), destination, records)
    assert verdict.request == make().request(records[1:])
    job = verdict.read(Response(202, {}, b'{"data":{"id":"J"}}'))
    assert (job.job, job.wait) == ("J", 2)
    done = job.read(Response(200, {}, b'{"data":{"attributes":{"status":"complete","failed_count":0}}}'))
    assert done == Completed({}, {0: "unknown_profile"})


def test_nothing_is_sent_when_nobody_is_known():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io"])
    assert lookup(People(), destination, records) == Completed({}, {0: "unknown_profile", 1: "unknown_profile"})


def test_a_person_is_known_by_any_identifier_of_the_row():
    destination, records = prepared(
        EMAIL=["a@b.io", "c@d.io", None], EXTERNAL_ID=["1", "2", "3"], PHONE_NUMBER=["+491", None, None]
    )
    people = People("a@b.io", "2")
    verdict = lookup(people, destination, records)
    assert verdict.request == make().request(records[:2])
    assert people.asked == [("email", ["a@b.io", "c@d.io"]), ("external_id", ["2", "3"])]


def test_a_question_asks_about_at_most_a_hundred_people():
    destination, records = prepared(EXTERNAL_ID=[f"{n}" for n in range(250)])
    people = People(*(f"{n}" for n in range(250)))
    lookup(people, destination, records)
    assert [len(values) for _, values in people.asked] == [100, 100, 50]


def test_long_identifiers_are_asked_about_in_shorter_questions():
    destination, records = prepared(EXTERNAL_ID=[f"{n}" + "ä" * 250 for n in range(10)])
    people = People(*(record.identifiers["external_id"] for record in records))
    assert lookup(people, destination, records).request == make().request(records)
    assert sum(len(values) for _, values in people.asked) == 10


def test_a_person_who_is_known_under_a_second_address_is_known():
    class TwoAddresses(People):
        """Finds a profile by an address that the profile does not show."""

        def answer(self, request):
            found = super().answer(request)
            return Response(200, {}, found.body.replace(b'{"email": "c@d.io"}', b'{"email": "main@d.io"}'))

    destination, records = prepared(EMAIL=["a@b.io", "c@d.io", "e@f.io"])
    assert lookup(TwoAddresses("c@d.io"), destination, records).request == make().request(records[1:2])


def test_identifiers_with_quotes_and_commas_are_asked_about_as_they_are():
    destination, records = prepared(EXTERNAL_ID=['a"),b', "c&d=%20"])
    assert lookup(People('a"),b', "c&d=%20"), destination, records).request == make().request(records)


def test_an_identifier_that_klaviyo_does_not_want_is_found_and_rejected():
    destination, records = prepared(EMAIL=[f"p{n}@b.io" for n in range(8)])
    verdict = lookup(People(*(f"p{n}@b.io" for n in range(8)), refuses=["p5@b.io"]), destination, records)
    job = verdict.read(Response(202, {}, b'{"data":{"id":"J"}}'))
    done = job.read(Response(200, {}, b'{"data":{"attributes":{"status":"complete","failed_count":0}}}'))
    assert {place: each.reason for place, each in done.rejected.items()} == {5: "Klaviyo: Odd value"}


def test_rows_that_the_import_points_at_are_named_in_the_whole_batch():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io", "e@f.io"])
    verdict = lookup(People("c@d.io", "e@f.io"), destination, records)
    error = {"detail": "Invalid email address", "source": {"pointer": "/data/attributes/profiles/data/1"}}
    refused = verdict.read(Response(400, {}, json.dumps({"errors": [error]}).encode()))
    assert isinstance(refused, BatchRejected)
    assert set(refused.named) == {2}


@pytest.mark.parametrize(("status", "pointer"), [(413, "/data"), (400, "/data/attributes/profiles/data/0")])
def test_a_refusal_of_the_only_known_row_is_that_rows(status, pointer):
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io"])
    body = json.dumps({"errors": [{"detail": "No.", "source": {"pointer": pointer}}]}).encode()
    refused = lookup(People("c@d.io"), destination, records).read(Response(status, {}, body))
    assert set(refused.named) == {1}


def test_a_refusal_that_names_no_row_stays_without_a_name_for_the_only_known_one():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io"])
    body = b'{"errors":[{"detail":"No.","source":{"pointer":"/data/attributes/profiles/data/7"}}]}'
    refused = lookup(People("c@d.io"), destination, records).read(Response(400, {}, body))
    assert (refused.named, refused.rejection.code) == ({}, "klaviyo_bad_request")


def test_failures_that_fit_no_row_are_nobodys_but_when_there_is_only_one():
    failed = Response(200, {}, b'{"data":{"attributes":{"status":"complete","failed_count":1}}}')
    none = Response(200, {}, b'{"data":[]}')
    accepted = Response(202, {}, b'{"data":{"id":"J"}}')
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io", "e@f.io"])
    two = lookup(People("c@d.io", "e@f.io"), destination, records).read(accepted).read(failed).read(none)
    assert isinstance(two, Unattributed)
    one = lookup(People("c@d.io"), destination, records).read(accepted).read(failed).read(none)
    assert (set(one.rejected), set(one.skipped)) == ({1}, {0, 2})


def test_a_job_of_an_earlier_try_is_asked_for_about_those_it_was_about():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io"])
    people, verdict = People("c@d.io"), destination.attach("J", records)
    while verdict.request.path.startswith("/api/profiles?"):
        verdict = verdict.read(people.answer(verdict.request))
    assert (verdict.request.path, verdict.job) == ("/api/profile-bulk-import-jobs/J", "J")
    error = {"attributes": {"detail": "Odd", "original_payload": {"email": "c@d.io"}}}
    done = verdict.read(Response(200, {}, b'{"data":{"attributes":{"status":"complete","failed_count":1}}}')).read(
        Response(200, {}, json.dumps({"data": [error]}).encode())
    )
    assert (set(done.rejected), done.skipped) == ({1}, {0: "unknown_profile"})


def test_trouble_with_a_question_can_be_tried_again():
    destination, records = prepared(EMAIL=["a@b.io"])
    for body in (b"{}", b"<html>"):
        assert isinstance(destination.interpret_response(Response(200, {}, body), records), Ambiguous)
    with pytest.raises(DestinationRefused, match="profiles:read"):
        destination.interpret_response(Response(403, {}, b'{"errors":[]}'), records)
    fault = {"errors": [{"detail": "Bad fields", "source": {"parameter": "fields[profile]"}}]}
    with pytest.raises(DestinationRefused, match="fields"):
        destination.interpret_response(Response(400, {}, json.dumps(fault).encode()), records)
