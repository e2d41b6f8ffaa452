"""A model of many requests in flight, in virtual time: clients of one core each, a way, a service that they share.

A request takes a part of its client's core to be sent, then the way, then one of the service's workers if it has a
limited number, and again a part of the core when its answer has come. There is always a next request, unless the
source gives only so many a second.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

from airflow_provider_cdi.engine.delivery.concurrency_limit import AdaptiveConcurrencyLimit

#: Processor time of a request, in seconds: a half when it is sent, a half when it is answered.
CLIENT_SECONDS = 0.0006
#: How often the limits are looked at.
LOOKS_A_SECOND = 10

Seconds = Callable[[Random, float], float]
#: Whether a request fails, by the time and by how many are on their way; called once for each.
Failing = Callable[[Random, float, int], bool]


class Law(Protocol):
    """What says how many requests may be in flight."""

    limit: int

    def note(self, seconds: float, in_flight: int, *, trouble: bool, was_paced: bool) -> None: ...


T = TypeVar("T")
MakeLaw = Callable[[int], Law]


def always(seconds: float) -> Seconds:
    return lambda _random, _now: seconds


def heavy_tail(median: float, p99: float) -> Seconds:
    sigma = math.log(p99 / median) / 2.326
    return lambda random, _now: median * math.exp(sigma * random.gauss(0, 1))


def mixed(fast: float, slow: float, share_of_slow: float) -> Seconds:
    return lambda random, _now: slow if random.random() < share_of_slow else fast


def never(_random: Random, _now: float, _in_flight: int) -> bool:
    return False


def at_random(share: float) -> Failing:
    return lambda random, _now, _in_flight: random.random() < share


def above(most: int) -> Failing:
    return lambda _random, _now, in_flight: in_flight >= most


@dataclass(frozen=True)
class World:
    """What requests meet.

    :param way: seconds in both directions together.
    :param workers: of the service; 0 for any number, each of them takes ``work`` seconds for a request.
    :param fails: whether a request fails.
    :param failing_seconds: how long one that fails takes, if not as long as the others.
    :param pace: seconds between two requests of a client.
    :param source: requests a second that a client's source gives.
    :param new_connection: seconds more on the way of the first request on each connection.
    :param stall: how long the client is busy with other things at a time, and the gap behind it, both on average.
    :param clients: processes that share the service.
    :param apart: seconds between the starts of two clients.
    """

    way: Seconds
    workers: int = 0
    work: float | Seconds = 0.0
    fails: Failing = never
    failing_seconds: float | None = None
    pace: float = 0.0
    source: float = 0.0
    new_connection: float = 0.0
    stall: tuple[float, float] | None = None
    clients: int = 1
    apart: float = 0.0


@dataclass
class Course:
    """What came of it: what each client had ``answered``, its limit and its requests at each look."""

    answered: list[list[int]] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    limits: list[list[int]] = field(default_factory=list)
    in_flight: list[list[int]] = field(default_factory=list)

    def rate(self, since: float, until: float) -> float:
        return sum(self.rates(since, until))

    def rates(self, since: float, until: float) -> list[float]:
        """Return answers a second by client."""
        return [sum(those) / (until - since) for those in zip(*_part(self.answered, since, until), strict=True)]

    def share_of_failures(self, since: float, until: float) -> float:
        failed = sum(_part(self.failed, since, until))
        return failed / (failed + sum(map(sum, _part(self.answered, since, until))))

    def mean_in_flight(self, since: float, until: float) -> float:
        part = _part(self.in_flight, since, until)
        return sum(map(sum, part)) / len(part)

    def most_allowed(self, since: float, until: float) -> int:
        return max(map(max, _part(self.limits, since, until)))

    def least_allowed(self, since: float, until: float) -> int:
        return min(map(min, _part(self.limits, since, until)))

    def limit_at(self, moment: float) -> int:
        """Return the highest limit of all clients."""
        return max(self.limits[round(moment * LOOKS_A_SECOND)])


def _part(looks: list[T], since: float, until: float) -> list[T]:
    return looks[round(since * LOOKS_A_SECOND) : round(until * LOOKS_A_SECOND)]


@dataclass(frozen=True)
class _Sent:
    client: _Client
    turn: float
    was_paced: bool
    fails: bool = False


class _Client:
    def __init__(self, law: Law) -> None:
        self.law = law
        self.core_free = self.next_slot = 0.0
        self.in_flight = self.on_the_way = self.connections = self.offered = self.answered = 0

    def core(self, now: float, seconds: float) -> float:
        """Return when the core has done so much more."""
        self.core_free = max(self.core_free, now) + seconds
        return self.core_free


class Model:
    """One course through a world under a law."""

    def __init__(self, world: World, seed: int, most: int, law: MakeLaw) -> None:
        self._world = world
        self._random = Random(seed)
        self._now = 0.0
        self._clients = [_Client(law(most)) for _ in range(world.clients)]
        self._events: list[tuple[float, int, Callable[..., None], object]] = []
        self._number = 0
        self._workers = [0.0] * world.workers
        self._on_the_way = self._failed = 0

    def run(self, seconds: float) -> Course:
        course, looks = Course(), 0
        for place, client in enumerate(self._clients):
            self._at(place * self._world.apart, self._start, client)
        while self._now < seconds:
            self._now, _, happen, what = heapq.heappop(self._events)
            while self._now >= (looks + 1) / LOOKS_A_SECOND:
                looks += 1
                self._look(course)
            happen(what)
        return course

    def _look(self, course: Course) -> None:
        course.answered.append([client.answered for client in self._clients])
        course.failed.append(self._failed)
        course.limits.append([client.law.limit for client in self._clients])
        course.in_flight.append([client.in_flight for client in self._clients])
        self._failed = 0
        for client in self._clients:
            client.answered = 0

    def _at(self, moment: float, happen: Callable[..., None], what: object) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, happen, what))

    def _start(self, client: _Client) -> None:
        if self._world.source:
            self._offer(client)
        if self._world.stall:
            self._stall(client)
        self._fill(client)

    def _stall(self, client: _Client) -> None:
        assert self._world.stall
        busy, gap = (self._random.expovariate(1 / mean) for mean in self._world.stall)
        client.core(self._now, busy)
        self._at(self._now + busy + gap, self._stall, client)

    def _offer(self, client: _Client) -> None:
        client.offered = min(client.offered + 1, 1000)
        self._at(self._now + 1 / self._world.source, self._offer, client)
        self._fill(client)

    def _fill(self, client: _Client) -> None:
        while client.in_flight < client.law.limit and (client.offered or not self._world.source):
            client.offered -= bool(self._world.source)
            client.in_flight += 1
            turn = max(client.next_slot, self._now)
            client.next_slot = turn + self._world.pace
            was_paced = bool(self._world.pace) and turn > self._now
            self._at(turn, self._begin, _Sent(client, turn, was_paced))

    def _begin(self, sent: _Sent) -> None:
        self._at(sent.client.core(self._now, CLIENT_SECONDS / 2), self._travel, sent)

    def _travel(self, sent: _Sent) -> None:
        fails = self._world.fails(self._random, self._now, self._on_the_way)
        way = self._world.way(self._random, self._now)
        if fails and self._world.failing_seconds is not None:
            way = self._world.failing_seconds
        client = sent.client
        self._on_the_way += 1
        client.on_the_way += 1
        if client.on_the_way > client.connections:
            client.connections += 1
            way += self._world.new_connection
        works = self._world.workers and not fails
        arrives = _Sent(client, sent.turn, sent.was_paced, fails)
        self._at(self._now + way, self._work if works else self._arrive, arrives)

    def _work(self, sent: _Sent) -> None:
        work = self._world.work
        seconds = work(self._random, self._now) if callable(work) else work
        done = max(heapq.heappop(self._workers), self._now) + seconds
        heapq.heappush(self._workers, done)
        self._at(done, self._arrive, sent)

    def _arrive(self, sent: _Sent) -> None:
        self._on_the_way -= 1
        sent.client.on_the_way -= 1
        self._at(sent.client.core(self._now, CLIENT_SECONDS / 2), self._end, sent)

    def _end(self, sent: _Sent) -> None:
        client = sent.client
        client.law.note(self._now - sent.turn, client.in_flight, trouble=sent.fails, was_paced=sent.was_paced)
        client.answered += not sent.fails
        self._failed += sent.fails
        client.in_flight -= 1
        self._fill(client)


def simulate(
    world: World, seconds: float, seed: int = 1, most: int = 256, law: MakeLaw = AdaptiveConcurrencyLimit
) -> Course:
    return Model(world, seed, most, law).run(seconds)
