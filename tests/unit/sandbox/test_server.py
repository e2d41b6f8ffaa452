"""The sandbox on a real socket, and its command line."""

from __future__ import annotations

import asyncio
import gc
import http.client
import re
import socket
import threading

import pytest
import uvicorn
from support.waiting import BOUND

from cdi_sandbox import __main__ as command
from cdi_sandbox.server import SandboxError, SandboxServer
from cdi_sandbox.settings.clock import Clock

BODY = b'{"attributes":[{"external_id":"c-1","plan":"pro"}]}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer sandbox-key"}


@pytest.fixture(scope="module")
def server():
    with SandboxServer() as running:
        yield running


@pytest.fixture
def sandbox(server):
    server.reset()
    return server


def post(sandbox, connection=None):
    connection = connection or http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=BOUND)
    try:
        connection.request("POST", "/users/track", BODY, HEADERS)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_calls_take_effect_before_the_answer_by_default(sandbox):
    assert post(sandbox) == (201, b'{"attributes_processed":1,"message":"success"}')
    assert sandbox.user(external_id="c-1")["custom_attributes"] == {"plan": "pro"}
    assert sandbox.user(external_id="c-2") is None


@pytest.mark.parametrize(("applied", "users"), [(False, 0), (True, 1)])
def test_a_reset_breaks_the_connection_before_or_after_the_effect(sandbox, applied, users):
    sandbox.set_faults({"kind": "reset", "applied": applied, "times": 1})
    with pytest.raises(ConnectionResetError):
        post(sandbox)
    assert sandbox.state()["users"] == users
    assert post(sandbox)[0] == 201


def test_a_cut_answer_ends_before_its_length(sandbox):
    sandbox.set_faults({"kind": "cut", "times": 1})
    with pytest.raises(http.client.IncompleteRead):
        post(sandbox)
    assert sandbox.state()["users"] == 1


def test_an_empty_answer_can_be_sent(sandbox):
    sandbox.set_faults({"kind": "answer", "status": 504})
    assert post(sandbox) == (504, b"")


def test_a_body_over_the_limit_is_read_and_refused(sandbox):
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=BOUND)
    connection.request("POST", "/users/track", b" " * (9 * 1024 * 1024), HEADERS)
    assert connection.getresponse().status == 413
    connection.close()


def test_overlapping_requests_are_seen_when_answers_take_time():
    both_arrived = asyncio.Barrier(2)
    with SandboxServer(latency=1, clock=Clock(sleep=lambda _: both_arrived.wait())) as sandbox:
        threads = [threading.Thread(target=post, args=(sandbox,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sandbox.received()["overlaps"] == {"external_id:c-1": 2}


def test_the_helpers_show_what_is_held(sandbox):
    sandbox.create_catalog("stores", city="string")
    sandbox.call("PUT", "/catalogs/stores/items", {"items": [{"id": "s-1", "city": "Seoul"}]})
    when = "2026-01-05T10:00:00Z"
    purchase = {"external_id": "c-1", "product_id": "p", "currency": "USD", "price": 1, "time": when}
    event = {"external_id": "c-1", "name": "opened", "time": when}
    sandbox.call("POST", "/users/track", {"events": [event], "purchases": [purchase]})
    assert sandbox.catalog_items("stores") == {"s-1": {"id": "s-1", "city": "Seoul"}}
    assert [event["name"] for event in sandbox.events(external_id="c-1")] == ["opened"]
    assert [purchase["price"] for purchase in sandbox.purchases(external_id="c-1")] == [1]
    assert [user["external_id"] for user in sandbox.users()] == ["c-1"]
    assert sandbox.requests(1)[0]["path"] == "/users/track"
    sandbox.set_faults({"kind": "answer", "status": 500})
    assert len(sandbox.faults()) == 1
    sandbox.clear_faults()
    assert sandbox.faults() == []


def test_a_helper_that_is_refused_says_why(sandbox):
    with pytest.raises(SandboxError, match="one of: answer"):
        sandbox.set_faults({"kind": "none"})


def test_accepted_calls_can_be_settled(sandbox):
    sandbox.change(apply_delay=300)
    post(sandbox)
    assert sandbox.state()["waiting"] == 1
    sandbox.settle()
    sandbox.change(apply_delay=0)
    assert sandbox.user(external_id="c-1")


def test_the_port_is_free_again_after_the_end():
    with SandboxServer() as sandbox:
        port = sandbox.port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_ends_although_an_answer_is_still_waiting():
    with SandboxServer(latency=600) as sandbox:
        connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=BOUND)
        connection.request("POST", "/users/track", BODY, HEADERS)
        while sandbox.received()["requests"] == 0:
            pass
    connection.close()


def test_a_key_may_be_given_with_its_permissions():
    chosen = command._parser().parse_args(["--key", "all", "--key", "some:users.track,users.delete"])
    assert command._settings(chosen).keys == {"all": None, "some": frozenset({"users.track", "users.delete"})}


def test_an_unknown_permission_stops_the_command_with_a_reason(capsys):
    assert command.main(["--key", "some:users.trak"]) == 2
    assert "users.trak" in capsys.readouterr().err


def test_the_address_is_told_when_it_can_be_called(monkeypatch, capsys):
    called = []

    def run(server, sockets):
        told = re.search(r"http://127\.0\.0\.1:(\d+)/", capsys.readouterr().out)
        with socket.create_connection(("127.0.0.1", int(told[1])), timeout=BOUND):
            called.append(sockets[0].getsockname()[1] == int(told[1]))
        sockets[0].close()

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    command.main(["--port", "0"])
    assert called == [True]
