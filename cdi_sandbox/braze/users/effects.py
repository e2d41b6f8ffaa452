"""What accepted deletions and subscription groups do to the profiles."""

from __future__ import annotations

from collections.abc import Iterable

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.users.lookup import find_all, find_chosen
from cdi_sandbox.braze.users.profiles import Profiles


def apply_delete(profiles: Profiles, things: Iterable[dict[str, Json]]) -> None:
    """Delete the users that the identifiers lead to, also by a former external id."""
    for thing in things:
        user = find_chosen(profiles, thing)
        if user is not None:
            profiles.forget(user)


def apply_groups(profiles: Profiles, groups: Iterable[dict[str, Json]]) -> None:
    """Set the state of subscription groups for known users."""
    keys = {"external_ids": "external_id", "emails": "email", "phones": "phone"}
    for group in groups:
        for name, key in keys.items():
            for value in group.get(name) or []:
                for user in find_all(profiles, {key: value}):
                    state = {group["subscription_group_id"]: group["subscription_state"]}
                    user.groups = {**user.groups, **state}
                    profiles.touch(user)
