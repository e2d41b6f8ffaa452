"""What says how many requests may be in flight, beside simpler laws: ``python benchmarks/laws.py``, a minute.

In the model of the tests, in virtual time and with seeded randomness: the figures are the same on every machine, and
what is printed is the table on ``docs/speed.md``. The law that this one replaced was measured in the same worlds before
it left the package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from support.concurrency_model import (
    Failing,
    MakeLaw,
    World,
    above,
    always,
    at_random,
    heavy_tail,
    mixed,
    simulate,
)

from airflow_provider_cdi.engine.delivery.concurrency_limit import AdaptiveConcurrencyLimit

#: Seconds of a course, and from when on it counts where the start does not.
LENGTH, STARTED = 15.0, 3.0
SEEDS = (1, 2, 3)
MOST = 256


class Fixed:
    """Always 64."""

    def __init__(self, most: int) -> None:
        self.limit = min(64, most)

    def note(self, seconds: float, in_flight: int, *, trouble: bool, was_paced: bool) -> None:
        """Learn nothing."""


class Textbook:
    """AIMD by failures alone: double until the first one, then one more a round, half of it after a round with one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(4, most)
        self._is_starting = True
        self._answers, self._has_failed = 0, False

    def note(self, seconds: float, in_flight: int, *, trouble: bool, was_paced: bool) -> None:
        """Count the answers of a round."""
        self._answers += 1
        self._has_failed |= trouble
        if self._answers < self.limit:
            return
        if self._has_failed:
            self._is_starting = False
            self.limit = max(4, self.limit // 2)
        elif in_flight >= self.limit and not was_paced:
            self.limit = min(self._most, self.limit * 2 if self._is_starting else self.limit + 1)
        self._answers, self._has_failed = 0, False


LAWS: Mapping[str, MakeLaw] = {
    "this package": AdaptiveConcurrencyLimit,
    "AIMD by failures alone": Textbook,
    "always 64": Fixed,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the seeds.

    :param rate: answers a second that did not fail.
    :param in_flight: requests on their way.
    :param failed: the part of the answers that failed.
    """

    rate: float
    in_flight: float
    failed: float


#: Of the law of before: Vegas with BBR's probing and CUBIC's memory of the ceiling, 229 lines.
FORMER: Mapping[str, Figures] = {
    "0.3 ms": Figures(1667, 6, 0.000),
    "20 ms": Figures(1663, 52, 0.000),
    "50 ms": Figures(1663, 128, 0.000),
    "150 ms": Figures(1667, 256, 0.000),
    "20 ms, the first two seconds": Figures(1596, 57, 0.000),
    "50 ms, the first two seconds": Figures(1446, 122, 0.000),
    "150 ms, the first two seconds": Figures(902, 162, 0.000),
    "40 ms, one in a hundred takes 500": Figures(1645, 158, 0.000),
    "30 ms, one in five takes 400": Figures(1644, 228, 0.000),
    "50 ms, a client that is busy now and then": Figures(1082, 181, 0.000),
    "8 workers of 20 ms, 20 ms away": Figures(399, 24, 0.000),
    "32 workers of 50 ms, 20 ms away": Figures(638, 68, 0.000),
    "8 workers of 20 ms on average": Figures(396, 24, 0.000),
    "four tasks at 8 workers of 20 ms": Figures(400, 24, 0.000),
    "429 above 1,000 a second, 50 ms": Figures(1000, 52, 0.028),
    "503 at once above 40, 50 ms": Figures(722, 37, 0.036),
    "503 after 50 ms above 40": Figures(692, 38, 0.059),
    "one in fifty fails, 50 ms": Figures(1628, 128, 0.021),
    "one in seven fails, 20 ms": Figures(203, 5, 0.140),
    "one in seven fails, 50 ms": Figures(128, 7, 0.132),
    "one in two fails, 50 ms": Figures(40, 4, 0.494),
    "after two seconds in which all fail, 50 ms": Figures(1272, 97, 0.001),
    "from 20 to 100 ms, the five seconds behind it": Figures(1508, 228, 0.000),
    "a pace of 1,000 a second, 40 ms, some 500": Figures(1001, 108, 0.000),
}


def rate_limit(requests: int) -> Failing:
    """Refuse what comes faster than so many a second."""
    left, last = requests / 10, 0.0

    def fails(_random: Random, now: float, _in_flight: int) -> bool:
        nonlocal left, last
        left, last = min(requests / 10, left + (now - last) * requests), now
        if left < 1:
            return True
        left -= 1
        return False

    return fails


def step(before: float, after: float) -> Callable[[Random, float], float]:
    """Return a way that changes after five seconds."""
    return lambda _random, now: after if now > 5 else before


def worlds() -> Iterator[tuple[str, World, float, float]]:
    """Yield what is measured: name, world, from when on, until when.

    A world may have a state (a rate limit has), so each course has one of its own.
    """
    for delay in (0.3, 20, 50, 150):
        yield f"{delay} ms", World(always(delay / 1000)), STARTED, LENGTH
    for delay in (20, 50, 150):
        yield f"{delay} ms, the first two seconds", World(always(delay / 1000)), 0.0, 2.0
    yield "40 ms, one in a hundred takes 500", World(heavy_tail(0.04, 0.5)), STARTED, LENGTH
    yield "30 ms, one in five takes 400", World(mixed(0.03, 0.4, 0.2)), STARTED, LENGTH
    yield "50 ms, a client that is busy now and then", World(always(0.05), stall=(0.03, 0.06)), STARTED, LENGTH
    yield "8 workers of 20 ms, 20 ms away", World(always(0.02), workers=8, work=0.02), STARTED, LENGTH
    yield "32 workers of 50 ms, 20 ms away", World(always(0.02), workers=32, work=0.05), STARTED, LENGTH
    exponential = World(always(0.02), workers=8, work=lambda random, _now: random.expovariate(1 / 0.02))
    yield "8 workers of 20 ms on average", exponential, STARTED, LENGTH
    four = World(always(0.02), workers=8, work=0.02, clients=4)
    yield "four tasks at 8 workers of 20 ms", four, STARTED, LENGTH
    yield "429 above 1,000 a second, 50 ms", World(always(0.05), fails=rate_limit(1000)), STARTED, LENGTH
    yield "503 at once above 40, 50 ms", World(always(0.05), fails=above(40), failing_seconds=0.005), STARTED, LENGTH
    yield "503 after 50 ms above 40", World(always(0.05), fails=above(40)), STARTED, LENGTH
    yield "one in fifty fails, 50 ms", World(always(0.05), fails=at_random(1 / 50)), STARTED, LENGTH
    yield "one in seven fails, 20 ms", World(always(0.02), fails=at_random(1 / 7)), STARTED, LENGTH
    yield "one in seven fails, 50 ms", World(always(0.05), fails=at_random(1 / 7)), STARTED, LENGTH
    yield "one in two fails, 50 ms", World(always(0.05), fails=at_random(1 / 2)), STARTED, LENGTH
    away = World(always(0.05), fails=lambda _random, now, _in_flight: 3 < now < 5)
    yield "after two seconds in which all fail, 50 ms", away, 5.0, 10.0
    yield "from 20 to 100 ms, the five seconds behind it", World(step(0.02, 0.1)), 5.0, 10.0
    yield "a pace of 1,000 a second, 40 ms, some 500", World(heavy_tail(0.04, 0.5), pace=0.001), STARTED, LENGTH


def measured(name: str, law: MakeLaw) -> Figures:
    """Run one law in one world, once a seed."""
    found = []
    for seed in SEEDS:
        world, since, until = next((world, since, until) for title, world, since, until in worlds() if title == name)
        course = simulate(world, until + 0.05, seed, MOST, law)
        span = (since, until)
        found.append((course.rate(*span), course.mean_in_flight(*span), course.share_of_failures(*span)))
    return Figures(*(mean(those) for those in zip(*found, strict=True)))


def table() -> Iterator[str]:
    """Yield the lines of the table, one as soon as it is measured."""
    heads = ["", *LAWS, "the law of before"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for name, *_ in worlds():
        figures = [measured(name, law) for law in LAWS.values()]
        yield f"| {' | '.join([name, *map(told, [*figures, *filter(None, [FORMER.get(name)])])])} |"


def told(figures: Figures) -> str:
    failed = f", {figures.failed:.0%} fail" if figures.failed >= 0.005 else ""
    return f"{figures.rate:,.0f} ({figures.in_flight:.0f}{failed})"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
