"""What can only be read: the account, metrics, events."""

from __future__ import annotations

from collections.abc import Sequence

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.events.events import Event, Metric
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery, page, resource
from cdi_sandbox.klaviyo.json_api.filters import EXACT, RANGE, Clause
from cdi_sandbox.klaviyo.json_api.shapes import event_resource, metric_resource, profile_resource

_FILTERS = {"profile_id": EXACT, "metric_id": EXACT, "datetime": RANGE, "timestamp": RANGE}


def accounts(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/accounts``: the one account that the key belongs to. It is a test account."""
    name = account.settings.account
    address = {"address1": "1 Main Street", "address2": None, "city": "Boston", "region": "MA", "country": "US"}
    contact = {
        "default_sender_name": "Acme Demo",
        "default_sender_email": "hello@acme-demo.io",
        "website_url": "https://acme-demo.io",
        "organization_name": "Acme Demo",
        "street_address": {**address, "zip": "02110"},
    }
    attributes = {
        "test_account": True,
        "contact_information": contact,
        "industry": "Retail",
        "timezone": "Europe/Berlin",
        "preferred_currency": "EUR",
        "public_api_key": name,
        "locale": "en-US",
    }
    return page(call, [name], lambda key: resource(call, "account", key, attributes))


def metrics(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/metrics``."""
    held = list(account.events.metrics.values())
    return page(call, held, lambda metric: metric_resource(call, metric), size=200, most=200)


def events(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/events``: the newest first unless sorted otherwise."""
    query = JsonApiQuery(call)
    clauses = query.filters(_FILTERS)
    _, down = query.sort("datetime", "timestamp") if "sort" in query.parameters else ("datetime", True)
    includes = query.includes("profile", "metric")
    by_number = {metric.number: metric for metric in account.events.metrics.values()}
    chosen = [event for event in _candidates(account, clauses) if _holds(account, by_number, event, clauses)]
    chosen.sort(key=lambda event: (event.time, event.number), reverse=down)

    def draw(event: Event) -> Json:
        return event_resource(call, event, account.profiles.by_number[event.profile], by_number[event.metric])

    def related(shown: Sequence[Event]) -> list[Json]:
        whose = {event.profile: account.profiles.by_number[event.profile] for event in shown}
        kinds = {event.metric: by_number[event.metric] for event in shown}
        profiles = [profile_resource(call, profile) for profile in whose.values() if "profile" in includes]
        return profiles + [metric_resource(call, metric) for metric in kinds.values() if "metric" in includes]

    return page(call, chosen, draw, size=200, most=1_000, included=related if includes else None)


def _candidates(account: Account, clauses: list[Clause]) -> list[Event]:
    """Narrow the search down to the events of a profile, where the filter names one."""
    for clause in clauses:
        if clause.field == "profile_id" and clause.operator == "equals":
            profile = account.profiles.by_id(clause.value)
            return [] if profile is None else account.events.by_profile.get(profile.number, [])
    return list(account.events.by_number.values())


def _holds(account: Account, metrics: dict[int, Metric], event: Event, clauses: list[Clause]) -> bool:
    held: dict[str, Json] = {
        "profile_id": account.profiles.by_number[event.profile].id,
        "metric_id": metrics[event.metric].id,
        "datetime": event.time,
        "timestamp": event.time,
    }
    return all(clause.holds(held[clause.field]) for clause in clauses)
