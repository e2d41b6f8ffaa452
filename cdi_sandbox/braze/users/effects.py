"""What accepted requests do to the profiles: deletions, subscription groups, and who is who."""

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


def apply_new_aliases(profiles: Profiles, aliases: Iterable[dict[str, str]]) -> None:
    """Give aliases to known users; without an external id make users who have nothing else."""
    for alias in aliases:
        label, name = alias["alias_label"], alias["alias_name"]
        if not alias.get("external_id"):
            thing = {"user_alias": {"alias_label": label, "alias_name": name}, "_update_existing_only": False}
            user = profiles.find_or_create(thing)
        else:
            user = profiles.find({"external_id": alias["external_id"]})
            if user is not None:
                profiles.set_alias(user, label, name)
        if user is not None:
            profiles.touch(user)


def apply_alias_updates(profiles: Profiles, updates: Iterable[dict[str, str]]) -> None:
    """Rename aliases; an unknown pair changes nothing."""
    for update in updates:
        profiles.rename_alias(update["alias_label"], update["old_alias_name"], update["new_alias_name"])


def apply_identify(profiles: Profiles, entries: Iterable[dict[str, Json]]) -> None:
    """Give external ids to users who had none; where one has that id already, the two become one."""
    for entry in entries:
        user = find_chosen(profiles, {name: value for name, value in entry.items() if name != "external_id"})
        known = profiles.find({"external_id": entry["external_id"]})
        if user is None or user is known:
            continue
        if known is not None:
            profiles.merge(user, known)
        else:
            profiles.set_external_id(user, entry["external_id"])
            profiles.touch(user)


def apply_merges(profiles: Profiles, updates: Iterable[dict[str, Json]]) -> None:
    """Merge users; an update that names an unknown one changes nothing."""
    for update in updates:
        gone = find_chosen(profiles, update["identifier_to_merge"])
        kept = find_chosen(profiles, update["identifier_to_keep"])
        if gone is not None and kept is not None:
            profiles.merge(gone, kept)
