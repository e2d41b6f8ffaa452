"""A rate limit on somebody else's clock, in virtual time, and who uses it up together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from math import ceil, floor
from random import Random

from airflow_provider_cdi.destinations.braze.responses.rate_headers import BrazeDestination, wait_of
from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.delivery.rate_line import Turn
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.testing.virtual_time import VirtualClock

#: The wall clock when the loop's time is 0: in the middle of whichever window.
EPOCH = 1_790_000_000.4

BURST_SECONDS = 3
Delay = Callable[[], float]


def wall() -> float:
    return EPOCH + asyncio.get_running_loop().time()


@dataclass
class SharedLimit:
    """The other side: fixed windows on its own clock, and headers as Braze writes them.

    :param requests: of everybody, in each window.
    :param seconds: length of a window.
    :param skew: how far its clock is ahead of ours, in seconds.
    :param way: seconds of a request's way there, and of its answer's way back.
    :param regime: ``classic``; ``mau`` for seconds left and a 429 without windows; ``silent`` for a 429 with nothing
        but the seconds to wait, and no other header ever.
    :param burst: a second limit, requests in each window of three seconds, that is never shown; 0 for none.
    """

    requests: int
    seconds: int
    skew: float = 0.0
    way: Delay = lambda: 0.025
    regime: str = "classic"
    burst: int = 0
    taken: Counter[tuple[int, str]] = field(default_factory=Counter)
    refused: Counter[tuple[int, str]] = field(default_factory=Counter)
    _used: Counter[int] = field(default_factory=Counter)
    _bursts: Counter[int] = field(default_factory=Counter)

    async def send(self, who: str) -> Response:
        await asyncio.sleep(self.way())
        answer = self.count(who)
        await asyncio.sleep(self.way())
        return answer

    def count(self, who: str) -> Response:
        now = wall() + self.skew
        window = floor(now / self.seconds)
        left = self.requests - self._used[window]
        headers = {"date": formatdate(floor(now), usegmt=True)}
        end = (window + 1) * self.seconds
        burst = floor(now / BURST_SECONDS)
        if self.burst and left > 0 and self._bursts[burst] >= self.burst:
            left, end = 0, (burst + 1) * BURST_SECONDS
        (self.taken if left > 0 else self.refused)[window, who] += 1
        self._used[window] += left > 0
        self._bursts[burst] += left > 0
        if self.regime == "classic":
            headers |= self._shown(left, str(end))
        elif left <= 0:
            headers["x-ratelimit-retry-after"] = str(max(1, ceil(end - now)))
        elif self.regime == "mau":
            headers |= self._shown(left, str(ceil(end - now)))
        return Response(201 if left > 0 else 429, headers, b"")

    def _shown(self, left: int, reset: str) -> dict[str, str]:
        names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
        return dict(zip(names, (str(self.requests), str(max(left - 1, 0)), reset), strict=True))

    # --- what came of it ------------------------------------------------------------------------------

    def whole_windows(self, skip: int = 1) -> list[int]:
        """Return the windows between the first and the last one, without so many at the beginning."""
        seen = sorted({window for window, _ in self.taken})
        return list(range(seen[0] + skip, seen[-1]))

    def used(self, window: int) -> int:
        return self._used[window]

    def by(self, who: str, skip: int = 1) -> int:
        return sum(self.taken[window, who] for window in self.whole_windows(skip))

    @property
    def refusals(self) -> float:
        """The part of all requests that was refused."""
        total = self.refused.total() + self.taken.total()
        return self.refused.total() / total


class Sender:
    """A sync that has no end of requests.

    :param lanes: how many may be in flight at once.
    """

    def __init__(self, who: str, limit: SharedLimit, pacer: Pacer, lanes: int = 128) -> None:
        self._who, self._limit, self._pacer, self._lanes = who, limit, pacer, lanes
        self._reader = BrazeDestination(wall)
        self.times: list[float] = []

    async def send_until(self, end: float) -> None:
        await asyncio.gather(*(self._send(end) for _ in range(self._lanes)))

    async def _send(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            turn = await self._pacer.wait_for_turn()
            self.times.append(loop.time())
            answer = await self._limit.send(self._who)
            turn.note_answer(self._reader.rate_window(answer))
            if answer.status == 429:
                await self._put_off(wait_of(answer.headers, self._reader._now), turn)

    async def _put_off(self, wait: float | None, turn: Turn) -> None:
        if wait is None:  # its window was over when the answer came
            await asyncio.sleep(0.5)
        else:
            turn.hold(wait)


async def send_all(limit: SharedLimit, seconds: float, *pacers: Pacer, lanes: int = 128) -> None:
    """Let as many syncs as there are pacers send as fast as they may; they are called 0, 1, 2, ..."""
    senders = [Sender(str(number), limit, pacer, lanes) for number, pacer in enumerate(pacers)]
    await asyncio.gather(*(sender.send_until(seconds) for sender in senders))


async def live_traffic(limit: SharedLimit, seconds: float, per_second: float, random: Random) -> None:
    """Let somebody send who knows nothing of all this, at random moments."""
    loop = asyncio.get_running_loop()
    while loop.time() < seconds:
        await asyncio.sleep(random.expovariate(per_second))
        limit.count("live")


def make_pacer(share: float | None = None, requests_per_second: float | None = None) -> Pacer:
    return Pacer(VirtualClock(), requests_per_second, rate_share=share)
