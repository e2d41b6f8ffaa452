"""One sandbox: everything that it holds, and when accepted requests take effect."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from itertools import count

from cdi_sandbox.braze.catalogs import Catalogs
from cdi_sandbox.braze.cdi import example_integrations
from cdi_sandbox.braze.effects import apply_track
from cdi_sandbox.braze.identities import (
    apply_alias_updates,
    apply_identify,
    apply_merges,
    apply_new_aliases,
)
from cdi_sandbox.braze.limits import RateWindows
from cdi_sandbox.braze.profiles import Profiles
from cdi_sandbox.braze.users import apply_delete, apply_groups
from cdi_sandbox.braze.views import after_sync
from cdi_sandbox.http.call import Change, Json
from cdi_sandbox.http.faults import Faults
from cdi_sandbox.http.ledger import Ledger
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent import consent
from cdi_sandbox.klaviyo.events.effects import apply_events
from cdi_sandbox.klaviyo.profiles import calls as profile_calls
from cdi_sandbox.settings import Clock, Settings
from cdi_sandbox.store import NoStore, SqliteStore, Store
from cdi_sandbox.times import write_moment


class World:
    """The state behind the endpoints. It lives in one thread.

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

    def written_now(self, *, offset: bool = False) -> str:
        """Say what time it is as Braze writes it, with ``Z`` or with ``+00:00``."""
        written = write_moment(self.now())
        return written.replace("Z", "+00:00") if offset else written

    def accept(self, change: Change) -> None:
        """Queue what an accepted request does, or do it at once when there is no delay."""
        if self.settings.keep == "counts" and change.kind in _ONLY_COUNTED:
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
        self.klaviyo.advance()

    def settle(self) -> None:
        """Apply everything, whether its time has come or not."""
        while self._waiting:
            self._apply_first()
        self.klaviyo.advance(at_last=True)
        self.store.commit()

    def apply(self, change: Change) -> None:
        """Apply one change now."""
        _EFFECTS[change.kind](self, change.content)

    def apply_now(self, content: Mapping[str, list[Json]]) -> list[Json]:
        """Apply one tracked object and show the user that it left behind, as ``/users/track/sync`` does."""
        self.apply(Change("track", content))
        ((kind, (thing,)),) = content.items()
        return after_sync(self.profiles, kind, thing)

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
        self.profiles = Profiles(self.store)
        self.catalogs = Catalogs(self.store)
        self.windows = RateWindows()
        self.ledger = Ledger(self.settings)
        self.integrations = example_integrations()
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
        elif kind in ("catalogs", "items"):
            self.catalogs.restore(kind, document)
        else:
            self.profiles.restore(kind, document)


def _apply_items(world: World, content: Json) -> None:
    at = world.written_now(offset=True)
    world.catalogs.apply_items(content["catalog"], content["verb"], content["items"], at)


_EFFECTS: Mapping[str, Callable[[World, Json], None]] = {
    "track": lambda world, content: apply_track(world.profiles, content, world.now()),
    "delete": lambda world, content: apply_delete(world.profiles, content),
    "groups": lambda world, content: apply_groups(world.profiles, content),
    "alias_new": lambda world, content: apply_new_aliases(world.profiles, content),
    "alias_update": lambda world, content: apply_alias_updates(world.profiles, content),
    "identify": lambda world, content: apply_identify(world.profiles, content),
    "merge": lambda world, content: apply_merges(world.profiles, content),
    "items": _apply_items,
    "klaviyo.events": lambda world, content: apply_events(world.klaviyo, content, world.now()),
    "klaviyo.subscribe": lambda world, content: consent.subscribe(world.klaviyo, content, world.now()),
    "klaviyo.unsubscribe": lambda world, content: consent.unsubscribe(world.klaviyo, content, world.now()),
    "klaviyo.merge": lambda world, content: profile_calls.apply_merge(world.klaviyo, content),
    "klaviyo.delete": lambda world, content: profile_calls.apply_delete(world.klaviyo, content),
}
#: What comes by the million: the mode that only counts does not apply it.
_ONLY_COUNTED = ("track", "klaviyo.events", "klaviyo.subscribe", "klaviyo.unsubscribe")
