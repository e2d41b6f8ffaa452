"""Bulk requests of events: nested by profile, and the way back from a pointer to the row."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity, identifiers_in
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import RowPlaces
from airflow_provider_cdi.engine.rows.records import Record

HEAD = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
TAIL = b"]}}}}"
_ENTRY_HEAD = b'{"type":"event-bulk-create","attributes":{%b"profile":{"data":%b},"events":{"data":['
_ENTRY_TAIL = b"]}}}"

_ENTRIES = "/data/attributes/events-bulk-create/data"
_ENTRY = re.compile(rf"{_ENTRIES}/(\d+)(?:/attributes/events/data/(\d+))?(?:/|$)", re.ASCII)


class EventRecord(Record):
    """An event with the profile it belongs to. Its body is an entry of its own, so that its size is never too small.

    :param identity: whose event it is.
    :param event: its JSON object.
    :param is_backfill: whether it is recorded without setting off flows.
    """

    __slots__ = ("_head_bytes",)

    def __init__(self, identity: Identity, event: bytes, unique: str, *, is_backfill: bool) -> None:
        head = _ENTRY_HEAD % (b'"backfill":true,' if is_backfill else b"", _profile_text(identity))
        super().__init__(identity.key, b"%b%b%b" % (head, event, _ENTRY_TAIL), "", unique, identity.others)
        self._head_bytes = len(head)

    @property
    def head(self) -> bytes:
        """The beginning of its entry, the same for all events of one profile."""
        return self.body[: self._head_bytes]

    @property
    def event(self) -> bytes:
        """The event without its profile."""
        return self.body[self._head_bytes : -len(_ENTRY_TAIL)]


def entries_of(records: Sequence[Record]) -> list[list[int]]:
    """Say which records share an entry of the request: those of one profile, in their order.

    :return: their places, by entry.
    """
    entries: dict[bytes, list[int]] = {}
    for place, record in enumerate(records):
        entries.setdefault(_event_record(record).head, []).append(place)
    return list(entries.values())


def request_body(records: Sequence[Record]) -> bytes:
    """Join events into the body of a request."""
    entries = []
    for places in entries_of(records):
        events = b",".join([_event_record(records[place]).event for place in places])
        entries.append(b"%b%b%b" % (_event_record(records[places[0]]).head, events, _ENTRY_TAIL))
    return b"%b%b%b" % (HEAD, b",".join(entries), TAIL)


def event_places(records: Sequence[Record]) -> RowPlaces:
    """Say where the events stand in the request: a pointer to an entry, or to its profile, means all of its events."""
    entries = entries_of(records)

    def find(pointer: str) -> Sequence[int]:
        found = _ENTRY.match(pointer)
        if found is None or int(found[1]) >= len(entries):
            return ()
        places = entries[int(found[1])]
        if found[2] is None:
            return places
        return places[int(found[2]) : int(found[2]) + 1]

    return RowPlaces(f"{_ENTRIES}/", find)


def _event_record(record: Record) -> EventRecord:
    if not isinstance(record, EventRecord):
        raise TypeError("only events of this destination have a profile")
    return record


def identifiers_of_event(record: Record) -> dict[str, str]:
    """Say by which identifiers Klaviyo will see whose event it is."""
    return identifiers_in(orjson.loads(record.body)["attributes"]["profile"]["data"])


def _profile_text(identity: Identity) -> bytes:
    """Encode whose event it is: identifiers and nothing else."""
    name = identity.values.get("id")
    return orjson.dumps({"type": "profile", **({"id": name} if name else {}), "attributes": identity.attributes})
