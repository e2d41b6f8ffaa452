"""What the sandbox was sent: a short log of requests, and exact counts of every identifier.

The counts answer the questions that a test of delivery asks: how often did each identifier arrive, how
often was it accepted, and was it ever carried by two requests at the same time.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from cdi_sandbox.api.call import Call
from cdi_sandbox.api.json import Json
from cdi_sandbox.settings.sandbox import Settings

_HIDDEN_HEADERS = ("authorization", "proxy-authorization", "cookie")


@dataclass(slots=True)
class PathCounts:
    """The counts of one path.

    :param received: identifier -> objects that arrived with it, whatever became of the request.
    :param accepted: identifier -> objects that were accepted.
    :param in_flight: identifier -> requests that carry it right now.
    :param overlaps: identifier -> most requests that carried it at once, where that is more than one.
    :param content: object as JSON with sorted keys -> how often it arrived, when that is counted.
    """

    requests: int = 0
    objects: int = 0
    accepted_objects: int = 0
    max_requests_in_flight: int = 0
    requests_in_flight: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    received: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    in_flight: dict[str, int] = field(default_factory=dict)
    overlaps: dict[str, int] = field(default_factory=dict)
    content: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class LoggedRequest:
    """One request, from its arrival until its answer is sent.

    :param counts: where it is counted; a reset of the sandbox begins new ones.
    :param status: of the answer; 0 when there was none (a reset).
    """

    number: int
    at: float
    counts: PathCounts
    method: str
    path: str
    objects: int
    bytes: int
    identifiers: list[str | None]
    status: int = 0
    seconds: float = 0.0
    details: dict[str, Any] | None = None

    def shown(self) -> Json:
        """Show the request without what was in it."""
        fields = ("number", "at", "method", "path", "status", "objects", "bytes", "seconds")
        return {name: getattr(self, name) for name in fields} | (self.details or {})


class RequestLog:
    """Follows every request to the endpoints of the vendors."""

    def __init__(self, settings: Settings) -> None:
        self._log: deque[LoggedRequest] = deque(maxlen=settings.log_size)
        self._paths: dict[str, PathCounts] = {}
        self._last_number = 0

    def begin(self, call: Call, settings: Settings, now: float) -> LoggedRequest:
        """Note a request once its body is read.

        :param now: seconds since the epoch.
        """
        self._last_number += 1
        counts = self._paths.setdefault(call.counted_as, PathCounts())
        logged = LoggedRequest(
            number=self._last_number,
            at=now,
            counts=counts,
            method=call.method,
            path=call.path,
            objects=len(call.objects),
            bytes=call.size,
            identifiers=call.identifiers if settings.count_identifiers else [],
            details=_details(call) if settings.log_details else None,
        )
        self._log.append(logged)
        counts.requests += 1
        counts.objects += logged.objects
        counts.requests_in_flight += 1
        counts.max_requests_in_flight = max(counts.max_requests_in_flight, counts.requests_in_flight)
        _count(counts.received, logged.identifiers)
        for identifier in set(logged.identifiers):
            _add_in_flight(counts, identifier)
        if settings.count_objects:
            counts.content.update(orjson.dumps(thing, option=orjson.OPT_SORT_KEYS).decode() for thing in call.objects)
        return logged

    def accept(self, logged: LoggedRequest, identifiers: list[str | None]) -> None:
        """Note whose objects were accepted."""
        logged.counts.accepted_objects += len(identifiers)
        if logged.identifiers:
            _count(logged.counts.accepted, identifiers)

    def finish(self, logged: LoggedRequest, now: float) -> None:
        """Note that the answer is sent, or that there will be none."""
        logged.seconds = now - logged.at
        counts = logged.counts
        counts.statuses[logged.status] += 1
        counts.requests_in_flight -= 1
        for identifier in set(logged.identifiers):
            _remove_in_flight(counts, identifier)

    def last(self, limit: int) -> list[Json]:
        """Show the last requests, the newest first."""
        return [logged.shown() for logged in list(self._log)[: -limit - 1 : -1]]

    def totals(self) -> dict[str, Json]:
        """Show for each path what came and what was answered."""
        return {
            path: {
                "requests": counts.requests,
                "objects": counts.objects,
                "accepted": counts.accepted_objects,
                "statuses": {str(status): number for status, number in sorted(counts.statuses.items())},
            }
            for path, counts in sorted(self._paths.items())
        }

    def received(self, path: str, *, brief: bool) -> Json:
        """Show the counts of one path.

        :param brief: leave out the identifiers that arrived once, which are most of them.
        """
        counts = self._paths.get(path, PathCounts())
        floor = 2 if brief else 1
        return {
            "path": path,
            "requests": counts.requests,
            "objects": counts.objects,
            "accepted_objects": counts.accepted_objects,
            "statuses": {str(status): number for status, number in counts.statuses.items()},
            "distinct": len(counts.received),
            "distinct_accepted": len(counts.accepted),
            "received": {name: number for name, number in counts.received.items() if number >= floor},
            "accepted": {name: number for name, number in counts.accepted.items() if number >= floor},
            "max_requests_in_flight": counts.max_requests_in_flight,
            "max_in_flight": max(counts.overlaps.values(), default=1 if counts.received else 0),
            "overlaps": counts.overlaps,
            "content": {name: number for name, number in counts.content.items() if number >= floor},
        }


def _count(tally: dict[str, int], identifiers: list[str | None]) -> None:
    for identifier in identifiers:
        if identifier is not None:
            tally[identifier] = tally.get(identifier, 0) + 1


def _add_in_flight(counts: PathCounts, identifier: str | None) -> None:
    if identifier is None:
        return
    in_flight = counts.in_flight.get(identifier, 0) + 1
    counts.in_flight[identifier] = in_flight
    if in_flight > 1:
        counts.overlaps[identifier] = max(in_flight, counts.overlaps.get(identifier, 0))


def _remove_in_flight(counts: PathCounts, identifier: str | None) -> None:
    if identifier is None:
        return
    in_flight = counts.in_flight.get(identifier, 0) - 1
    if in_flight > 0:
        counts.in_flight[identifier] = in_flight
    else:
        counts.in_flight.pop(identifier, None)


def _details(call: Call) -> dict[str, Any]:
    shown = {name: value for name, value in call.headers.items() if name not in _HIDDEN_HEADERS}
    return {"headers": shown, "body": call.raw.decode(errors="replace")}
