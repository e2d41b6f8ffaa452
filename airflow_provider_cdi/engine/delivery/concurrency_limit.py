"""How many requests are in flight: the law that finds it out, and the gate that keeps to it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress

from airflow_provider_cdi.engine.ports import Clock

#: More are of little use: 1,000 requests a second, Braze's usual limit, need 256 at a delay of a quarter of a second.
MOST = 256
#: Fewer are not worth the saving.
FEWEST = 4
#: Answers are judged by so many at least, at the start and later: one says little, because a service of 40 ms takes
#: 500 now and then.
FIRST_ANSWERS, ANSWERS = 16, 64
#: An answer that failed costs as many round trips: the request waits, and goes again. So with one in eleven that fail
#: a success costs twice as much as without.
FAILURE_COST = 10
#: The service, or this process, is overloaded when a success costs so many times what it did at its cheapest.
OVERLOADED = 2.0
#: What is left of the limit then.
CUT = 0.7
#: Costs within this part of each other are the same: with 0.7 of the requests a queue is 0.7 as long.
SAME = 0.85
#: Each step back to the limit that was cut takes this part of the way.
WAY_BACK = 0.5


class AdaptiveConcurrencyLimit:
    """How many requests may be in flight: additive increase, multiplicative decrease (AIMD).

    Answers are judged by what a success costs: the round trip, and what failed beside it. The limit starts with
    ``FEWEST`` and doubles with each round trip until the cost has doubled. From then on it grows by its square root,
    which keeps the shares of several processes fair as +1 does (binomial congestion control), as long as it, and not
    the pacer or the source, is what binds. When the cost has doubled again, 30 per cent are taken off.

    Then it shows whether that was of use. If the cost is the same with fewer requests, it is not our load that makes
    it: the way became longer, or each seventh request fails whoever sends it. So the limit is what it was, and this
    cost is the usual one.

    :param most: the highest limit.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._fewest = min(FEWEST, most)
        self.limit = self._fewest
        self._is_starting = True
        #: Of a success, in seconds, without overload.
        self._usual_cost = math.inf
        #: The cost with which the limit was just cut, and what the limit was before that.
        self._cut_at: float | None = None
        self._ceiling = 0
        self._begin_round()

    def note(self, seconds: float, in_flight: int, *, trouble: bool, was_paced: bool) -> None:
        """Note an answer.

        :param seconds: how long it took.
        :param in_flight: requests in flight when it came, itself included.
        :param trouble: whether the request failed.
        :param was_paced: whether the pacer, not the limit, made it wait.
        """
        if self._late:
            self._late -= 1
            return
        if trouble:
            self._failed += 1
        else:
            self._good += 1
            self._logarithms += math.log(max(seconds, 1e-6))
        if in_flight >= self.limit and not was_paced:
            self._is_sought = True
            if self._is_starting and not trouble:
                self._set(self.limit + 1)
        if self._good + self._failed >= self._round:
            self._judge(self._cost())
            self._begin_round(late=0 if self._is_starting else in_flight - 1)

    def _begin_round(self, late: int = 0) -> None:
        """Count answers anew.

        :param late: answers to come of requests that left under another limit.
        """
        self._late = late
        self._first_limit = self.limit
        self._round = max(FIRST_ANSWERS if self._is_starting else ANSWERS, self.limit)
        self._good = self._failed = 0
        self._logarithms = 0.0
        self._is_sought = False

    def _cost(self) -> float:
        """Return what a success costs. The geometric mean: the few slow answers of a healthy service hardly move it."""
        if not self._good:
            return math.inf
        return math.exp(self._logarithms / self._good) * (1 + FAILURE_COST * self._failed / self._good)

    def _judge(self, cost: float) -> None:
        cut_at, self._cut_at = self._cut_at, None
        self._usual_cost = min(self._usual_cost, cost)
        if cut_at and SAME * cut_at < cost < cut_at / SAME:
            self._usual_cost = cost
            self._is_starting = True
            self._set(self._ceiling)
        elif cost > OVERLOADED * self._usual_cost:
            self._relieve(cost, is_first=cut_at is None)
        elif self._is_sought and not self._is_starting:
            missing = self._ceiling - self.limit
            self._set(self.limit + (max(1, missing * WAY_BACK) if missing > 0 else math.sqrt(self.limit)))

    def _relieve(self, cost: float, *, is_first: bool) -> None:
        if self._is_starting:  # the answers tell of what the limit was when their requests left
            self._is_starting = False
            self._set(self._first_limit)
            return
        if is_first:
            self._ceiling = self.limit
        self._cut_at = cost
        self._set(self.limit * CUT)

    def _set(self, limit: float) -> None:
        self.limit = max(self._fewest, min(self._most, int(limit)))


class Concurrency:
    """Lets as many requests be in flight as the delay needs and no more; the others wait in their order.

    :param clock: where time comes from.
    :param most: requests that are ever in flight at once.
    """

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._law = AdaptiveConcurrencyLimit(most)
        self._waiting: deque[asyncio.Future[float]] = deque()
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._law.limit

    @property
    def waiting(self) -> int:
        """How many requests wait until they may be sent."""
        return len(self._waiting)

    async def enter(self) -> float:
        """Return when a request may be sent; one :meth:`leave` or :meth:`abandon` must follow.

        :return: the monotonic time at which its turn came. When this process is too busy to go on at once, that
            is later, and counts as a part of the round trip.
        """
        if self.in_flight < self.limit:  # then nobody waits
            self.in_flight += 1
            return self._clock.monotonic()
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._waiting.remove(turn)
            else:
                self.abandon()
            raise

    def leave(self, seconds: float, *, trouble: bool = False, was_paced: bool = False) -> None:
        """Say how a request went, and let the next one in.

        :param seconds: from its turn (see :meth:`enter`) to its answer, without the time that the pacer took.
        :param trouble: whether the answer was a 429 or a 5xx, or none came.
        :param was_paced: whether the pacer made it wait.
        """
        self._law.note(seconds, self.in_flight, trouble=trouble, was_paced=was_paced)
        self.abandon()

    def abandon(self) -> None:
        """Let the next one in for a request that was not sent, or of which nothing can be said."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(self._clock.monotonic())
