"""Repeating single calls, with the waiting taken away."""

from __future__ import annotations

import pytest
from support.waiting import BOUND

from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.calls import CALL_ATTEMPTS, call_until_settled, open_session

GET = Request("GET", "/catalogs", b"")


@pytest.fixture
def answer_in_turn(serve, lab):
    """A server that gives each of these statuses once; 0 resets the connection."""

    def answer_in_turn(*statuses):
        left = list(statuses)

        def script(sock, server):
            while request := lab.read_request(sock):
                server.requests.append(request)
                status = left.pop(0)
                if not status:
                    lab.reset(sock)
                    return
                sock.sendall(lab.reply(status))

        return serve(script)

    return answer_in_turn


@pytest.mark.parametrize("transient", [408, 429, 500, 502, 503, 504, 0])
def test_transient_fault_is_tried_again(answer_in_turn, lab, transient):
    server = answer_in_turn(transient, 200)
    assert call_until_settled(lab.make_settings(server.port), GET, sleep=lambda _: None).status == 200


@pytest.mark.parametrize("final", [200, 400, 401, 403, 404])
def test_settled_answer_is_not_asked_again(answer_in_turn, lab, final):
    server = answer_in_turn(final)
    assert call_until_settled(lab.make_settings(server.port), GET, sleep=lambda _: None).status == final
    assert len(server.requests) == 1


def test_pauses_grow_and_span_the_minute_window(answer_in_turn, lab):
    server = answer_in_turn(*[503] * CALL_ATTEMPTS)
    pauses = []
    answer = call_until_settled(lab.make_settings(server.port), GET, sleep=pauses.append)
    assert answer.status == 503
    assert pauses == [1, 2, 4, 8, 16, 20]


def test_last_connection_fault_is_raised(answer_in_turn, lab):
    server = answer_in_turn(*[0] * CALL_ATTEMPTS)
    with pytest.raises(NoAnswer, match="broke"):
        call_until_settled(lab.make_settings(server.port), GET, sleep=lambda _: None)
    assert len(server.requests) == CALL_ATTEMPTS


def test_session_for_own_calls_follows_no_redirect(serve, lab):
    elsewhere = serve(lab.always(200))
    settings = lab.make_settings(serve(lab.always(302, Location=f"http://localhost:{elsewhere.port}/")).port)
    with open_session(settings) as session:
        assert session.get(settings.url("/"), timeout=BOUND).status_code == 302
    assert elsewhere.connections == 0
