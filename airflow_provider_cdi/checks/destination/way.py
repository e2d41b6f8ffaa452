"""The way to a destination over HTTP: connection, network, TLS, clock; the same for each of them."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.sockets import Endpoint, Tls, reach, shake_hands
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.checks.warehouse.way import compared
from airflow_provider_cdi.destinations.statuses import retry_after
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.calls import Calls

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.verdicts import Request, Response
    from airflow_provider_cdi.hooks.http.hook import HttpHook

CONNECTION, NETWORK, TLS = "destination connection", "destination network", "destination TLS"
KEY, CLOCK, RATE = "destination key", "destination clock", "destination rate limit"
#: Part of a rate limit below which its use is told.
_LITTLE_LEFT = 0.1
#: Seconds that a check waits to ask again: Klaviyo answers one question for the account a second, whoever asks.
_PATIENCE = 5.0
_SHARE = (
    "Others use the same limit: wait for its next window, and give each sync its part (rate_share or "
    "requests_per_second of the connection)."
)

T = TypeVar("T")


@dataclass
class DestinationWay:
    """Looks at the way to a destination, and at its answers. One subclass per destination says the rest.

    :param hook: the connection.
    :param now: the worker's clock.
    :param sleep: waits so many seconds, where a host asks for a moment.
    """

    hook: HttpHook
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    #: What was answered so far, the latest last.
    answers: list[Response] = field(default_factory=list, init=False)

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order."""
        yield Step(CONNECTION, self.connection)
        yield Step(NETWORK, self.network, (CONNECTION,))
        yield Step(TLS, self.tls, (NETWORK,))
        yield Step(KEY, self.key, (TLS,))
        yield from self.own_steps()
        yield Step(CLOCK, self.clock, (TLS,))
        yield Step(RATE, self.rate, (TLS,))

    def own_steps(self) -> Iterator[Step]:
        """Return what only this destination has, between the key and the clock."""
        yield from ()

    def connection(self) -> str:
        """Read the Airflow connection."""
        return f"The connection {self.hook.conn_id!r} is there; it leads to {self.hook.settings.host}."

    def network(self) -> str:
        """Open a connection to the host."""
        return reach(self._endpoint)

    def tls(self) -> str:
        """Look at the host's certificate as deliveries do."""
        return shake_hands(self._endpoint)

    def key(self) -> str:
        """Prove the key by requests that change nothing."""
        works, told = self.calling(self.hook.check)
        if not works:
            raise Problem(told)
        return told

    def clock(self) -> str:
        """Compare the clock of the destination's answers with the worker's."""
        dates = [answer.headers["date"] for answer in self.answers if "date" in answer.headers]
        try:
            theirs = parsedate_to_datetime(dates[-1]).replace(tzinfo=UTC)
        except (IndexError, ValueError):
            raise NotTried("No answer came that says the time.") from None
        return compared(theirs, self.now(), self.hook.settings.host)

    def rate(self) -> str:
        """Say how much of the rate limit is left."""
        if any(answer.status == 429 for answer in self.answers):
            raise Problem(
                f"{self.hook.settings.host} answers 429: its rate limit is used up.",
                _SHARE,
                passes=True,
            )
        raise NotTried(f"{self.hook.settings.host} does not tell its rate limits.")

    def calling(self, ask: Callable[[Callable[[Request], Response]], T]) -> T:
        """Let somebody send requests that change nothing, and keep their answers.

        :raises Problem: when no answer comes.
        """

        def call(request: Request) -> Response:
            answer = calls.call(request)
            wait = retry_after(answer) if answer.status == 429 else None
            if wait is not None and wait <= _PATIENCE:
                self.sleep(wait)
                answer = calls.call(request)
            self.answers.append(answer)
            return answer

        try:
            with Calls(self.hook.settings) as calls:
                return ask(call)
        except NoAnswer as fault:
            raise Problem(f"No answer: {fault.reason}.", passes=True) from None

    def refuse_throttled(self) -> None:
        """Name the rate limit as the cause when no answer spoke of the key.

        :raises Problem: when every answer so far was a 429.
        """
        if self.answers and {answer.status for answer in self.answers} == {429}:
            told = f"{self.hook.settings.host} answers 429 to every question, so whether it knows the key did not show."
            raise Problem(told, _SHARE, passes=True)

    def told_rate(self, limit: int, remaining: int, seconds_left: float, what: str) -> str:
        """Say what is left of a limit.

        :param what: which limit it is.
        :raises Doubt: when it is little.
        """
        told = f"{remaining:,} of {limit:,} requests are left of {what}, which begins anew in {seconds_left:.0f} s."
        if remaining < limit * _LITTLE_LEFT:
            raise Doubt(told, _SHARE)
        return told

    @property
    def _endpoint(self) -> Endpoint:
        settings = self.hook.settings
        if settings.proxy:
            raise NotTried(f"The way leads through the proxy {settings.proxy_host}: the step {KEY!r} tells.")
        url = urlsplit(settings.base_url)
        is_encrypted = url.scheme == "https"
        return Endpoint(
            url.hostname or "",
            url.port or (443 if is_encrypted else 80),
            Tls.AT_ONCE if is_encrypted else Tls.NONE,
            lambda: _known(settings.tls_context()),
            is_wanted=False,
            cure="If a company proxy opens TLS, give its authority in the connection's field 'ca_bundle' or in "
            "REQUESTS_CA_BUNDLE.",
        )


def _known(context: ssl.SSLContext | None) -> ssl.SSLContext:
    return context or ssl.create_default_context()
