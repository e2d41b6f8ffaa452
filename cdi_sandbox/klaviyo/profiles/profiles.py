"""Profiles of the local Klaviyo: who is who, and what each profile holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.store import Store

#: Most profiles have no consent and no suppression: a million of them share these, so they are replaced only.
_NOTHING: dict[str, Json] = {}
_KEYS = ("email", "phone_number", "external_id")


@dataclass(slots=True, eq=False)
class Profile:
    """One profile.

    :param number: unique, in the order of creation; Klaviyo's id is made of it.
    :param standard: what it holds of the standard fields, the location among them as an object.
    :param properties: custom ones.
    :param created: seconds since the epoch, as **updated** and **last_event**.
    :param consent: channel and purpose (``email.marketing``) -> state, time, method.
    :param suppressions: reason -> seconds since the epoch.
    """

    number: int
    created: float
    updated: float
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    standard: dict[str, Json] = field(default_factory=dict)
    properties: dict[str, Json] = field(default_factory=dict)
    last_event: float | None = None
    consent: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    suppressions: Mapping[str, float] = field(default_factory=lambda: _NOTHING)

    @property
    def id(self) -> str:
        """Klaviyo's own id: 26 characters."""
        return f"01K{self.number:023d}"

    def document(self) -> Json:
        """Return what the store keeps; ``Profile(**document)`` brings it back."""
        return {name: getattr(self, name) for name in self.__slots__}


class Profiles:
    """All profiles, found by any of their identifiers. No two share one.

    :param store: where each change is written down as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.by_number: dict[int, Profile] = {}
        self._by: dict[str, dict[str, Profile]] = {key: {} for key in _KEYS}
        self._last_number = 0

    def by_id(self, profile_id: Any) -> Profile | None:
        """Find the profile of one of Klaviyo's ids."""
        if not isinstance(profile_id, str) or not profile_id.startswith("01K") or not profile_id[3:].isdecimal():
            return None
        return self.by_number.get(int(profile_id[3:]))

    def by(self, key: str, value: Any) -> Profile | None:
        """Find a profile by one identifier, ``id`` included. E-mail addresses differ not by their case."""
        if key == "id":
            return self.by_id(value)
        return self._by[key].get(_folded(key, value)) if isinstance(value, str) else None

    def create(self, now: float) -> Profile:
        """Make a profile that nothing leads to yet."""
        self._last_number += 1
        profile = Profile(self._last_number, now, now)
        self.by_number[profile.number] = profile
        return profile

    def identify(self, profile: Profile, key: str, value: str | None) -> None:
        """Give or take an identifier."""
        old = getattr(profile, key)
        if old is not None:
            self._by[key].pop(_folded(key, old), None)
        setattr(profile, key, value)
        if value is not None:
            self._by[key][_folded(key, value)] = profile

    def touch(self, profile: Profile, now: float) -> None:
        """Note that the profile was changed just now."""
        profile.updated = now
        self._store.put("klaviyo.profiles", profile.id, profile.document)

    def merge(self, gone: Profile, kept: Profile, now: float) -> None:
        """Put one profile into another: what the kept one lacks is taken over. Merges are for ever."""
        taken = {key: getattr(gone, key) for key in _KEYS}
        self.forget(gone)
        for key, value in taken.items():
            if getattr(kept, key) is None and value is not None:
                self.identify(kept, key, value)
        kept.standard = {**gone.standard, **kept.standard}
        kept.properties = {**gone.properties, **kept.properties}
        kept.consent = {**gone.consent, **kept.consent}
        kept.suppressions = {**gone.suppressions, **kept.suppressions}
        self.touch(kept, now)

    def forget(self, profile: Profile) -> None:
        """Delete a profile."""
        for key in _KEYS:
            self.identify(profile, key, None)
        del self.by_number[profile.number]
        self._store.remove("klaviyo.profiles", profile.id)

    def restore(self, document: Json) -> None:
        """Take back what the store kept."""
        profile = Profile(**document)
        self.by_number[profile.number] = profile
        self._last_number = max(self._last_number, profile.number)
        for key in _KEYS:
            value = getattr(profile, key)
            if value is not None:
                self._by[key][_folded(key, value)] = profile


def _folded(key: str, value: str) -> str:
    return value.lower() if key == "email" else value
