"""What a profile of a request does to the profile that it is about: who that is, and what NULL means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.profiles.checks import TEXTS
from cdi_sandbox.klaviyo.profiles.profiles import Profile, Profiles
from cdi_sandbox.settings.klaviyo import KlaviyoSettings

_KEYS = ("email", "phone_number", "external_id")
#: Klaviyo: an external id takes no part in merging.
_MERGED_BY = ("id", "email", "phone_number")

DIFFERENT_PROFILES = "The identifiers belong to different profiles"


class Conflict(Exception):
    """A profile cannot be what the request says.

    :param other: the profile that is in the way; None when the one that is named does not exist.
    """

    def __init__(self, reason: str, other: Profile | None = None) -> None:
        super().__init__(reason)
        self.other = other


class Upsert(NamedTuple):
    """How a request changes profiles.

    :param clears: whether null clears a field (single requests), or is ignored (bulk requests).
    :param unsets: whether ``meta.patch_properties.unset`` is obeyed.
    """

    settings: KlaviyoSettings
    now: float
    clears: bool
    unsets: bool = True


def upsert(account: Account, thing: Mapping[str, Json], how: Upsert) -> tuple[Profile, bool]:
    """Create or update one profile.

    :param thing: a profile of a request, checked.
    :return: the profile, and whether it is new.
    :raises Conflict: when its identifiers belong to different profiles, or its id to none. Nothing changed.
    """
    attributes = thing.get("attributes", {})
    profiles = account.profiles
    profile = find(account, thing, how)
    is_new = profile is None
    if profile is None:
        profile = profiles.create(how.now)
    change(profiles, profile, attributes, how)
    patch(profile, thing.get("meta", {}), unsets=how.unsets)
    profiles.touch(profile, how.now)
    return profile, is_new


def find(account: Account, thing: Mapping[str, Json], how: Upsert) -> Profile | None:
    """Find the one profile that the identifiers of a request lead to.

    :return: None when it does not exist yet.
    :raises Conflict: when they lead to different profiles which are not merged, or the id leads nowhere.
    """
    found = _found(account.profiles, thing, how.settings.match_order)
    if thing.get("id") and "id" not in found:
        raise Conflict("A profile with this id does not exist")
    if not found:
        return None
    kept = next(iter(found.values()))
    others = {key: profile for key, profile in found.items() if profile is not kept}
    if others and (how.settings.on_conflict == "error" or not others.keys() <= set(_MERGED_BY)):
        raise Conflict(DIFFERENT_PROFILES, next(iter(others.values())))
    for profile in {id(each): each for each in others.values()}.values():
        account.merge(profile, kept)
    return kept


def change(profiles: Profiles, profile: Profile, attributes: Mapping[str, Json], how: Upsert) -> None:
    """Set what is given. What is missing stays, and so does what is null, unless null clears.

    :raises Conflict: when an identifier belongs to another profile. Nothing changed.
    """
    for key in _KEYS:
        owner = profiles.by(key, attributes.get(key))
        if owner is not None and owner is not profile:
            raise Conflict(DIFFERENT_PROFILES, owner)
    for key in _KEYS:
        if key in attributes and (attributes[key] is not None or how.clears):
            profiles.identify(profile, key, attributes[key])
    texts = {name: attributes[name] for name in TEXTS if name in attributes}
    _merge(profile.standard, texts, clears=how.clears)
    if "location" in attributes:
        _change_location(profile, attributes["location"], clears=how.clears)
    _merge(profile.properties, attributes.get("properties") or {}, clears=how.clears)


def patch(profile: Profile, meta: Mapping[str, Json], *, unsets: bool) -> None:
    """Apply ``meta.patch_properties``, after the attributes.

    ``meta.patch_identifiers`` belongs to accounts with several e-mails a profile; here it changes nothing.
    """
    patches = meta.get("patch_properties", {})
    properties = profile.properties
    for name, added in patches.get("append", {}).items():
        properties[name] = [*_as_list(properties.get(name)), *_as_list(added)]
    for name, removed in patches.get("unappend", {}).items():
        if name in properties:
            properties[name] = [value for value in _as_list(properties[name]) if value not in _as_list(removed)]
    if unsets:
        for name in _as_list(patches.get("unset")):
            properties.pop(name, None)


def _found(profiles: Profiles, thing: Mapping[str, Json], order: tuple[str, ...]) -> dict[str, Profile]:
    attributes = thing.get("attributes", {})
    wanted = {"id": thing.get("id"), **{key: attributes.get(key) for key in _KEYS}}
    found = {key: profiles.by(key, wanted[key]) for key in order}
    return {key: profile for key, profile in found.items() if profile is not None}


def _change_location(profile: Profile, location: Mapping[str, Json] | None, *, clears: bool) -> None:
    if location is None:
        if clears:
            profile.standard.pop("location", None)
        return
    held = dict(profile.standard.get("location", {}))
    _merge(held, location, clears=clears)
    profile.standard["location"] = held


def _merge(held: dict[str, Json], given: Mapping[str, Json], *, clears: bool) -> None:
    for name, value in given.items():
        if value is not None:
            held[name] = value
        elif clears:
            held.pop(name, None)


def _as_list(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
