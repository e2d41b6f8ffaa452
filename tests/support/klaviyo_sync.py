"""A sync into the local Klaviyo in virtual time: the real engine and destination, no network, no waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from airflow_provider_cdi.destinations.klaviyo import KlaviyoArguments, klaviyo_destination
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import NOON, run_virtually
from cdi_sandbox.app import create_app
from cdi_sandbox.settings import Clock, Settings

HEADERS = {
    "authorization": "Klaviyo-API-Key pk_sandbox",
    "revision": "2026-10-15",
    "content-type": "application/vnd.api+json",
    "host": "sandbox.localhost",
}
SETTINGS = DeliverySettings(max_in_flight=8, window_rows=50_000, retry=RetryPolicy(attempts=5))


@dataclass
class KlaviyoSide:
    """The local Klaviyo as a transport.

    :param settings: of Klaviyo, as the control plane takes them; it is strict unless they say otherwise.
    :param faults: as the control plane takes them.
    :param fault: called with each request: an answer or an error in its place.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    faults: Sequence[dict[str, Any]] = ()
    fault: Callable[[Request], Response | NoAnswer | None] = lambda _request: None
    requests: list[tuple[float, Request]] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    def open(self) -> None:
        start = NOON.timestamp()
        clock = Clock(now=lambda: start + asyncio.get_running_loop().time(), sleep=asyncio.sleep)
        self._app = create_app(Settings(apply_delay=0).changed({"klaviyo": {"strict": True} | self.settings}), clock)

    def close(self) -> None:
        self._app.world.close()

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0.05)
        self.requests.append((asyncio.get_running_loop().time(), request))
        trouble = self.fault(request)
        if isinstance(trouble, NoAnswer):
            raise trouble
        answer = trouble or await self.call(request.method, request.path, request.body)
        self.answers[answer.status] += 1
        return answer

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.call(method, f"/_sandbox{path}", orjson.dumps(body) if body is not None else b"")
        assert answer.status < 300, answer.body
        return orjson.loads(answer.body)

    async def call(self, method: str, path: str, body: bytes, **headers: str) -> Response:
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (HEADERS | headers).items()],
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Response(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

    def family(self, family: str) -> list[tuple[float, Request]]:
        """List the requests of an endpoint, each with the moment at which it arrived."""
        return [(at, request) for at, request in self.requests if request.family == family]


@dataclass
class Outcome:
    """What became of a sync."""

    report: Report | None
    error: BaseException | None
    journal: MemoryJournal
    side: KlaviyoSide
    seen: Any

    @property
    def totals(self) -> Totals:
        if self.report is not None:
            return self.report.totals
        assert self.journal.progress
        return self.journal.progress.totals


def sync_into_klaviyo(
    columns: dict[str, Any],
    data_type: str = "profiles",
    *,
    side: KlaviyoSide | None = None,
    journal: MemoryJournal | None = None,
    saved: Progress | None = None,
    look: Callable[[KlaviyoSide], Any] | None = None,
    before: Callable[[KlaviyoSide], Any] | None = None,
    settings: DeliverySettings = SETTINGS,
    patience: float = float("inf"),
    **options: Any,
) -> Outcome:
    """Deliver a table.

    :param look: a coroutine that looks at the local Klaviyo in the end; what it returns is ``seen``.
    :param before: a coroutine that prepares it.
    """
    side, journal = side or KlaviyoSide(), journal or MemoryJournal()
    options.setdefault("now", NOON.timestamp)

    async def work() -> Outcome:
        side.open()
        for fault in side.faults:
            await side.control("POST", "/faults", fault)
        if before is not None:
            await before(side)
        inputs = inputs_in_memory(
            TableSource(columns),
            klaviyo_destination(data_type, KlaviyoArguments(**options)),
            side,
            journal,
            part=incremental(saved),
            progress=saved,
            jobs=saved.jobs if saved else (),
            settings=settings,
            patience=patience,
        )
        report, error = None, None
        try:
            report = await Run(inputs).run()
        except Exception as caught:
            error = caught
        seen = await look(side) if look is not None else None
        side.close()
        return Outcome(report, error, journal, side, seen)

    return run_virtually(work())
