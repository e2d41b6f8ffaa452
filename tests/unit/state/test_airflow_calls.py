"""What is told of an answer of Airflow's: its codes, and nothing of its text."""

from __future__ import annotations

import threading
import traceback

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_provider_cdi.exceptions import RetryLater, Superseded
from airflow_provider_cdi.state.airflow_calls import calling, in_turn, outlasting, saving


def answer(status=None, **detail):
    return AirflowRuntimeError(
        ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status, **detail})
    )


def told_by(manager, error):
    with pytest.raises((RetryLater, Superseded)) as raised, manager:
        raise error
    return "".join(traceback.format_exception(raised.value))


def test_a_refused_save_is_told_by_status_and_reason():
    refusal = answer(409, message="hidden", detail={"detail": {"reason": "not_running", "message": "hidden"}})
    told = told_by(saving("a.b"), refusal)
    assert (
        "Superseded: Airflow refuses to save the state of sync 'a.b' (API_SERVER_ERROR, status 409, not_running)"
        in told
    )
    assert "hidden" not in told


@pytest.mark.parametrize(
    "error",
    [
        answer(422, message="hidden", detail={"detail": [{"msg": "too long", "input": "hidden"}]}),
        answer(500, message="hidden", detail={"detail": {"reason": "hidden@example.org", "statement": "hidden"}}),
        answer(message="hidden", exception_type="ConnectTimeout"),
    ],
)
def test_an_answer_that_repeats_what_it_was_sent_is_not_repeated(error):
    told = told_by(saving("a.b"), error)
    assert "RetryLater: Airflow's API server did not save the state of sync 'a.b' (API_SERVER_ERROR" in told
    assert "hidden" not in told


def test_a_server_that_is_away_is_told_by_its_codes(caplog):
    error, now = answer(message="hidden", exception_type="ConnectTimeout"), [0.0]

    def call():
        raise error

    patient = outlasting(call, sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), clock=lambda: now[0])
    with pytest.raises(RetryLater, match=r"\(API_SERVER_ERROR, ConnectTimeout\)"), calling():
        patient()
    assert "does not answer (API_SERVER_ERROR, ConnectTimeout); trying again in 1 s" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("guard", [in_turn, outlasting])
def test_a_call_waits_for_that_of_another_thread(guard):
    begun, may_end, order = threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        may_end.wait()
        order.append("first")

    first = threading.Thread(target=guard(slow))
    first.start()
    begun.wait()
    second = threading.Thread(target=in_turn(lambda: order.append("second")))
    second.start()
    second.join(0.05)
    may_end.set()
    for thread in (first, second):
        thread.join()
    assert order == ["first", "second"]
