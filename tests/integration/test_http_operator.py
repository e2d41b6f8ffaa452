"""Rows of a DuckDB table at a service of one's own, over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from airflow.sdk.exceptions import AirflowException
from support.receiver import SECRET, TOKEN, Receiver, Reply

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator

#: So that nothing waits.
AT_ONCE = DeliverySettings(max_in_flight=4, retry=RetryPolicy(first_wait=0.001, longest_wait=0.001, attempts=4))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def send(lab, receiver, monkeypatch):
    """``send(plan="gold", rows=30)`` fills the table and sends it."""
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(receiver.connection))

    def send(*, rows=30, plan="'gold'", **arguments):
        lab.sql(
            f"""create or replace table users as select timestamp '2026-01-01' + to_seconds(i) as updated_at,
            'c-' || i as id, {plan} as plan from range({rows}) numbers(i)"""
        )
        given = {"batch_rows": 10, "delivery": AT_ONCE, "payload_columns": ["plan"]} | arguments
        return lab.run(kind=WarehouseToHttpOperator, data_type="rows", endpoint="v1/users", **given)

    return send


def outcomes(report):
    return {name: report[name] for name in ("accepted", "rejected", "unknown")}


def test_every_row_arrives_in_signed_batches(send, receiver):
    report = send()
    assert outcomes(report) == {"accepted": 30, "rejected": 0, "unknown": 0}
    assert receiver.kept == {f"c-{i}": {"id": f"c-{i}", "plan": "gold"} for i in range(30)}
    assert (len(receiver.requests), receiver.forged) == (3, 0)


def test_headers_of_the_connection_and_a_key_of_its_own_go_with_every_request(send, receiver):
    send()
    assert {headers["x-tenant"] for headers, _ in receiver.requests} == {"shop"}
    assert len({headers["idempotency-key"] for headers, _ in receiver.requests}) == 3


def test_a_row_that_the_service_names_is_rejected_alone_and_its_values_stay_out_of_the_reason(send, lab, receiver):
    report = send(plan="case when i % 10 = 4 then 'unknown' else 'gold' end")
    assert outcomes(report) == {"accepted": 27, "rejected": 3, "unknown": 0}
    assert len(receiver.kept) == 27
    assert {line["code"] for line in lab.rejected()} == {"http_unknown_plan"}
    assert {line["reason"] for line in lab.rejected()} == {"The service: unknown_plan: … has no such plan"}


def test_a_refused_request_goes_again_without_the_rows_that_it_names(send, receiver):
    receiver.next_replies.append(Reply.of(422, {"errors": [{"index": 2, "code": "bad", "message": "no"}]}))
    report = send(rows=10)
    assert outcomes(report) == {"accepted": 9, "rejected": 1, "unknown": 0}
    assert [len(rows) for _, rows in receiver.requests] == [10, 9]


def test_what_is_too_large_goes_in_halves(send, receiver):
    receiver.most_rows = 3
    assert outcomes(send(rows=10)) == {"accepted": 10, "rejected": 0, "unknown": 0}
    assert sum(len(rows) for _, rows in receiver.requests if len(rows) <= receiver.most_rows) == 10


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500, b"boom", applies=True),
        Reply(503),
        Reply(200, b"<html>sign in</html>"),
        Reply.of(200, {"error": "not now"}),
        Reply(422, b"<html>blocked</html>"),
        Reply.of(429, {}, headers={"Retry-After": "0"}),
    ],
    ids=str,
)
def test_trouble_on_the_way_costs_a_repeat_under_the_same_key_and_no_row(send, receiver, trouble):
    receiver.next_replies.append(trouble)
    report = send(rows=10)
    assert outcomes(report) == {"accepted": 10, "rejected": 0, "unknown": 0}
    assert len(receiver.kept) == 10
    assert [len(rows) for _, rows in receiver.requests] == [10, 10]
    assert len({headers["idempotency-key"] for headers, _ in receiver.requests}) == 1


def test_a_repeat_that_may_count_twice_is_kept_aside_where_the_task_says_so(send, lab, receiver):
    receiver.next_replies.append(Reply(500, applies=True))
    careful = DeliverySettings(on_unknown="reject", retry=AT_ONCE.retry)
    assert outcomes(send(rows=10, delivery=careful)) == {"accepted": 0, "rejected": 0, "unknown": 10}


def test_a_repeat_that_is_harmless_is_sent_again_all_the_same(send, receiver):
    receiver.next_replies.append(Reply(500, applies=True))
    careful = DeliverySettings(on_unknown="reject", retry=AT_ONCE.retry)
    assert outcomes(send(rows=10, delivery=careful, repeats="harmless"))["accepted"] == 10


def test_a_service_with_another_secret_stops_the_run_and_no_secret_is_told(send, receiver, lab, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    wrong = receiver.connection | {"extra": {"signing_secret": "another-secret"}}
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(wrong))
    with pytest.raises(AirflowException, match="answered 401 to POST /v1/users: it does not accept") as stopped:
        send()
    assert receiver.kept == {}
    told = f"{stopped.value} {caplog.text} {lab.world.asset.kept} {lab.world.xcoms}"
    assert [secret for secret in (TOKEN, SECRET, "another-secret") if secret in told] == []


def test_nothing_is_sent_twice_by_the_next_run(send, lab, receiver):
    send()
    again = lab.run(kind=WarehouseToHttpOperator, data_type="rows", endpoint="v1/users", payload_columns=["plan"])
    assert again["accepted"] == 0
    assert len(receiver.requests) == 3
