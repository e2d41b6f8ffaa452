"""One sandbox: everything that it holds, and when accepted requests take effect."""

from __future__ import annotations

import heapq
import random
from itertools import count

from cdi_sandbox.api.call import Change
from cdi_sandbox.api.faults import Faults
from cdi_sandbox.api.json import Json
from cdi_sandbox.api.request_log import RequestLog
from cdi_sandbox.braze import effects as braze
from cdi_sandbox.braze.workspace import Workspace
from cdi_sandbox.klaviyo import effects as klaviyo
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.job_work import advance_jobs
from cdi_sandbox.settings.clock import Clock
from cdi_sandbox.settings.sandbox import Settings
from cdi_sandbox.store import NoStore, SqliteStore, Store


class World:
    """The state behind the endpoints of all vendors. It lives in one thread.

    Accepted requests wait in a queue. There is no task that works it off: whoever looks next, a request or
    the control plane, first lets everything happen whose time has come. So the delay follows the clock that
    was passed in, and nothing runs while nobody looks.

    :param settings: as the sandbox was started; the control plane may change ``self.settings``.
    :raises ValueError: when the store cannot be opened.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.faults = Faults()
        self.store: Store = SqliteStore(settings.store) if settings.store else NoStore()
        self._begin()
        for kind, key, document in self.store.load():
            self._restore(kind, key, document)
        self._numbers = count(self._last_waiting + 1)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now()

    def accept(self, change: Change) -> None:
        """Queue what an accepted request does, or do it at once when there is no delay."""
        if self.settings.keep == "counts" and change.kind in _COUNTED:
            return
        if self.settings.apply_delay == 0:
            self.apply(change)
            return
        number = next(self._numbers)
        heapq.heappush(self._waiting, (self.now() + self.spread(self.settings.apply_delay), number, change))
        self.store.put("waiting", f"{number:024x}", lambda: {"kind": change.kind, "content": change.content})

    def catch_up(self) -> None:
        """Apply everything whose time has come."""
        now = self.now()
        while self._waiting and self._waiting[0][0] <= now:
            self._apply_first()
        advance_jobs(self.klaviyo)

    def settle(self) -> None:
        """Apply everything, whether its time has come or not."""
        while self._waiting:
            self._apply_first()
        advance_jobs(self.klaviyo, at_last=True)
        self.store.commit()

    def apply(self, change: Change) -> None:
        """Apply one change now."""
        if change.kind in klaviyo.EFFECTS:
            klaviyo.EFFECTS[change.kind](self.klaviyo, change.content)
        else:
            braze.EFFECTS[change.kind](self.braze, change.content)

    def spread(self, delay: float) -> float:
        """Say how long something is delayed that takes so many seconds: exactly so, unless it is shuffled."""
        return delay if self.settings.shuffle_seed is None else self._random.uniform(0, 2 * delay)

    def reset(self) -> None:
        """Forget everything but the settings: what is held, what was sent, faults, rate windows."""
        self.store.clear()
        self.faults.clear()
        self._begin()

    def waiting(self) -> int:
        """Count the accepted requests that did not take effect yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Write down what is open and end. What waits is kept and applied after the next start."""
        self.store.close()

    def _begin(self) -> None:
        self.braze = Workspace(self)
        self.requests = RequestLog(self.settings)
        self.klaviyo = Account(self)
        self._waiting: list[tuple[float, int, Change]] = []
        self._last_waiting = 0
        self._numbers = count(1)
        # Repeatable on purpose: the seed decides in which order requests take effect.
        self._random = random.Random(self.settings.shuffle_seed)  # noqa: S311

    def _apply_first(self) -> None:
        _, number, change = heapq.heappop(self._waiting)
        self.store.remove("waiting", f"{number:024x}")
        self.apply(change)

    def _restore(self, kind: str, key: str, document: Json) -> None:
        if kind == "waiting":
            number = int(key, 16)
            self._last_waiting = max(self._last_waiting, number)
            heapq.heappush(self._waiting, (0.0, number, Change(document["kind"], document["content"])))
        elif kind.startswith("klaviyo."):
            self.klaviyo.restore(kind, document)
        else:
            self.braze.restore(kind, document)


_COUNTED = braze.COUNTED | klaviyo.COUNTED
