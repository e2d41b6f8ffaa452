"""A sandbox in a thread of this process, for tests and demonstrations."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import uvicorn

from cdi_sandbox.api.json import Json
from cdi_sandbox.app import create_app
from cdi_sandbox.klaviyo.client import KlaviyoClient
from cdi_sandbox.settings.clock import Clock
from cdi_sandbox.settings.klaviyo import KlaviyoSettings
from cdi_sandbox.settings.sandbox import Settings

START_SECONDS = 30.0
#: Everything takes effect before the answer, and a job ends before it is looked at.
AT_ONCE = Settings(apply_delay=0, klaviyo=KlaviyoSettings(job_seconds=(0, 0)))


class SandboxError(Exception):
    """The sandbox does not start, or refuses what it was asked through its helpers."""


class SandboxServer:
    """A sandbox on a free port of the loopback interface.

    .. code-block:: python

        with SandboxServer(latency=0.01) as sandbox:
            sandbox.set_faults({"kind": "answer", "status": 503, "times": 2})
            ...  # send something to sandbox.url with the key sandbox.key
            assert sandbox.received("/users/track")["max_in_flight"] == 1

    :param settings: how it behaves; unless given, everything takes effect before the answer.
    :param clock: where it gets its time from.
    :param changes: single settings, for example ``latency=0.01`` or ``rates={"track": [10, 1]}``.
    """

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None, **changes: Json) -> None:
        self._settings = (settings or AT_ONCE).changed(changes)
        self._clock = clock
        #: The first of its keys.
        self.key = next(iter(self._settings.keys))
        #: The local Klaviyo: its key, what it holds, a client.
        self.klaviyo = KlaviyoClient(next(iter(self._settings.klaviyo_keys)), self._request, self._control)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.host = "127.0.0.1"
        self.port = 0

    def __enter__(self) -> SandboxServer:
        """Start, and return when requests are answered."""
        app = create_app(self._settings, self._clock)
        listener = _listener(self.host)
        self.port = listener.getsockname()[1]
        self._server = _Server(server_config(app))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="sandbox", daemon=True)
        self._thread.start()
        if not self._server.answers.wait(START_SECONDS):
            raise SandboxError(f"The sandbox did not start within {START_SECONDS:.0f} seconds.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and return when the port is free again."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(START_SECONDS)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    # --- as a client of the API -------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Call an endpoint of the API with the default key.

        :return: the answer's body.
        :raises SandboxError: for an answer of 400 or more.
        """
        return self._request(method, path, body, {"authorization": f"Bearer {self.key}"})

    def create_catalog(self, name: str, **fields: str) -> None:
        """Make a catalog.

        :param fields: field -> type; ``id`` is added as the first one.
        """
        columns = [{"name": field, "type": kind} for field, kind in {"id": "string", **fields}.items()]
        self.call("POST", "/catalogs", {"catalogs": [{"name": name, "fields": columns}]})

    # --- what it holds ----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Summarize what it holds and got."""
        shown: dict[str, Any] = self._control("GET", "/state")
        return shown

    def user(self, **identifier: str) -> dict[str, Any] | None:
        """Show one user, for example ``user(external_id="c-1")``; None when there is none."""
        shown: dict[str, Any] | None = self._control("GET", "/user", query=identifier, absent=None)
        return shown

    def users(self) -> list[dict[str, Any]]:
        """Show all users, in the order of their creation."""
        shown: list[dict[str, Any]] = self._control("GET", "/users", query={"limit": 1_000_000_000})["users"]
        return shown

    def events(self, **identifier: str) -> list[dict[str, Any]]:
        """Show all events of one user, in the order in which they were applied."""
        shown: list[dict[str, Any]] = self._control("GET", "/events", query=identifier, absent=[])
        return shown

    def purchases(self, **identifier: str) -> list[dict[str, Any]]:
        """Show all purchases of one user, in the order in which they were applied."""
        shown: list[dict[str, Any]] = self._control("GET", "/purchases", query=identifier, absent=[])
        return shown

    def catalog_items(self, name: str) -> dict[str, dict[str, Any]]:
        """Show the items of a catalog: id -> item."""
        found = self._control("GET", f"/catalogs/{quote(name, safe='')}/items")
        return {item["id"]: item for item in found["items"]}

    def set_integrations(self, *integrations: dict[str, Any]) -> list[dict[str, Any]]:
        """Say which integrations Braze's own CDI has, see :mod:`.braze.cdi.integrations`."""
        shown: list[dict[str, Any]] = self._control("PUT", "/cdi/integrations", list(integrations))
        return shown

    # --- what it got ------------------------------------------------------------------------------------

    def received(self, path: str = "/users/track", *, brief: bool = False) -> dict[str, Any]:
        """Show how often each identifier arrived at a path, was accepted, and was in flight at once.

        :param brief: leave out the identifiers that arrived once.
        """
        shown: dict[str, Any] = self._control("GET", "/received", query={"path": path, "brief": int(brief)})
        return shown

    def requests(self, limit: int = 1_000) -> list[dict[str, Any]]:
        """Show the last requests, the newest first."""
        shown: list[dict[str, Any]] = self._control("GET", "/requests", query={"limit": limit})
        return shown

    # --- how it behaves ---------------------------------------------------------------------------------

    def set_faults(self, *faults: dict[str, Any]) -> list[dict[str, Any]]:
        """Set faults beside those that are set, see :mod:`.faults`."""
        shown: list[dict[str, Any]] = self._control("POST", "/faults", list(faults))
        return shown

    def faults(self) -> list[dict[str, Any]]:
        """Show the faults with how many calls they matched and hit."""
        shown: list[dict[str, Any]] = self._control("GET", "/faults")
        return shown

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._control("DELETE", "/faults")

    def change(self, **settings: Json) -> dict[str, Any]:
        """Change settings, see :class:`.settings.sandbox.Settings`."""
        shown: dict[str, Any] = self._control("PUT", "/settings", settings)
        return shown

    def settle(self) -> None:
        """Let everything that was accepted take effect now."""
        self._control("POST", "/settle")

    def reset(self) -> None:
        """Forget everything but the settings."""
        self._control("POST", "/reset")

    def _control(self, method: str, path: str, body: Json = None, **more: Any) -> Any:
        query = urlencode(more.pop("query", {}))
        return self._request(method, f"/_sandbox{path}?{query}", body, {}, **more)

    def _request(self, method: str, path: str, body: Json, headers: dict[str, str], **absent: Any) -> Any:
        # Not requests or urllib: they would request a proxy that the environment names.
        connection = http.client.HTTPConnection(self.host, self.port, timeout=START_SECONDS)
        try:
            content = None if body is None else orjson.dumps(body)
            connection.request(method, path, content, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status == 404 and "absent" in absent:
            return absent["absent"]
        if answer.status >= 400:
            raise SandboxError(f"{method} {path.partition('?')[0]}: {answer.status} {text.decode()[:500]}")
        return orjson.loads(text) if text else None


def server_config(app: Any, **more: Any) -> uvicorn.Config:
    """Say how uvicorn serves a sandbox: quietly, and without waiting for slow answers when it ends."""
    chosen: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "ws": "none",
        "lifespan": "on",
        "server_header": False,
        # A connection that rests between two batches stays open, as load balancers keep it.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 1,
    }
    return uvicorn.Config(app, **{**chosen, **more})


class _Server(uvicorn.Server):
    """Tells when it answers, and stops when it is told, not at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.answers.set()

    async def main_loop(self) -> None:
        await self._end.wait()

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)


def _listener(host: str) -> socket.socket:
    # With its protocol named, asyncio sends small answers at once (TCP_NODELAY); create_server() leaves it out, and
    # an answer may then wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((host, 0))
    listener.listen(2048)
    return listener
