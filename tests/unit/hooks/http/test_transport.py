"""What only the delivering transport promises: one sending a call, few kept connections, waiting apart."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.waiting import BOUND

from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import NoAnswer, Superseded
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport

POST = Request("POST", "/users/track", b"{}")


def run(settings, work, max_connections=2):
    async def main():
        async with AiohttpTransport(settings, max_connections) as transport:
            return await work(transport)

    return asyncio.run(main())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_request_that_meets_a_closing_connection_is_not_sent_again(serve, lab, method):
    def script(sock, server):
        for answered in (True, False):
            server.requests.append(lab.read_request(sock))
            if answered:
                sock.sendall(lab.reply(201))

    server = serve(script)

    async def work(transport):
        await transport.send(POST)
        with pytest.raises(NoAnswer) as caught:
            await transport.send(Request(method, "/catalogs/shops/items", b'{"items":[]}'))
        return caught.value

    fault = run(lab.make_settings(server.port), work)
    assert fault.may_have_arrived
    assert len([request for request in server.requests if b"/catalogs/" in request]) == 1


def test_connection_is_kept_between_requests(serve, lab):
    server = serve(lab.always(201))

    async def work(transport):
        for _ in range(5):
            await transport.send(POST)

    run(lab.make_settings(server.port), work)
    assert (server.connections, len(server.requests)) == (1, 5)


def test_no_more_connections_are_open_than_allowed(serve, lab):
    together = threading.Barrier(3)

    def script(sock, server):
        while request := lab.read_request(sock):
            server.requests.append(request)
            together.wait(BOUND)
            sock.sendall(lab.reply(201))

    server = serve(script)

    async def work(transport):
        await asyncio.gather(*(transport.send(POST) for _ in range(12)))

    run(lab.make_settings(server.port), work, max_connections=3)
    assert (server.connections, len(server.requests)) == (3, 12)


def test_waiting_for_a_turn_does_not_count_into_the_time_outs(serve, lab):
    def script(sock, server):
        while lab.read_request(sock):
            server.leaving.wait(0.3)
            sock.sendall(lab.reply(201))

    settings = lab.make_settings(serve(script).port, connect_timeout=1.4, timeout=1.5)

    async def work(transport):
        return await asyncio.gather(*(transport.send(POST) for _ in range(7)))

    assert [answer.status for answer in run(settings, work, max_connections=1)] == [201] * 7


def test_hung_up_proxy_connection_did_not_arrive(serve, lab, authority):
    proxy = serve(lambda sock, server: lab.read_request(sock))
    settings = lab.make_settings(
        f"https://{lab.FAR_HOST}", ca_bundle=authority.bundle, proxy=f"http://127.0.0.1:{proxy.port}"
    )

    async def work(transport):
        with pytest.raises(NoAnswer) as caught:
            await transport.send(POST)
        return caught.value

    fault = run(settings, work)
    assert not fault.may_have_arrived
    assert "it closed the connection" in fault.reason


def test_cancelled_request_gives_its_turn_back(serve, lab):
    arrived = threading.Event()

    def script(sock, server):
        while lab.read_request(sock):
            if not arrived.is_set():
                arrived.set()
                server.leaving.wait(BOUND)
                return
            sock.sendall(lab.reply(201))

    async def work(transport):
        first = asyncio.create_task(transport.send(POST))
        await asyncio.to_thread(arrived.wait, BOUND)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await transport.send(POST)

    assert run(lab.make_settings(serve(script).port), work, max_connections=1).status == 201


def test_closed_transport_sends_nothing(serve, lab):
    server = serve(lab.always(201))

    async def main():
        transport = AiohttpTransport(lab.make_settings(server.port), 1)
        await transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.send(POST)

    asyncio.run(main())
    assert server.connections == 0


def test_close_may_be_called_twice(serve, lab):
    server = serve(lab.always(201))

    async def main():
        transport = AiohttpTransport(lab.make_settings(server.port), 1)
        await transport.send(POST)
        await transport.close()
        await transport.close()

    asyncio.run(main())


def test_no_connection_at_all_is_refused(lab):
    with pytest.raises(ValueError, match="at least 1"):
        AiohttpTransport(lab.make_settings(1), 0)


class Fence:
    """Closed from the given look on; ``let_through`` waits for nobody."""

    def __init__(self, *, closes_at=None, error=None):
        self.looks, self.closes_at, self.error, self.asked = 0, closes_at, error, 0

    def is_closed(self):
        self.looks += 1
        return self.closes_at is not None and self.looks >= self.closes_at

    async def let_through(self):
        self.asked += 1
        if self.error is not None:
            raise self.error


def send_behind(fence, request, settings):
    async def work(transport):
        transport.stand_behind(fence)
        return await transport.send(request)

    return run(settings, work)


def test_a_request_that_the_fence_refuses_is_not_written(serve, lab):
    server = serve(lab.always(201))
    with pytest.raises(Superseded):
        send_behind(Fence(error=Superseded("another try")), POST, lab.make_settings(server.port))
    assert server.requests == []


def test_a_question_passes_the_fence_unasked(serve, lab):
    server, fence = serve(lab.always(200)), Fence(error=Superseded("another try"))
    send_behind(fence, Request("GET", "/jobs/1", b""), lab.make_settings(server.port))
    assert (fence.asked, len(server.requests)) == (0, 1)


def test_a_fence_that_closes_between_question_and_writing_holds_the_bytes_back(serve, lab):
    server = serve(lab.always(201))
    with pytest.raises(NoAnswer):
        send_behind(Fence(closes_at=1), POST, lab.make_settings(server.port))
    assert server.requests == []


def test_a_fence_that_is_open_changes_nothing(serve, lab):
    server, fence = serve(lab.always(201)), Fence()
    assert send_behind(fence, POST, lab.make_settings(server.port)).status == 201
    assert (fence.asked, fence.looks > 0) == (1, True)
