"""The law that says how many requests may be in flight."""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_cdi.engine.ports import Clock

#: Fewer are not worth the saving.
FEWEST = 4
#: A round has at least so many answers: one says little, because a service of 40 ms takes 500 now and then.
ROUND_ANSWERS = 16
#: A round lasts at least so long, in seconds: this process is busy with a batch of rows for 20 ms at a time.
ROUND_SECONDS = 0.1
#: Round trips that are longer than the base by this factor stand in a queue. With less, the stalls of a busy machine
#: are taken for one.
QUEUED = 1.5
#: With half as many in flight, a long queue makes round trips shorter by this factor at least.
LONG_QUEUE = 1.7
#: With fewer in flight, by this factor, a queue is shorter; round trips that stay above this part had none.
FEWER, AS_SLOW = 0.7, 0.85
#: The limit may be too low when it, and not the pacer, is what more than this part of a round's requests met.
SOUGHT = 0.03
#: A round is troubled when more than two of its requests failed, and more than this part of them.
TROUBLED, BACK_OFF = 0.1, 0.7
#: Within this part of where trouble came the limit grows by one a round only, for so many seconds.
NEAR, CAREFUL_SECONDS = 0.1, 30.0
#: So often the base is measured: seconds, or round trips where they take longer.
PROBE_SECONDS, PROBE_TRIPS = 10.0, 100
#: When it is in doubt it is measured sooner; ten round trips are enough to double to any limit.
SOON_SECONDS, SOON_TRIPS = 1.0, 10


class _Round:
    """The answers that are judged together.

    :param size: how many, at least.
    :param limit: the limit when it began.
    :param began: the monotonic time.
    """

    __slots__ = ("answers", "began", "good", "limit", "logarithms", "paced", "peak", "size", "sought", "troubles")

    def __init__(self, size: int, limit: int, began: float) -> None:
        self.size = size
        self.limit = limit
        self.began = began
        self.answers = self.good = self.troubles = self.sought = self.paced = self.peak = 0
        self.logarithms = 0.0

    @property
    def typical_seconds(self) -> float:
        """The geometric mean: the few slow answers of a healthy service hardly move it, a queue does."""
        return math.exp(self.logarithms / self.good)

    @property
    def is_sought(self) -> bool:
        """Whether more requests would have been sent, had the limit been higher."""
        return self.sought > SOUGHT * self.answers

    @property
    def is_free(self) -> bool:
        """Whether the pacer is not what binds."""
        return self.is_sought or self.paced * 2 < self.answers

    @property
    def is_troubled(self) -> bool:
        """Whether more failed than now and then happens."""
        return self.troubles > max(2, TROUBLED * self.answers)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What the round trips were before there were fewer in flight.

    :param is_probe: whether there are fewer only to see.
    """

    limit: int
    seconds: float
    is_probe: bool


class FlightLimit:
    """How many requests may be in flight: as many as the delay needs, so that almost none stands in a queue.

    The law is that of TCP Vegas in the form of FAST: answers are judged by rounds, and after each the limit is
    multiplied by ``QUEUED * base / seconds``, where the base is how long a round trip takes without a queue. So it
    grows while there is none, and settles where a third of a round trip is spent in one, be it the service's or that
    of this process; so the busier of the two never waits for work. It starts with ``FEWEST`` and doubles with each
    round trip until the first queue.

    The base is not the shortest that was ever seen: where answers differ much, one lucky round would make all others
    look queued. As in BBR it is measured, with half as many in flight, every ten seconds. When round trips become
    longer and stay so with fewer in flight, it is the way that became longer, and the limit is what it was.

    A round with too much trouble takes 30 per cent off. Then it grows back, slowly near the limit at which the trouble
    came, as in CUBIC. It does not grow while the pacer or the source is what binds.

    :param clock: where time comes from.
    :param most: the highest limit.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._fewest = min(FEWEST, most)
        self.limit = self._fewest
        self._is_starting = True
        self._base: float | None = None
        self._trial: _Trial | None = None
        self._probe_at = 0.0
        #: Where trouble came, and until when that is remembered.
        self._ceiling, self._careful_until = 0, 0.0
        #: Answers to come that tell of the limit before.
        self._settling = 0
        self._round = _Round(ROUND_ANSWERS, self.limit, clock.monotonic())

    def note(self, seconds: float, in_flight: int, *, trouble: bool, was_paced: bool) -> None:
        """Note an answer.

        :param seconds: how long it took.
        :param in_flight: requests in flight when it came, itself included.
        :param trouble: whether the request failed.
        :param was_paced: whether the pacer, not the limit, made it wait.
        """
        current = self._round
        if self._settling:
            self._settling -= 1
            if not self._settling:
                current.began = self._clock.monotonic()
            return
        current.answers += 1
        if trouble:
            current.troubles += 1
        else:
            current.good += 1
            current.logarithms += math.log(max(seconds, 1e-6))
        current.peak = max(current.peak, in_flight)
        if was_paced:
            current.paced += 1
        elif in_flight >= self.limit:
            current.sought += 1
            if self._is_starting and current.troubles < 3:
                self._set(self.limit + 1)
        if current.answers >= current.size:
            self._end_round(current, in_flight)

    def _end_round(self, ended: _Round, in_flight: int) -> None:
        now = self._clock.monotonic()
        if not self._is_starting and now - ended.began < ROUND_SECONDS:
            return
        before = self.limit
        if ended.is_troubled:
            self._back_off(now)
        else:
            self._weigh(ended, now)
        self._settling = in_flight - 1 if self.limit != before else 0
        self._round = _Round(max(ROUND_ANSWERS, self.limit), self.limit, now)

    def _back_off(self, now: float) -> None:
        self._is_starting = False
        self._trial = None
        self._ceiling, self._careful_until = self.limit, now + CAREFUL_SECONDS
        self._set(self.limit * BACK_OFF)

    def _weigh(self, ended: _Round, now: float) -> None:
        seconds, trial = ended.typical_seconds, self._trial
        if self._base is None:
            self._base, self._probe_at = seconds, now + max(SOON_SECONDS, SOON_TRIPS * seconds)
        self._is_starting = self._is_starting and now < self._probe_at
        if self._is_starting:
            self._go_on_starting(ended, self._base, now)
        elif trial and self.limit <= max(FEWER * trial.limit, self._fewest):
            self._end_trial(trial, ended, self._base, now)
        elif ended.is_free and now >= self._probe_at and min(ended.peak, self.limit) > self._fewest:
            self._trial = None
            self.limit = min(ended.peak, self.limit)
            self._try_fewer(seconds, 0.5, is_probe=True)
        else:
            self._follow(ended, self._base, now)

    def _go_on_starting(self, ended: _Round, base: float, now: float) -> None:
        if ended.typical_seconds > QUEUED * base:
            self._is_starting = False
            self._set(ended.limit)
            self._probe_at = now

    def _end_trial(self, trial: _Trial, ended: _Round, base: float, now: float) -> None:
        seconds = ended.typical_seconds
        self._trial = None
        if not trial.is_probe and seconds <= AS_SLOW * trial.seconds:  # there was a queue, and there may be still
            self._follow(ended, base, now)
            return
        self._is_starting = not trial.is_probe and seconds > 2 * base
        self._base = seconds
        if self._is_starting:
            self._probe_at = now + max(SOON_SECONDS, SOON_TRIPS * seconds)
        elif trial.seconds > LONG_QUEUE * seconds:
            self._probe_at = now
        else:
            self._probe_at = now + max(PROBE_SECONDS, PROBE_TRIPS * seconds)
        self._set(max(self.limit, trial.limit * min(1.0, QUEUED * seconds / trial.seconds)))

    def _follow(self, ended: _Round, base: float, now: float) -> None:
        ratio = ended.typical_seconds / base
        if ratio < 1 / QUEUED:  # the way became shorter, or the base was queued itself
            self._probe_at = min(self._probe_at, now + SOON_SECONDS)
        if ratio > QUEUED:
            self._try_fewer(ended.typical_seconds, max(FEWER, QUEUED / ratio), is_probe=False)
        else:
            self._trial = None
            if ended.is_sought:
                self._grow(ratio, now)

    def _grow(self, ratio: float, now: float) -> None:
        lowest, highest = self._ceiling * (1 - NEAR), self._ceiling * (1 + NEAR)
        goal = self.limit * QUEUED / max(1.0, ratio)
        if now < self._careful_until and goal > lowest and self.limit < highest:
            goal = max(self.limit + 1, min(goal, lowest))
        self._set(goal)

    def _try_fewer(self, seconds: float, factor: float, *, is_probe: bool) -> None:
        self._trial = self._trial or _Trial(self.limit, seconds, is_probe)
        self._set(min(self.limit - 1, self.limit * factor))

    def _set(self, limit: float) -> None:
        self.limit = max(self._fewest, min(self._most, round(limit)))
