"""Klaviyo's two clocks: a second and a minute, each endpoint for itself."""

from __future__ import annotations

import pytest

MINUTE = 1_790_000_040.0  # a whole minute since the epoch
BULK = "POST /api/profile-bulk-import-jobs"


def send(klaviyo, calls):
    return [klaviyo.import_profiles({"attributes": {"email": "a@acme.io"}}) for _ in range(calls)]


def statuses(answers):
    return [answer.status_code for answer in answers]


def test_headers_describe_the_second_and_list_both_windows(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE)
    first, second = send(klaviyo, 2)
    assert first.headers["ratelimit-limit"] == "10, 10;w=1, 150;w=60"
    assert (first.headers["ratelimit-remaining"], second.headers["ratelimit-remaining"]) == ("9", "8")
    assert first.headers["ratelimit-reset"] == "0"


def test_the_eleventh_request_of_a_second_is_throttled_with_nothing_but_retry_after(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE + 0.25)
    answers = send(klaviyo, 11)
    assert statuses(answers) == [202] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert not any(name.startswith("ratelimit") for name in answers[-1].headers)
    (error,) = answers[-1].json()["errors"]
    assert (error["code"], error["detail"]) == ("throttled", "Request was throttled. Expected available in 1 second.")


def test_the_next_second_takes_requests_again(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={BULK: [1, 150]})
    assert statuses(send(klaviyo, 2)) == [202, 429]
    klaviyo.clock.now = MINUTE + 1
    assert statuses(send(klaviyo, 1)) == [202]


def test_a_full_minute_says_how_many_seconds_are_left(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE + 12.5, rates={BULK: [10, 3]})
    answers = send(klaviyo, 4)
    assert statuses(answers) == [202, 202, 202, 429]
    assert answers[-1].headers["retry-after"] == "48"
    assert "in 48 seconds" in answers[-1].text


def test_refused_requests_do_not_count(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={BULK: [1, 2]})
    send(klaviyo, 5)
    klaviyo.clock.now = MINUTE + 1
    assert statuses(send(klaviyo, 1)) == [202]


def test_each_endpoint_counts_for_itself(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={"M": [1, 150]})
    (answer,) = send(klaviyo, 1)
    job = answer.json()["data"]["id"]
    assert klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}").status_code == 200
    assert klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}").status_code == 429
    assert klaviyo.call("GET", "/api/profile-bulk-import-jobs").status_code == 200


def test_jobs_of_all_ids_share_one_limit(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={"M": [2, 150]})
    jobs = [answer.json()["data"]["id"] for answer in send(klaviyo, 2)]
    klaviyo.change(rates={"M": [1, 150]})
    found = [klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}").status_code for job in jobs]
    assert found == [200, 429]


def test_a_request_that_is_invalid_counts_too(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={BULK: [1, 150]})
    answer = klaviyo.import_profiles({"attributes": {}})
    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (400, "0")
    assert statuses(send(klaviyo, 1)) == [429]


def test_lists_have_a_limit_for_the_day_too(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE, rates={"POST /api/lists": [10, 150, 1]})
    klaviyo.create_list()
    klaviyo.clock.now = MINUTE + 120
    answer = klaviyo.send("lists", "list", {"name": "another"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 60


def test_one_hundred_and_fifty_a_minute_evenly_paced_pass_for_three_minutes(make_klaviyo):
    klaviyo = make_klaviyo(now=MINUTE + 17.3, shared={"keep": "counts"})
    answers = []
    for _ in range(450):
        answers += send(klaviyo, 1)
        klaviyo.clock.now += 0.4
    assert set(statuses(answers)) == {202}


@pytest.mark.parametrize(
    ("rates", "text"),
    [({"XXL": [1, 1]}, "'XXL' must be one of"), ({"M": [1]}, "cannot be"), ({"M": [-1, 1]}, "0 or more")],
)
def test_a_rate_that_makes_no_sense_is_refused(klaviyo, rates, text):
    answer = klaviyo.sandbox.http.put("/_sandbox/settings", json={"klaviyo": {"rates": rates}})
    assert answer.status_code == 400
    assert text in answer.json()["message"]
