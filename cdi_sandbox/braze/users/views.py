"""Profiles as the outside sees them: in exports, in answers of ``/users/track/sync``, in the control plane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.users.profiles import Event, Profiles, User
from cdi_sandbox.times import write_moment


def whole_user(profiles: Profiles, user: User) -> dict[str, Json]:
    """Show a profile as ``/users/export/ids`` does. What is null, false or empty is left out."""
    purchases = profiles.events["purchases"].get(user.number, [])
    shown: dict[str, Any] = {
        "external_id": user.external_id,
        "braze_id": user.braze_id,
        "user_aliases": [{"alias_name": name, "alias_label": label} for label, name in user.aliases.items()],
        "email": user.email,
        "phone": user.phone,
        **user.standard,
        "custom_attributes": user.custom,
        "subscription_groups": [
            {"subscription_group_id": group, "subscription_state": state} for group, state in user.groups.items()
        ],
        "custom_events": summary(profiles.events["events"].get(user.number, [])),
        "purchases": summary(purchases),
        "total_revenue": round(sum(purchase.fields["price"] for purchase in purchases), 2),
    }
    return {name: value for name, value in shown.items() if value or name in ("user_aliases", "custom_attributes")}


def summary(events: Iterable[Event]) -> list[Json]:
    """Show events or purchases as Braze does: for each name the first time, the last time and the count."""
    by_name: dict[str, list[float]] = {}
    for event in events:
        by_name.setdefault(event.name, []).append(event.time)
    return [
        {"name": name, "first": write_moment(min(times)), "last": write_moment(max(times)), "count": len(times)}
        for name, times in by_name.items()
    ]


def single(event: Event) -> dict[str, Json]:
    """Show one event or purchase with everything that was sent."""
    return {"name": event.name, "time": write_moment(event.time), **event.fields}


def after_sync(profiles: Profiles, kind: str, thing: dict[str, Json]) -> list[Json]:
    """Show what ``/users/track/sync`` answers: the values that the one object left behind.

    :return: one user; empty when nobody was found and nobody was made.
    """
    user = profiles.find(thing)
    if user is None:
        return []
    named = next(name for name in ("external_id", "user_alias", "braze_id", "email", "phone") if thing.get(name))
    shown: dict[str, Json] = {named: thing[named]}
    if kind == "attributes":
        shown["custom_attributes"] = {name: user.custom[name] for name in thing if name in user.custom}
        return [shown]
    name = thing["name"] if kind == "events" else thing["product_id"]
    (line,) = summary(entry for entry in profiles.events[kind][user.number] if entry.name == name)
    if kind == "purchases":
        line["product_id"] = line.pop("name")
    shown["custom_events" if kind == "events" else "purchases"] = [line]
    return [shown]
