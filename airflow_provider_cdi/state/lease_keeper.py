"""Takes, keeps and gives back the lease of one process.

Airflow keeps runs of one sync apart, and yet two processes can be at work on it: a worker that was given up for dead
and wakes up, or two ``dag.test()``. Airflow's stores cannot compare and swap, so between two who look at the very same
moment the lease decides only at their next look, which every save and every heartbeat is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater, Superseded
from airflow_provider_cdi.state.lease import HOLDING, Lease, LeasePlace, busy, superseded, two_instances

#: Seconds between two heartbeats.
BEAT_EVERY = 10.0
#: Seconds without a heartbeat after which a process counts as dead.
DEAD_AFTER = 60.0
#: Seconds that a run waits for one that is alive, before it leaves the matter to its retries.
WAIT_AT_MOST = 120.0
#: Seconds between two looks at a lease that is held.
LOOK_EVERY = 5.0


class LeaseKeeper:
    """Takes, keeps and gives back the lease of this process.

    :param place: where it is kept.
    :param mine: who this process is.
    :param state_of: what Airflow says of the task instance that holds a lease, for example ``running``.
    :param log: of the task.
    :param take_turns: whether several instances of the task may work on this one sync, each in its turn; the instances
        of a mapped sync may not: each is a sync of its own.
    :param sleep: waits that many seconds.
    :param monotonic: seconds that only grow.
    """

    def __init__(
        self,
        place: LeasePlace,
        mine: Lease,
        *,
        state_of: Callable[[Lease], str | None],
        log: Any,
        take_turns: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._mine = mine
        self._state_of = state_of
        self._log = log
        self._take_turns = take_turns
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._is_held = False
        #: Whether another try or run has taken the lease.
        self.is_lost = False

    # --- taking it ------------------------------------------------------------------------------------

    def acquire(self, *, goes_on: bool = False) -> None:
        """Take the lease, after a bounded wait for whoever holds it.

        :param goes_on: whether this try goes on after a deferral, with what its earlier process left.
        :raises Superseded: when a later try of the same task is at work.
        :raises RetryLater: when another run is, and goes on being.
        :raises ConfigurationError: when it is another instance of the same mapped task.
        """
        leases, gen = self._place.found()
        for lease in leases:
            self._wait_for(lease, goes_on=goes_on)
        if leases:
            gen = max(gen, self._place.found().gen)  # whoever was waited for may have saved meanwhile
        for lease in leases:
            self._place.remove(lease)
        self._mine = replace(self._mine, gen=gen)
        self._place.write(self._mine)
        self._is_held = True

    def _wait_for(self, lease: Lease, *, goes_on: bool) -> None:
        if lease.run_id == self._mine.run_id and lease.is_of_task_of(self._mine):
            is_same = lease.map_index == self._mine.map_index
            if not is_same and not self._take_turns:
                raise ConfigurationError(two_instances(lease.map_index, self._mine))
            if is_same and lease.try_number > self._mine.try_number:
                raise Superseded(superseded(lease, self._mine))
            if is_same and (lease.try_number < self._mine.try_number or goes_on or lease.is_deferred):
                return  # Airflow has started this try in the place of that one
        state = self._state_of(lease)
        if state == "deferred" and lease.is_deferred:
            raise RetryLater(busy(lease, self._mine))
        if state in HOLDING and self._is_alive(lease):
            raise RetryLater(busy(lease, self._mine))
        self._log.warning("Sync %s was left by %s, which is no longer at work", lease.sync_id, lease.describe())

    def _is_alive(self, lease: Lease) -> bool:
        """Watch a lease: True when it is still kept young after :data:`WAIT_AT_MOST`, False when it is free or dead."""
        self._log.info("Waiting for %s, which is at work on the same sync", lease.describe())
        began = moved_at = self._monotonic()
        seen = lease
        while True:
            self._sleep(LOOK_EVERY)
            now = self._monotonic()
            found = next((one for one in self._place.found().leases if one.token == lease.token), None)
            if found is None:
                return False
            if found.beats != seen.beats:
                seen, moved_at = found, now
            if now - moved_at >= DEAD_AFTER:
                return False
            if now - began >= WAIT_AT_MOST and moved_at > began:
                return True

    # --- keeping it -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Make sure that nobody has taken the lease.

        :raises Superseded: when somebody has; from then on always.
        """
        with self._lock:
            if not self._is_held:
                return
            found = None if self.is_lost else self._place.own()
            if found is None or found.token != self._mine.token:
                self.is_lost = True
                raise Superseded(superseded(found, self._mine))

    def beat(self) -> None:
        """Keep the lease young; Airflow's answer to the writing says whether it still knows this try.

        :raises Superseded: when somebody has taken it, or Airflow refuses this try.
        """
        with self._lock:
            if not self._is_held:
                return
            self.check()
            self._mine = replace(self._mine, beats=self._mine.beats + 1)
            self._place.write(self._mine)

    @property
    def gen(self) -> int:
        """Generation of the newest record that whoever had the lease has saved; 0 when that is not known."""
        return self._mine.gen if self._is_held else self._place.found().gen

    def saved(self, gen: int) -> None:
        """Note the generation of a record that is saved: the next heartbeat writes it, or the end.

        :param gen: of the record.
        """
        with self._lock:
            self._mine = replace(self._mine, gen=gen)

    def lose(self) -> None:
        """Note that Airflow has refused this try."""
        self.is_lost = True

    def release(self, *, deferred: bool = False) -> None:
        """Give the lease back at an orderly end, if it is still there to be given back.

        :param deferred: whether the task only waits without a process, and goes on later.
        """
        with self._lock:
            if not self._is_held:
                return
            self._is_held, is_mine = False, self._is_mine()
            if is_mine and deferred:
                self._place.write(replace(self._mine, is_deferred=True))
            elif is_mine:
                self._place.give_back(self._mine)

    def _is_mine(self) -> bool:
        found = None if self.is_lost else self._place.own()
        return found is not None and found.token == self._mine.token


class Heartbeat:
    """Keeps a lease young from a thread of its own, whatever the task waits for.

    :param beat: one heartbeat.
    :param log: of the task.
    :param every: seconds between two of them.
    """

    def __init__(self, beat: Callable[[], None], log: Any, every: float = BEAT_EVERY) -> None:
        self._beat = beat
        self._log = log
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cdi-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a heartbeat that is under way may still be written, but none begins any more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._beat()
            except Superseded:
                return  # the keeper knows, and the engine asks it
            except RetryLater as error:
                self._log.debug("No heartbeat: %s", error)
