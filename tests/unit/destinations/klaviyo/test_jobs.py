"""From a submitted job to the outcome of each of its profiles."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.klaviyo_rows import make, rows_of

from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Response, Unattributed
from airflow_provider_cdi.exceptions import DestinationRefused

JOB = "RGVNbzAx/c.1"
PATH = "/api/profile-bulk-import-jobs/RGVNbzAx%2Fc.1"


def profiles(count=3):
    return make().encode(
        rows_of(
            EMAIL=[f"P{n}@acme-demo.io" for n in range(count)],
            EXTERNAL_ID=[f"C-{n}" for n in range(count)],
            KLAVIYO_ID=[None if n else "01KA" for n in range(count)],
        )
    )


def answer(body, status=200):
    return Response(status, {}, json.dumps(body).encode())


def state(status, **attributes):
    return answer({"data": {"id": JOB, "attributes": {"status": status, **attributes}}})


def submitted(records=None, **options):
    destination = make(**options)
    return destination.interpret_response(answer({"data": {"id": JOB}}, 202), records or profiles())


def import_error(payload, detail="The identifiers belong to different profiles"):
    return {"type": "import-error", "attributes": {"detail": detail, "original_payload": payload}}


def page(*errors, following=None):
    return answer({"data": list(errors), "links": {"next": following}})


def ended(*errors, failed=None, records=None):
    """Read a complete job with these errors, on one page."""
    count = {} if failed is None else {"failed_count": failed}
    ask = submitted(records).read(state("complete", **count))
    return ask.read(page(*errors)) if isinstance(ask, FollowUp) else ask


def test_a_job_is_asked_for_gently_until_it_has_ended():
    ask, waits = submitted(), []
    for _ in range(12):
        assert (ask.request.method, ask.request.path, ask.job) == ("GET", PATH, JOB)
        waits.append(ask.wait)
        ask = ask.read(state("processing" if len(waits) > 2 else "queued"))
    assert waits[:4] == [2, 3, 4.5, 6.75]
    assert waits[-1] == 30
    assert ask.read(state("complete", failed_count=0)) == Completed()


def test_a_job_of_an_earlier_try_is_asked_for_at_once():
    ask = make().attach(JOB, profiles())
    assert (ask.request.path, ask.wait, ask.job) == (PATH, 0, JOB)
    assert ask.read(state("queued")).wait == 2


def test_a_job_that_klaviyo_has_forgotten_is_sent_again():
    records = profiles()
    again = make().attach(JOB, records).read(answer({"errors": [{"detail": "Not found."}]}, 404))
    assert again.request == make().request(records)


def test_a_job_that_is_missing_right_after_it_was_accepted_stops_the_sync():
    with pytest.raises(DestinationRefused, match="404"):
        submitted().read(answer({"errors": []}, 404))


def test_a_key_that_may_not_look_at_jobs_stops_the_sync_and_names_the_scopes():
    with pytest.raises(DestinationRefused, match="profiles:read and lists:read"):
        submitted().read(answer({"errors": [{"detail": "No."}]}, 403))


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"attributes": {}}}, {"data": {"attributes": None}}])
def test_a_job_without_a_status_is_unclear(body):
    assert isinstance(submitted().read(answer(body)), Ambiguous)


@pytest.mark.parametrize(("status", "code"), [("cancelled", "job_cancelled"), ("failed", "job_failed")])
def test_a_job_that_ends_otherwise_rejects_each_of_its_rows(status, code):
    verdict = submitted().read(state(status))
    assert [verdict.rejected[place].code for place in range(3)] == [code] * 3


def test_errors_are_matched_with_rows_by_their_identifiers():
    verdict = ended(
        import_error({"email": "p1@ACME-demo.io", "external_id": "C-1", "properties": {}}),
        import_error({"external_id": "C-2"}, "Invalid email address"),
        import_error({"type": "profile", "id": "01KA", "attributes": {"email": "P0@acme-demo.io"}}),
        failed=3,
    )
    assert {place: each.code for place, each in verdict.rejected.items()} == {
        0: "klaviyo_identity_conflict",
        1: "klaviyo_identity_conflict",
        2: "klaviyo_email_invalid",
    }


def test_a_reason_holds_no_value_of_its_row():
    verdict = ended(import_error({"external_id": "C-1"}, "Duplicate email found: p1@acme-demo.io"), failed=1)
    assert verdict.rejected[1].reason == "Klaviyo: Duplicate email found: …"


@pytest.mark.parametrize(
    "payload",
    [None, {}, [], {"email": "nobody@acme-demo.io"}, {"email": "p1@acme-demo.io", "external_id": "C-2"}, {"email": 7}],
)
def test_a_failure_that_fits_no_row_or_several_is_nobodys(payload):
    verdict = ended(import_error(payload, "Odd"), failed=1)
    assert verdict == Unattributed(remarks={"Klaviyo: Odd": 1})


def test_failures_that_fit_their_row_keep_their_code_beside_those_of_nobody():
    own, odd = import_error({"external_id": "C-1"}, "Invalid email address"), import_error({"id": "x"}, "x and y@z.io")
    verdict = ended(own, odd, odd, failed=3)
    assert {place: each.code for place, each in verdict.named.items()} == {1: "klaviyo_email_invalid"}
    assert verdict.remarks == {"Klaviyo: … and …": 2}


def test_a_failure_that_no_error_tells_of_is_nobodys():
    assert isinstance(ended(failed=2), Unattributed)
    assert isinstance(ended(import_error({"external_id": "C-1"}), failed=2), Unattributed)


def test_a_stray_error_loses_nothing_when_all_failures_are_found():
    verdict = ended(import_error({"email": "x@y.io"}), import_error({"external_id": "C-1"}), failed=1)
    assert set(verdict.rejected) == {1}


def test_without_a_count_of_failures_each_error_must_fit():
    assert set(ended(import_error({"external_id": "C-1"})).rejected) == {1}
    assert isinstance(ended(import_error({"external_id": "C-9"})), Unattributed)


def test_the_failure_of_a_job_of_one_row_is_that_rows():
    verdict = ended(import_error(None, "Odd"), failed=1, records=profiles(1))
    assert verdict.rejected[0].reason == "Klaviyo: Odd"
    assert ended(failed=1, records=profiles(1)).rejected[0].code == "klaviyo_import_failed"


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"completed_count": 2}, 1),
        ({"completed_count": 0, "total_count": 3}, 3),
        ({"completed_count": 3}, 0),
        ({"completed_count": 4}, 0),
        ({"completed_count": None}, 0),
        ({"completed_count": "1"}, 0),
        ({}, 0),
    ],
)
def test_a_job_that_counts_fewer_profiles_than_were_sent_is_remarked_on(counts, missing):
    verdict = submitted().read(state("complete", failed_count=0, **counts))
    words = "Klaviyo: completed_count of a job is lower than the number of rows sent, by"
    assert verdict == Completed(remarks={words: missing} if missing else {})


def test_pages_of_errors_are_followed_on_the_connections_own_host():
    ask = submitted().read(state("complete", failed_count=2))
    assert ask.request.path == f"{PATH}/import-errors?page%5Bsize%5D=100"
    link = f"https://elsewhere.test{PATH}/import-errors?page%5Bcursor%5D=abc"
    ask = ask.read(page(import_error({"external_id": "C-0"}), following=link))
    assert ask.request.path == f"{PATH}/import-errors?page%5Bcursor%5D=abc"
    assert set(ask.read(page(import_error({"external_id": "C-2"}))).rejected) == {0, 2}


def test_pages_that_lead_back_to_themselves_end():
    ask = submitted().read(state("complete", failed_count=1))
    link = f"https://a.klaviyo.com{ask.request.path}"
    assert set(ask.read(page(import_error({"external_id": "C-0"}), following=link)).rejected) == {0}


def test_pages_that_never_end_end():
    verdict, pages = submitted().read(state("complete", failed_count=1)), 0
    while isinstance(verdict, FollowUp):
        pages += 1
        verdict = verdict.read(page(following=f"https://a.klaviyo.com{PATH}/import-errors?page={pages}"))
    assert isinstance(verdict, Unattributed)
    assert pages < 10


@pytest.mark.parametrize("body", [{}, {"data": {}}, {"data": None}])
def test_a_page_of_errors_without_a_list_is_unclear(body):
    assert isinstance(submitted().read(state("complete", failed_count=1)).read(answer(body)), Ambiguous)


def test_trouble_with_a_page_can_be_tried_again():
    ask = submitted().read(state("complete", failed_count=1))
    assert isinstance(ask.read(answer({}, 503)), Ambiguous)
    assert set(ask.read(page(import_error({"external_id": "C-0"}))).rejected) == {0}


@given(st.sets(st.integers(0, 9)), st.lists(st.integers(0, 2), min_size=10, max_size=10))
def test_every_failed_row_is_found_by_any_identifier_it_was_sent_with(failing, kinds):
    records = profiles(10)
    errors = [
        import_error([{"email": f"p{n}@acme-demo.io"}, {"external_id": f"C-{n}"}, _sent(records[n])][kinds[n]])
        for n in sorted(failing)
    ]
    verdict = ended(*errors, failed=len(failing), records=records)
    assert isinstance(verdict, Completed)
    assert set(verdict.rejected) == failing


def _sent(record):
    return json.loads(record.body)["attributes"]


# --- links that must not be followed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "@evil.example/x",
        ".evil.example/x",
        ":8443/x",
        "https:evil.example",
        "//evil.example/api/profile-bulk-import-jobs/other/import-errors?page=2",
        "https://a.klaviyo.com/api/profile-bulk-import-jobs/other/import-errors?page=2",
        "https://[evil",
    ],
)
def test_a_next_page_that_is_none_of_this_job_is_not_followed(link):
    ask = submitted().read(state("complete", failed_count=3))
    verdict = ask.read(page(import_error({"email": "p0@acme-demo.io"}), following=link))
    assert isinstance(verdict, Ambiguous)
    assert "evil" not in verdict.reason


@pytest.mark.parametrize(
    "link",
    [
        f"https://a.klaviyo.com{PATH}/import-errors?page%5Bcursor%5D=x",
        f"http://evil.example:8443{PATH}/import-errors/?page%5Bcursor%5D=x",
    ],
)
def test_of_a_link_to_the_next_page_only_path_and_query_count(link):
    ask = submitted().read(state("complete", failed_count=3))
    following = ask.read(page(import_error({"email": "p0@acme-demo.io"}), following=link))
    assert isinstance(following, FollowUp)
    assert following.request.path.startswith(f"{PATH}/import-errors")
    assert "evil" not in following.request.path


def test_a_bad_phone_that_is_named_is_left_out_also_beside_a_failure_of_nobody():
    destination = make(on_bad_phone="drop")
    records = destination.encode(
        rows_of(EMAIL=[f"p{n}@acme-demo.io" for n in range(3)], PHONE_NUMBER=[f"+4915112345{n}00" for n in range(3)])
    )
    ask = destination.interpret_response(answer({"data": {"id": JOB}}, 202), records).read(
        state("complete", failed_count=2)
    )
    verdict = ask.read(
        page(import_error({"email": "p1@acme-demo.io"}, "Invalid phone number"), import_error(None, "Odd"))
    )
    assert isinstance(verdict, Unattributed)
    assert (verdict.named, verdict.remarks) == ({}, {"Klaviyo: Odd": 1})
    assert b"phone_number" not in verdict.mended[1].body
