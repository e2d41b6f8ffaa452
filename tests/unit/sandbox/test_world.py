"""When accepted requests take effect, how often, and in which order."""

from __future__ import annotations

EVENT = {"external_id": "c-1", "name": "opened", "time": "2026-01-05T10:00:00Z"}
PURCHASE = {"external_id": "c-1", "product_id": "p", "currency": "USD", "price": 2.5, "time": "2026-01-05T10:00:00Z"}


def test_an_accepted_request_takes_effect_only_after_the_delay(make_sandbox):
    sandbox = make_sandbox(apply_delay=5)
    sandbox.attributes({"external_id": "c-1", "plan": "pro"})
    assert sandbox.user(external_id="c-1") is None
    sandbox.clock.now += 5
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_settle_applies_what_waits(make_sandbox):
    sandbox = make_sandbox(apply_delay=300)
    sandbox.attributes({"external_id": "c-1", "plan": "pro"})
    assert sandbox.state()["waiting"] == 1
    sandbox.http.post("/_sandbox/settle")
    assert sandbox.state()["waiting"] == 0
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_the_same_event_object_twice_counts_twice(sandbox):
    sandbox.track(events=[EVENT, EVENT])
    sandbox.track(events=[EVENT])
    assert sandbox.user(external_id="c-1")["custom_events"][0]["count"] == 3


def test_a_quantity_of_three_is_booked_as_three_purchases(sandbox):
    sandbox.track(purchases=[{**PURCHASE, "quantity": 3}])
    user = sandbox.user(external_id="c-1")
    assert user["purchases"][0]["count"] == 3
    assert user["total_revenue"] == 7.5


def test_requests_take_effect_in_another_order_with_a_shuffle_seed(make_sandbox):
    def order(seed):
        sandbox = make_sandbox(apply_delay=10, shuffle_seed=seed)
        for name in "abcdefgh":
            sandbox.track(events=[{**EVENT, "name": name}])
        sandbox.clock.now += 20
        return "".join(event["name"] for event in sandbox.events(external_id="c-1"))

    assert order(None) == "abcdefgh"
    assert order(7) != "abcdefgh"
    assert order(7) == order(7)


def test_attributes_of_a_request_are_applied_before_its_events(sandbox):
    only_existing = {**EVENT, "_update_existing_only": True}
    sandbox.track(events=[only_existing], attributes=[{"external_id": "c-1", "plan": "pro"}])
    assert len(sandbox.events(external_id="c-1")) == 1


def test_an_event_of_the_future_happens_now(make_sandbox):
    sandbox = make_sandbox(now=1_767_571_200)  # 2026-01-05 at midnight
    sandbox.track(events=[{**EVENT, "time": "2027-01-01T00:00:00Z"}])
    assert sandbox.events(external_id="c-1")[0]["time"] == "2026-01-05T00:00:00.000Z"


def test_the_synchronous_form_shows_its_result_and_does_not_wait(make_sandbox):
    sandbox = make_sandbox(apply_delay=300)
    answer = sandbox.call("POST", "/users/track/sync", {"purchases": [{**PURCHASE, "quantity": 2}]})
    (line,) = answer.json()["users"][0]["purchases"]
    assert (line["product_id"], line["count"]) == ("p", 2)


def test_keeping_counts_only_validates_and_applies_nothing(make_sandbox):
    sandbox = make_sandbox(keep="counts")
    answer = sandbox.attributes({"external_id": "c-1", "plan": "pro"}, {"plan": "pro"})
    assert answer.json()["attributes_processed"] == 1
    assert sandbox.state()["users"] == 0
    assert sandbox.received()["accepted"] == {"external_id:c-1": 1}
