"""What accepted events do, and which of them vanish without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.events.events import Event
from cdi_sandbox.klaviyo.profiles.profiles import Profile
from cdi_sandbox.klaviyo.profiles.upserts import Conflict, Upsert, upsert

#: Why events vanish (Klaviyo: "Events API overview", troubleshooting), as ``account.dropped`` counts them.
SILENT_DOMAIN = "e-mail domain of examples and tests"
WRONG_IDENTIFIERS = "wrong identifiers"
REPEATED = "repeated unique_id"
SAME_SECOND = "same metric and second without unique_id"


def apply_events(account: Account, entries: Iterable[Json], now: float) -> None:
    """Record the events of one request.

    :param entries: a profile and its events each.
    """
    for entry in entries:
        wanted = [event for event in entry["events"] if not _is_dropped(account, event)]
        if wanted:
            _apply_entry(account, entry["profile"], wanted, now)


def _is_dropped(account: Account, event: Mapping[str, Json]) -> bool:
    if event["drop"] is not None:
        account.dropped[event["drop"]] += 1
    return event["drop"] is not None


def _apply_entry(account: Account, thing: Mapping[str, Json], events: list[Json], now: float) -> None:
    email = thing.get("attributes", {}).get("email") or ""
    if email.rpartition("@")[2].lower() in account.settings.silent_domains:
        account.dropped[SILENT_DOMAIN] += len(events)
        return
    try:
        profile, _ = upsert(account, thing, Upsert(account.settings, now, clears=False))
    except Conflict:
        account.dropped[WRONG_IDENTIFIERS] += len(events)
        return
    for event in events:
        _record(account, profile, event, now)
    account.profiles.touch(profile, now)


def _record(account: Account, profile: Profile, wanted: Mapping[str, Json], now: float) -> None:
    metric = account.events.metric(wanted["metric"], now)
    value = wanted["value"]
    if value is not None and not metric.has_value:
        metric.has_value, metric.updated = True, now
        account.events.keep(metric)
    event = Event(
        number=0,
        profile=profile.number,
        metric=metric.number,
        time=wanted["time"],
        # Without a unique id the key is the time, cut to the second.
        unique_id=str(wanted["time"]) if wanted["unique_id"] is None else wanted["unique_id"],
        properties=wanted["properties"],
        # Klaviyo: once a metric had a value, a missing one is stored as 0.
        value=0 if value is None and metric.has_value else value,
        currency=wanted["currency"],
        backfill=wanted["backfill"],
    )
    if account.events.add(event):
        profile.last_event = max(profile.last_event or 0.0, float(event.time))
    else:
        account.dropped[SAME_SECOND if wanted["unique_id"] is None else REPEATED] += 1
