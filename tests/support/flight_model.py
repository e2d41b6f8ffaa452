"""A model of many requests in flight, in virtual time: a client of one core, a way, a service.

A request takes a part of the client's core to be sent, then the way, then one of the service's workers if it has a
limited number, and again a part of the core when its answer has come. There is always a next request, unless the
source gives only so many a second.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from airflow_provider_cdi.engine.flight_limit import FlightLimit

#: Processor time of a request, in seconds: a half when it is sent, a half when it is answered.
CLIENT_SECONDS = 0.0006

Seconds = Callable[[Random, float], float]


def always(seconds: float) -> Seconds:
    return lambda _random, _now: seconds


def heavy_tail(median: float, p99: float) -> Seconds:
    sigma = math.log(p99 / median) / 2.326
    return lambda random, _now: median * math.exp(sigma * random.gauss(0, 1))


def never(_random: Random, _now: float, _in_flight: int) -> bool:
    return False


@dataclass(frozen=True)
class World:
    """``way`` both directions; ``fails`` by the requests on their way; ``stall`` a busy time and the gap behind it."""

    way: Seconds
    workers: int = 0
    work: float = 0.0
    fails: Callable[[Random, float, int], bool] = never
    pace: float = 0.0
    source: float = 0.0
    new_connection: float = 0.0
    stall: tuple[float, float] | None = None


@dataclass
class Flight:
    """What came of it: ``answered`` and ``limits`` at each tenth of a second."""

    answered: list[int] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)

    def rate(self, since: float, until: float) -> float:
        return sum(self.answered[round(since * 10) : round(until * 10)]) / (until - since)

    def mean_in_flight(self, since: float, until: float) -> float:
        part = self.in_flight[round(since * 10) : round(until * 10)]
        return sum(part) / len(part)

    def most_allowed(self, since: float, until: float) -> int:
        return max(self.limits[round(since * 10) : round(until * 10)])

    def least_allowed(self, since: float, until: float) -> int:
        return min(self.limits[round(since * 10) : round(until * 10)])


@dataclass(frozen=True)
class _Sent:
    turn: float
    was_paced: bool
    fails: bool = False


class Model:
    """One flight through a world under the law. Also the clock of the law."""

    def __init__(self, world: World, seed: int = 1, most: int = 256) -> None:
        self._world = world
        self._random = Random(seed)
        self._now = 0.0
        self._law = FlightLimit(self, most)  # type: ignore[arg-type] # it asks for the time alone
        self._events: list[tuple[float, int, Callable[..., None], object]] = []
        self._number = 0
        self._core_free = self._next_slot = 0.0
        self._workers = [0.0] * world.workers
        self._in_flight = self._on_the_way = self._connections = self._offered = 0
        self._answered = 0

    def monotonic(self) -> float:
        return self._now

    def run(self, seconds: float) -> Flight:
        flight, next_look = Flight(), 0.1
        if self._world.source:
            self._at(0.0, self._offer)
        if self._world.stall:
            self._at(0.0, self._stall)
        self._fill()
        while self._now < seconds:
            self._now, _, happen, what = heapq.heappop(self._events)
            while self._now >= next_look:
                flight.answered.append(self._answered)
                flight.limits.append(self._law.limit)
                flight.in_flight.append(self._in_flight)
                self._answered = 0
                next_look += 0.1
            happen(what)
        return flight

    def _at(self, moment: float, happen: Callable[..., None], what: object = None) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, happen, what))

    def _core(self, seconds: float) -> float:
        self._core_free = max(self._core_free, self._now) + seconds
        return self._core_free

    def _stall(self, _: None) -> None:
        assert self._world.stall
        busy, gap = (self._random.expovariate(1 / mean) for mean in self._world.stall)
        self._core(busy)
        self._at(self._now + busy + gap, self._stall)

    def _offer(self, _: None) -> None:
        self._offered = min(self._offered + 1, 1000)
        self._at(self._now + 1 / self._world.source, self._offer)
        self._fill()

    def _fill(self) -> None:
        while self._in_flight < self._law.limit and (self._offered or not self._world.source):
            self._offered -= bool(self._world.source)
            self._in_flight += 1
            turn = max(self._next_slot, self._now)
            self._next_slot = turn + self._world.pace
            was_paced = bool(self._world.pace) and turn > self._now
            self._at(turn, self._begin, _Sent(turn, was_paced))

    def _begin(self, sent: _Sent) -> None:
        self._at(self._core(CLIENT_SECONDS / 2), self._travel, sent)

    def _travel(self, sent: _Sent) -> None:
        fails = self._world.fails(self._random, self._now, self._on_the_way)
        way = self._world.way(self._random, self._now)
        self._on_the_way += 1
        if self._on_the_way > self._connections:
            self._connections += 1
            way += self._world.new_connection
        works = self._world.workers and not fails
        self._at(self._now + way, self._work if works else self._arrive, _Sent(sent.turn, sent.was_paced, fails))

    def _work(self, sent: _Sent) -> None:
        done = max(heapq.heappop(self._workers), self._now) + self._world.work
        heapq.heappush(self._workers, done)
        self._at(done, self._arrive, sent)

    def _arrive(self, sent: _Sent) -> None:
        self._on_the_way -= 1
        self._at(self._core(CLIENT_SECONDS / 2), self._end, sent)

    def _end(self, sent: _Sent) -> None:
        self._law.note(self._now - sent.turn, self._in_flight, trouble=sent.fails, was_paced=sent.was_paced)
        self._answered += not sent.fails
        self._in_flight -= 1
        self._fill()


def fly(world: World, seconds: float, seed: int = 1, most: int = 256) -> Flight:
    return Model(world, seed, most).run(seconds)
