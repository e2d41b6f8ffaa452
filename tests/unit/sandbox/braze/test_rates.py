"""Rate windows in both regimes, and which key may do what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdi_sandbox.braze.rates import RateWindows
from cdi_sandbox.settings import Rate, Settings

USER = {"external_id": "c-1"}
MINUTE = 1_790_000_040  # a whole minute since the epoch


def test_a_window_ends_on_the_clock_not_some_time_after_its_first_request(make_sandbox):
    sandbox = make_sandbox(now=MINUTE - 1, rates={"track": [1, 60]})
    assert sandbox.attributes(USER).status_code == 201
    assert sandbox.attributes(USER).status_code == 429
    sandbox.clock.now = MINUTE
    assert sandbox.attributes(USER).status_code == 201


def test_classic_headers_say_when_the_window_ends_also_on_429(make_sandbox):
    sandbox = make_sandbox(now=MINUTE + 10, rates={"track": [2, 60]})
    answers = [sandbox.attributes(USER) for _ in range(3)]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-ratelimit-reset"] for answer in answers} == {str(MINUTE + 60)}


def test_mau_headers_say_how_many_seconds_are_left(make_sandbox):
    hour = MINUTE // 3600 * 3600
    sandbox = make_sandbox(now=hour + 600, regime="mau")
    assert sandbox.attributes(USER).headers["x-ratelimit-reset"] == "3000"


def test_mau_refuses_with_nothing_but_the_seconds_to_wait(make_sandbox):
    sandbox = make_sandbox(now=MINUTE, regime="mau", rates={"mau.hourly": [1, 3600], "mau.burst": [5, 3]})
    sandbox.attributes(USER)
    answer = sandbox.attributes(USER)
    rate_headers = {name: value for name, value in answer.headers.items() if "ratelimit" in name}
    assert answer.status_code == 429
    assert rate_headers == {"x-ratelimit-retry-after": str(3600 - MINUTE % 3600)}


def test_mau_leaves_other_endpoints_in_the_classic_regime(make_sandbox):
    sandbox = make_sandbox(now=MINUTE, regime="mau")
    answer = sandbox.call("POST", "/users/delete", {"external_ids": ["c-1"]})
    assert answer.headers["x-ratelimit-reset"] == str(MINUTE + 60)


def test_endpoints_of_one_pool_share_their_limit(make_sandbox):
    sandbox = make_sandbox(rates={"users": [1, 60]})
    sandbox.call("POST", "/users/delete", {"external_ids": ["c-1"]})
    assert sandbox.call("POST", "/users/merge", {"merge_updates": []}).status_code == 429
    assert sandbox.attributes(USER).status_code == 201


def test_a_refused_request_has_no_effect(make_sandbox):
    sandbox = make_sandbox(rates={"track": [0, 3]})
    sandbox.attributes(USER)
    assert sandbox.state()["users"] == 0


@given(moves=st.lists(st.floats(0, 2), max_size=60), limit=st.integers(1, 5), seconds=st.integers(1, 4))
def test_no_window_ever_lets_more_requests_pass_than_its_limit(moves, limit, seconds):
    windows, now, passed = RateWindows(), float(MINUTE), {}
    settings = Settings(rates={"track": Rate(limit, seconds)})
    for move in moves:
        now += move
        if windows.enter("track", settings, now).allowed:
            window = int(now) // seconds
            passed[window] = passed.get(window, 0) + 1
    assert max(passed.values(), default=0) <= limit


def test_a_wrong_key_is_answered_with_empty_rate_headers(sandbox):
    answer = sandbox.call("POST", "/users/track", {"attributes": [USER]}, key="wrong")
    assert answer.status_code == 401
    assert answer.headers["x-ratelimit-limit"] == ""
    assert sandbox.state()["users"] == 0


def test_a_missing_permission_is_refused_and_the_status_can_be_chosen(make_sandbox):
    sandbox = make_sandbox(keys={"reader": frozenset({"users.export.ids"})})

    def track():
        return sandbox.call("POST", "/users/track", {"attributes": [USER]}, key="reader").status_code

    assert track() == 403
    sandbox.change(missing_permission_status=401)
    assert track() == 401
    assert sandbox.call("POST", "/users/export/ids", {"external_ids": ["c-1"]}, key="reader").status_code == 201


def test_a_path_with_a_slash_at_the_end_and_a_wrong_method_are_unknown(sandbox):
    assert sandbox.call("POST", "/users/track/", {"attributes": [USER]}).status_code == 404
    assert sandbox.call("PUT", "/users/track", {"attributes": [USER]}).status_code == 404
