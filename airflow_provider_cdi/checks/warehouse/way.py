"""The way to the warehouse: connection, network, TLS, log-in, compute, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.sockets import Endpoint, reach, shake_hands
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile
from airflow_provider_cdi.checks.warehouse.subject import Subject
from airflow_provider_cdi.hooks.reach import has_proxy
from airflow_provider_cdi.hooks.sql.source import server_time

CONNECTION, NETWORK, TLS = "warehouse connection", "warehouse network", "warehouse TLS"
LOGIN, COMPUTE, CLOCK = "warehouse log-in", "warehouse compute", "warehouse clock"
#: Seconds that two clocks may be apart without a word.
CLOCK_SKEW = 30.0


@dataclass
class Way:
    """Looks at the way to a warehouse.

    :param subject: whose.
    :param profile: what is known of its kind.
    :param now: the worker's clock.
    """

    subject: Subject
    profile: WarehouseProfile
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order."""
        yield Step(CONNECTION, self.connection)
        yield Step(NETWORK, self.network, (CONNECTION,))
        yield Step(TLS, self.tls, (NETWORK,))
        yield Step(LOGIN, self.log_in, (TLS,))
        yield Step(COMPUTE, self.compute, (LOGIN,))
        yield Step(CLOCK, self.clock, (COMPUTE,))

    def connection(self) -> str:
        """Read the Airflow connection."""
        hook = self.subject.hook
        kind = self.subject.connection.conn_type
        return f"The connection {self.subject.conn_id!r} of the type {kind!r} is there ({hook.dialect.name})."

    def network(self) -> str:
        """Open a connection to each host, or the tunnel that leads there."""
        route = self.subject.hook.route
        if route.ssh_conn_id is not None:
            with route.opened():
                return f"The tunnel through the SSH server of the connection {route.ssh_conn_id!r} opens."
        return " ".join(reach(one) for one in self._endpoints)

    def tls(self) -> str:
        """Look at each host's certificate."""
        return " ".join(shake_hands(one) for one in self._endpoints)

    def log_in(self) -> str:
        """Open a connection as a sync does."""
        with self.subject.hook.session.connected("logging in"):
            pass
        if self.profile.logs_in_when_asked:
            raise NotTried("The client logs in with its first query: the next step tells.")
        return "The login is accepted."

    def compute(self) -> str:
        """Let the warehouse compute something."""
        ((first, *_),) = self.subject.ask(self.profile.compute, "the smallest query")
        if first is None:
            raise Problem("Nothing computes for this connection.", self.profile.no_compute)
        name = f" on {first}" if isinstance(first, str) else ""
        return f"The smallest query ran{name}."

    def clock(self) -> str:
        """Compare the warehouse's clock with the worker's."""
        with self.subject.hook.session.connected("asking for the time") as connection:
            theirs = server_time(self.subject.dialect, connection)
        return compared(theirs, self.now(), "the warehouse")

    @cached_property
    def _endpoints(self) -> Sequence[Endpoint]:
        if self.subject.hook.route.ssh_conn_id is not None:
            raise NotTried("The way leads through an SSH tunnel: the log-in tells what the database shows.")
        endpoints = self.profile.endpoints(self.subject)
        if not endpoints:
            raise NotTried("The way is the driver's own: the log-in tells whether it is open.")
        proxied = [one.host for one in endpoints if has_proxy(one.host)]
        if proxied:
            raise NotTried(f"A proxy of the environment leads to {', '.join(proxied)}: the log-in tells.")
        return endpoints


def compared(theirs: datetime, ours: datetime, whose: str) -> str:
    """Compare two clocks.

    :raises Doubt: when they are far apart.
    """
    seconds = (theirs - ours).total_seconds()
    if abs(seconds) > CLOCK_SKEW:
        side = "ahead of" if seconds > 0 else "behind"
        raise Doubt(
            f"The clock of {whose} is {abs(seconds):,.0f} s {side} the worker's.",
            "Let the worker keep time by NTP: key pairs, tokens and signatures are refused when its clock is off. "
            "Which rows are due is told by the warehouse's clock alone.",
        )
    return f"The clock of {whose} and the worker's are {abs(seconds):.0f} s apart."
