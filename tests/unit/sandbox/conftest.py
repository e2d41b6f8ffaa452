"""Factories for the tests of the sandbox: a client of the application, under a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
import pytest
from support.klaviyo_world import KlaviyoCaller

from cdi_sandbox.app import create_app
from cdi_sandbox.settings import Clock, Settings

NOW = 1_790_000_000.0


class StandingClock:
    """A clock that only moves when it is told; sleeping takes no time and is remembered."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.slept: list[float] = []
        self.before_waking = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.before_waking is not None:
            await self.before_waking()

    def as_clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep)


@dataclass
class Answer:
    """One HTTP answer."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return orjson.loads(self.content)


class AsgiClient:
    """Calls an ASGI application directly: no server, no HTTP library, no thread."""

    def __init__(self, app, runner: asyncio.Runner) -> None:
        self.app = app
        self._runner = runner

    def request(self, method, path, **options):
        return self._runner.run(self.sending(method, path, **options))

    async def sending(self, method, path, *, json=None, content=None, headers=None, params=None):
        body = content if json is None else orjson.dumps(json)
        headers = {**({} if json is None else {"content-type": "application/json"}), **(headers or {})}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "scheme": "http",
            "query_string": urlencode(params or {}).encode() or query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        return await self._send(scope, body or b"")

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def run_together(self, calls):
        async def together():
            await asyncio.gather(*calls)

        self._runner.run(together())

    async def _send(self, scope, body):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


class SandboxClient:
    """Calls a sandbox without a network."""

    def __init__(self, http: AsgiClient, clock: StandingClock) -> None:
        self.http = http
        self.clock = clock

    def call(self, method, path, body=None, key="sandbox-key"):
        return self.http.request(method, path, json=body, headers={"authorization": f"Bearer {key}"})

    def track_at_once(self, *requests):
        """Send several requests that are all in flight before the first is answered."""
        headers = {"authorization": "Bearer sandbox-key"}
        self.http.run_together(
            self.http.sending("POST", "/users/track", json={"attributes": things}, headers=headers)
            for things in requests
        )

    def track(self, **arrays):
        return self.call("POST", "/users/track", arrays)

    def attributes(self, *objects):
        return self.track(attributes=list(objects))

    def user(self, **identifier):
        answer = self.http.get("/_sandbox/user", params=identifier)
        return None if answer.status_code == 404 else answer.json()

    def custom(self, external_id):
        return self.user(external_id=external_id)["custom_attributes"]

    def events(self, **identifier):
        return self.http.get("/_sandbox/events", params=identifier).json()

    def purchases(self, **identifier):
        return self.http.get("/_sandbox/purchases", params=identifier).json()

    def state(self):
        return self.http.get("/_sandbox/state").json()

    def received(self, path="/users/track", **options):
        return self.http.get("/_sandbox/received", params={"path": path, **options}).json()

    def set_fault(self, **fault):
        answer = self.http.post("/_sandbox/faults", json=fault)
        assert answer.status_code == 200, answer.text

    def change(self, **settings):
        answer = self.http.put("/_sandbox/settings", json=settings)
        assert answer.status_code == 200, answer.text

    def make_catalog(self, name="stores", **fields):
        columns = [{"name": field, "type": kind} for field, kind in {"id": "string", **fields}.items()]
        answer = self.call("POST", "/catalogs", {"catalogs": [{"name": name, "fields": columns}]})
        assert answer.status_code == 201, answer.text

    def items(self, verb, *items, catalog="stores"):
        return self.call(verb, f"/catalogs/{catalog}/items", {"items": list(items)})

    def held_items(self, catalog="stores"):
        held = self.http.get(f"/_sandbox/catalogs/{catalog}/items").json()["items"]
        return {item["id"]: item for item in held}


@pytest.fixture
def make_klaviyo(make_sandbox) -> Iterator:
    """Make a caller of a new local Klaviyo: ``make_klaviyo(now=..., <settings of Klaviyo>)``."""

    def make(*, now=NOW, shared=None, **settings):
        return KlaviyoCaller(
            make_sandbox(now=now, klaviyo={"job_seconds": [0, 0], "strict": True, **settings}, **(shared or {}))
        )

    return make


@pytest.fixture
def klaviyo(make_klaviyo) -> KlaviyoCaller:
    """A local Klaviyo in which everything takes effect at once."""
    return make_klaviyo()


@pytest.fixture
def make_sandbox() -> Iterator:
    """Make a client of a new sandbox: ``make_sandbox(now=..., keys=..., store=..., <settings>)``."""
    with ExitStack() as stack:

        def make(*, now=NOW, keys=None, klaviyo_keys=None, store=None, **settings):
            clock = StandingClock(now)
            given = {"keys": keys, "klaviyo_keys": klaviyo_keys}
            start = Settings(apply_delay=0, store=store, **{name: each for name, each in given.items() if each})
            app = create_app(start.changed(settings), clock.as_clock())
            stack.callback(app.world.close)
            return SandboxClient(AsgiClient(app, runner), clock)

        runner = stack.enter_context(asyncio.Runner())
        yield make


@pytest.fixture
def sandbox(make_sandbox) -> SandboxClient:
    """A sandbox in which everything takes effect at once."""
    return make_sandbox()
