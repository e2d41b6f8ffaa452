"""Profiles, lists, metrics and events as Klaviyo's resources show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cdi_sandbox.api.call import Call
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.consent.audiences import Audience
from cdi_sandbox.klaviyo.consent.effects import shown_consent
from cdi_sandbox.klaviyo.events.events import Event, Metric
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery, base_url, resource, write_time
from cdi_sandbox.klaviyo.profiles.checks import LOCATION, TEXTS
from cdi_sandbox.klaviyo.profiles.profiles import Profile


def profile_attributes(profile: Profile) -> dict[str, Json]:
    """Show everything that a profile holds, but for its consent."""
    return {
        "email": profile.email,
        "phone_number": profile.phone_number,
        "external_id": profile.external_id,
        "anonymous_id": None,
        **{name: profile.standard.get(name) for name in TEXTS},
        "created": write_time(profile.created),
        "updated": write_time(profile.updated, exact=True),
        "last_event_date": write_time(profile.last_event),
        "location": {name: profile.standard.get("location", {}).get(name) for name in LOCATION},
        "properties": profile.properties,
    }


def profile_resource(call: Call, profile: Profile, **more: Json) -> Json:
    """Show a profile, with its consent when ``additional-fields[profile]=subscriptions`` asks for it.

    :param more: further attributes.
    """
    attributes = {**profile_attributes(profile), **more}
    if "subscriptions" in JsonApiQuery(call).listed("additional-fields[profile]"):
        attributes["subscriptions"] = shown_consent(profile)
    here = f"{base_url(call)}/api/profiles/{profile.id}"
    links = {"self": f"{here}/relationships/lists/", "related": f"{here}/lists/"}
    return resource(call, "profile", profile.id, attributes, relations={"lists": {"links": links}})


def list_resource(call: Call, audience: Audience) -> Json:
    """Show a list."""
    attributes = {
        "name": audience.name,
        "created": write_time(audience.created),
        "updated": write_time(audience.updated),
        "opt_in_process": audience.opt_in,
    }
    return resource(call, "list", audience.id, attributes)


def metric_resource(call: Call, metric: Metric) -> Json:
    """Show a metric."""
    attributes = {
        "name": metric.name,
        "created": write_time(metric.created),
        "updated": write_time(metric.updated),
        "integration": {"object": "integration", "id": "InTg01", "name": "API", "category": "API"},
    }
    return resource(call, "metric", metric.id, attributes)


def event_resource(call: Call, event: Event, profile: Profile, metric: Metric) -> Json:
    """Show an event."""
    attributes: dict[str, Any] = {
        "timestamp": event.time,
        "event_properties": event.shown_properties(),
        "datetime": datetime.fromtimestamp(event.time, UTC).isoformat(),
        "uuid": event.uuid,
    }
    relations = {
        "profile": {"data": {"type": "profile", "id": profile.id}},
        "metric": {"data": {"type": "metric", "id": metric.id}},
    }
    return resource(call, "event", event.id, attributes, relations=relations)
