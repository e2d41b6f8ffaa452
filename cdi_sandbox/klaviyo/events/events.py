"""Events and metrics of the local Klaviyo. Events are written once: a repeat of their key changes nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.store import Store

_NAMESPACE = uuid.UUID("a3b1c000-c501-11f1-8001-5f1d6c0a0e08")


@dataclass(slots=True, eq=False)
class Metric:
    """What a kind of event is called; the first event of a new name makes it.

    :param has_value: whether any of its events ever had a value. A missing one counts as 0 from then on.
    """

    number: int
    name: str
    created: float
    updated: float
    has_value: bool = False

    @property
    def id(self) -> str:
        """Klaviyo's own id: six characters."""
        return f"MeTr{self.number:02d}"

    def document(self) -> Json:
        """Return what the store keeps; ``Metric(**document)`` brings it back."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, eq=False)
class Event:
    """One event.

    :param profile: number of its profile; **metric**: number of its metric.
    :param time: seconds since the epoch, whole ones.
    :param unique_id: as it was sent, or the time.
    :param backfill: recorded without starting a flow.
    """

    number: int
    profile: int
    metric: int
    time: int
    unique_id: str
    properties: dict[str, Json]
    value: float | int | None = None
    currency: str | None = None
    backfill: bool = False

    @property
    def id(self) -> str:
        """Klaviyo's own id."""
        return f"5eVeNt{self.number:05d}"

    @property
    def uuid(self) -> str:
        """The other id that Klaviyo gives."""
        return str(uuid.uuid5(_NAMESPACE, self.id))

    def shown_properties(self) -> dict[str, Json]:
        """Show the properties as Klaviyo does, its own among them."""
        own: dict[str, Any] = {"$event_id": self.unique_id}
        if self.value is not None:
            own["$value"] = self.value
        return {**self.properties, **own}

    def document(self) -> Json:
        """Return what the store keeps; ``Event(**document)`` brings it back."""
        return {name: getattr(self, name) for name in self.__slots__}


class Events:
    """All events by profile, and all metrics.

    :param store: where each change is written down as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.metrics: dict[str, Metric] = {}
        self.by_profile: dict[int, list[Event]] = {}
        self.by_number: dict[int, Event] = {}
        self._keys: set[tuple[int, int, str]] = set()
        self._last_number = 0

    def metric(self, name: str, now: float) -> Metric:
        """Find a metric by its name, or make it."""
        metric = self.metrics.get(name)
        if metric is None:
            metric = self.metrics[name] = Metric(len(self.metrics) + 1, name, now, now)
            self.keep(metric)
        return metric

    def keep(self, metric: Metric) -> None:
        """Write down what changed of a metric."""
        self._store.put("klaviyo.metrics", f"{metric.number:09d}", metric.document)

    def add(self, event: Event) -> bool:
        """Record an event, unless its key (profile, metric, unique id) is known: then nothing happens.

        :return: whether it was recorded.
        """
        key = (event.profile, event.metric, event.unique_id)
        if key in self._keys:
            return False
        self._last_number += 1
        event.number = self._last_number
        self._take(event, key)
        self._store.put("klaviyo.events", f"{event.number:012d}", event.document)
        return True

    def move(self, gone: int, kept: int) -> None:
        """Give the events of one profile to another; those whose key is there already are dropped."""
        for event in self.forget(gone):
            event.profile = kept
            self.add(event)

    def forget(self, profile: int) -> list[Event]:
        """Delete the events of a profile, and return them."""
        gone = self.by_profile.pop(profile, [])
        for event in gone:
            del self.by_number[event.number]
            self._keys.discard((event.profile, event.metric, event.unique_id))
            self._store.remove("klaviyo.events", f"{event.number:012d}")
        return gone

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept."""
        if kind == "klaviyo.metrics":
            metric = Metric(**document)
            self.metrics[metric.name] = metric
            return
        event = Event(**document)
        self._last_number = max(self._last_number, event.number)
        self._take(event, (event.profile, event.metric, event.unique_id))

    def _take(self, event: Event, key: tuple[int, int, str]) -> None:
        self._keys.add(key)
        self.by_number[event.number] = event
        self.by_profile.setdefault(event.profile, []).append(event)
