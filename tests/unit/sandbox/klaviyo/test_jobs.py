"""Import jobs: how they move, what they show, and what fails in them."""

from __future__ import annotations

import pytest

ADA = {"email": "ada@acme-demo.io", "first_name": "Ada"}


def ids(answer):
    return [each["id"] for each in answer["data"]]


def test_a_job_moves_with_the_clock_and_its_counts_grow(make_klaviyo):
    klaviyo = make_klaviyo(job_seconds=[10, 20])
    start = klaviyo.clock.now
    job = klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(10)))
    seen = []
    for seconds in (9, 10, 20, 29, 30):
        klaviyo.clock.now = start + seconds
        shown = klaviyo.job(job)
        seen.append((shown["status"], shown["completed_count"], klaviyo.state()["profiles"]))
    assert seen == [
        ("queued", 0, 0),
        ("processing", 0, 0),
        ("processing", 5, 5),
        ("processing", 9, 9),
        ("complete", 10, 10),
    ]


def test_a_job_that_nobody_looked_at_ended_when_its_time_came(make_klaviyo):
    klaviyo = make_klaviyo(now=1_795_255_200.0, job_seconds=[10, 20])
    job = klaviyo.import_attributes(ADA)
    klaviyo.clock.now += 500
    shown = klaviyo.job(job)
    assert (shown["started_at"], shown["completed_at"]) == ("2026-11-21T10:00:10+00:00", "2026-11-21T10:00:30+00:00")


def test_a_job_can_move_with_every_look_instead(make_klaviyo):
    klaviyo = make_klaviyo(job_polls=[1, 2])
    job = klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(4)))
    seen = [(shown["status"], shown["completed_count"]) for shown in (klaviyo.job(job) for _ in range(4))]
    assert seen == [("queued", 0), ("processing", 0), ("processing", 2), ("complete", 4)]


def test_jobs_can_end_in_another_order_than_they_began(make_klaviyo):
    klaviyo = make_klaviyo(job_seconds=[1, 10], shared={"shuffle_seed": 3})
    jobs = [klaviyo.import_attributes({"external_id": f"c-{n}"}) for n in range(8)]
    klaviyo.clock.now += 10
    statuses = [klaviyo.job(job)["status"] for job in jobs]
    assert statuses != sorted(statuses)


def test_a_job_can_be_settled_without_waiting(make_klaviyo):
    klaviyo = make_klaviyo(job_seconds=[600, 600], job_polls=[5, 5])
    job = klaviyo.import_attributes(ADA)
    klaviyo.sandbox.http.post("/_sandbox/settle")
    assert klaviyo.job(job)["status"] == "complete"


def test_an_unknown_job_is_not_found(klaviyo):
    assert klaviyo.call("GET", "/api/profile-bulk-import-jobs/none").status_code == 404
    assert klaviyo.call("GET", "/api/profile-bulk-import-jobs/none/import-errors").status_code == 404


def test_a_job_is_gone_after_seven_days(klaviyo):
    job = klaviyo.import_attributes(ADA)
    klaviyo.clock.now += 7 * 86_400
    assert klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}").status_code == 404
    assert klaviyo.profile(email="ada@acme-demo.io")


def test_a_job_that_never_ended_is_gone_after_seven_days_too(klaviyo):
    klaviyo.sandbox.set_fault(kind="stall")
    klaviyo.import_attributes(ADA)
    klaviyo.clock.now += 7 * 86_400
    assert (klaviyo.state()["jobs"], klaviyo.state()["unfinished_jobs"]) == ({}, 0)


def test_jobs_are_listed_by_status_newest_first(make_klaviyo):
    klaviyo = make_klaviyo(job_seconds=[0, 60])
    first = klaviyo.import_attributes(ADA)
    klaviyo.clock.now += 60
    second = klaviyo.import_attributes(ADA)
    assert ids(klaviyo.get("/api/profile-bulk-import-jobs")) == [second, first]
    assert ids(klaviyo.get("/api/profile-bulk-import-jobs?sort=created_at")) == [first, second]
    assert ids(klaviyo.get('/api/profile-bulk-import-jobs?filter=equals(status,"complete")')) == [first]
    assert ids(klaviyo.get('/api/profile-bulk-import-jobs?filter=any(status,["queued","processing"])')) == [second]


def test_a_job_shows_its_profiles_and_its_lists(klaviyo):
    audience = klaviyo.create_list()
    job = klaviyo.import_attributes(ADA, {"external_id": "c-2"}, lists=[audience])
    klaviyo.job(job)
    path = f"/api/profile-bulk-import-jobs/{job}"
    assert [each["attributes"]["external_id"] for each in klaviyo.get(f"{path}/profiles")["data"]] == [None, "c-2"]
    assert ids(klaviyo.get(f"{path}/relationships/profiles")) == ids(klaviyo.get(f"{path}/profiles"))
    assert ids(klaviyo.get(f"{path}/lists")) == [audience]
    assert klaviyo.get(f"{path}?include=lists")["included"][0]["attributes"]["name"] == "Warehouse"


def test_an_include_that_is_not_allowed_is_refused_by_its_parameter(klaviyo):
    job = klaviyo.import_attributes(ADA)
    answer = klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}?include=nope")
    assert answer.json()["errors"][0]["source"] == {"parameter": "include"}


# --- what fails later ------------------------------------------------------------------------------------


def test_identifiers_of_different_profiles_fail_later_with_the_payload_but_no_index(klaviyo):
    klaviyo.import_attributes(ADA, {"external_id": "c-2"})
    both = {"email": "ada@acme-demo.io", "external_id": "c-2", "first_name": "Bo"}
    job = klaviyo.import_attributes({"external_id": "c-3"}, both)
    shown = klaviyo.job(job)
    assert (shown["status"], shown["completed_count"], shown["failed_count"]) == ("complete", 1, 1)
    (error,) = klaviyo.import_errors(job)
    assert error["detail"] == "The identifiers belong to different profiles"
    assert error["original_payload"] == both
    assert klaviyo.profile(email="ada@acme-demo.io")["first_name"] == "Ada"


def test_an_id_that_leads_nowhere_fails_later(klaviyo):
    job = klaviyo.import_profiles({"id": "01K" + "9" * 23, "attributes": ADA}).json()["data"]["id"]
    (error,) = klaviyo.import_errors(job)
    assert error["detail"] == "A profile with this id does not exist"
    assert klaviyo.state()["profiles"] == 0


def test_named_profiles_fail_later_on_demand(klaviyo):
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=["email:p2@acme.io"], error="No room for this one")
    job = klaviyo.import_attributes(*({"email": f"p{n}@acme.io"} for n in range(5)))
    assert klaviyo.job(job)["failed_count"] == 1
    (error,) = klaviyo.import_errors(job)
    assert (error["detail"], error["original_payload"]) == ("No room for this one", {"email": "p2@acme.io"})
    assert klaviyo.profile(email="p2@acme.io") is None


def test_import_errors_come_in_pages(klaviyo):
    names = [f"email:p{n}@acme.io" for n in range(250)]
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=names, error="No")
    job = klaviyo.import_attributes(*({"email": f"p{n}@acme.io"} for n in range(250)))
    klaviyo.job(job)
    pages, path = [], f"/api/profile-bulk-import-jobs/{job}/import-errors?page[size]=100"
    while path:
        found = klaviyo.get(path.removeprefix("http://sandbox.localhost"))
        pages.append([error["attributes"]["original_payload"]["email"] for error in found["data"]])
        path = found["links"]["next"]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert sum(pages, []) == [f"p{n}@acme.io" for n in range(250)]  # noqa: RUF017


@pytest.mark.parametrize("query", ["page[size]=0", "page[size]=101", "page[size]=x", "page[cursor]=x"])
def test_a_page_that_makes_no_sense_is_refused(klaviyo, query):
    job = klaviyo.import_attributes(ADA)
    assert klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}/import-errors?{query}").status_code == 400


@pytest.mark.parametrize("payload", [None, {"email": "stranger@acme.io"}])
def test_a_job_can_name_an_error_that_belongs_to_no_row(klaviyo, payload):
    klaviyo.sandbox.set_fault(kind="stray_error", error="Unknown trouble", payload=payload)
    job = klaviyo.import_attributes(ADA)
    assert klaviyo.job(job)["completed_count"] == 1
    (error,) = klaviyo.import_errors(job)
    assert (error["detail"], error["original_payload"]) == ("Unknown trouble", payload)


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_job_can_stay_in_a_status_for_ever(klaviyo, status):
    klaviyo.sandbox.set_fault(kind="stall", status=status, times=1)
    job = klaviyo.import_attributes(ADA, {"external_id": "c-2"})
    klaviyo.clock.now += 3_600
    klaviyo.sandbox.http.post("/_sandbox/settle")
    shown = klaviyo.job(job)
    assert (shown["status"], shown["completed_count"]) == (status, 0 if status == "queued" else 1)
    assert klaviyo.job(klaviyo.import_attributes(ADA))["status"] == "complete"


def test_a_fault_of_jobs_waits_for_the_next_import(klaviyo):
    klaviyo.sandbox.set_fault(kind="stall", times=1)
    klaviyo.create_list()
    klaviyo.get("/api/profile-bulk-import-jobs")
    assert klaviyo.job(klaviyo.import_attributes(ADA))["status"] == "processing"


@pytest.mark.parametrize("imported", [0, 2])
def test_a_job_can_be_cancelled_after_some_profiles(klaviyo, imported):
    klaviyo.sandbox.set_fault(kind="cancel", imported=imported)
    job = klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(5)))
    shown = klaviyo.job(job)
    assert (shown["status"], shown["completed_count"]) == ("cancelled", imported)
    assert klaviyo.state()["profiles"] == imported


def test_a_profile_in_two_unfinished_jobs_is_seen(make_klaviyo):
    klaviyo = make_klaviyo(job_seconds=[0, 60])
    klaviyo.import_attributes(ADA, {"external_id": "c-2"})
    klaviyo.import_attributes({"external_id": "c-2"})
    assert klaviyo.state()["job_overlaps"] == {"external_id:c-2": 2}


def test_a_profile_in_one_job_after_the_other_is_no_overlap(klaviyo):
    klaviyo.import_attributes(ADA)
    klaviyo.import_attributes(ADA)
    assert (klaviyo.state()["job_overlaps"], klaviyo.state()["job_repeats"]) == ({}, {})


def test_of_two_rows_of_one_profile_in_a_job_the_later_wins(klaviyo):
    job = klaviyo.import_attributes(ADA, {**ADA, "first_name": "Ada Maria"})
    assert klaviyo.job(job)["completed_count"] == 2
    assert klaviyo.profile(email="ada@acme-demo.io")["first_name"] == "Ada Maria"
    assert klaviyo.state()["job_repeats"] == {"email:ada@acme-demo.io": 2}


def test_counting_only_keeps_no_profiles_but_knows_what_fails(make_klaviyo):
    klaviyo = make_klaviyo(shared={"keep": "counts"})
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=["external_id:c-2"], error="No")
    job = klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(5)))
    shown = klaviyo.job(job)
    assert (shown["completed_count"], shown["failed_count"]) == (4, 1)
    assert klaviyo.import_errors(job)[0]["original_payload"] == {"external_id": "c-2"}
    assert klaviyo.state()["profiles"] == 0
    assert klaviyo.sandbox.received("/api/profile-bulk-import-jobs")["distinct_accepted"] == 5
