"""Who is who: users, the identifiers that lead to them, and what they hold.

The identity rules of ``/users/track`` live here. One of them surprises: an unknown ``external_id`` makes a
new profile even when its ``email`` already belongs to one, and there are two from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cdi_sandbox.api.json import Json
from cdi_sandbox.store import Store

Contact = Literal["email", "phone"]

IDENTIFIED, UNIDENTIFIED = "identified", "unidentified"
MOST_RECENT, LEAST_RECENT = "most_recently_updated", "least_recently_updated"
#: How ``/users/track`` chooses among several profiles of one e-mail address or phone number.
_TRACK_CHOICE = (IDENTIFIED, MOST_RECENT)
#: Most users have no alias and no group: a million of them share this one, so it is replaced, never changed.
_NONE_YET: dict[str, str] = {}


@dataclass(slots=True, eq=False)
class User:
    """One profile.

    :param number: unique, in the order of creation; Braze's id is made of it.
    :param aliases: label -> name, one name a label.
    :param former_ids: external ids before a rename; they still lead here.
    :param standard: attributes with a meaning of their own; **custom**: all others.
    :param groups: subscription group -> state.
    :param touched: grows with every update; says who was updated last.
    """

    number: int
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    aliases: Mapping[str, str] = field(default_factory=lambda: _NONE_YET)
    former_ids: Sequence[str] = ()
    standard: dict[str, Json] = field(default_factory=dict)
    custom: dict[str, Json] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=lambda: _NONE_YET)
    touched: int = 0

    @property
    def braze_id(self) -> str:
        """Braze's own id of the profile: 24 hexadecimal digits."""
        return f"{self.number:024x}"

    def document(self) -> Json:
        """Return what the store keeps; ``User(**document)`` brings it back."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, eq=False)
class Event:
    """One event or one purchase.

    :param name: the event's name, or the product's id.
    :param fields: the rest of it: ``properties``, ``app_id``, and ``currency`` and ``price`` of a purchase.
    """

    number: int
    user: int
    name: str
    time: float
    fields: dict[str, Json]

    def document(self) -> Json:
        """Return what the store keeps; ``Event(**document)`` brings it back."""
        return {name: getattr(self, name) for name in self.__slots__}


class Profiles:
    """All users, found by any of their identifiers.

    :param store: where each change is written down as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.users: dict[int, User] = {}
        #: ``events`` and ``purchases``: user number -> what happened, in the order of application.
        self.events: dict[str, dict[int, list[Event]]] = {"events": {}, "purchases": {}}
        self._by_external_id: dict[str, User] = {}
        self._by_alias: dict[tuple[str, str], User] = {}
        self._by_contact: dict[tuple[Contact, str], list[User]] = {}
        self._last_number = 0
        self._touches = 0

    # --- finding ----------------------------------------------------------------------------------------

    def find(self, thing: Mapping[str, Any]) -> User | None:
        """Find the one user whom an object names, by the rules of ``/users/track``."""
        if thing.get("external_id") is not None:
            return self._by_external_id.get(thing["external_id"])
        if thing.get("user_alias") is not None:
            alias = thing["user_alias"]
            return self._by_alias.get((alias["alias_label"], alias["alias_name"]))
        if thing.get("braze_id") is not None:
            return self._by_braze_id(thing["braze_id"])
        kind: Contact = "email" if thing.get("email") is not None else "phone"
        if thing.get(kind) is None:
            return None  # a push token of nobody, see track.py
        return choose(self.with_contact(kind, thing[kind]), _TRACK_CHOICE)

    def find_or_create(self, thing: Mapping[str, Any]) -> User | None:
        """Find the user whom an object names, or make one where Braze makes one.

        :return: None for an unknown user with ``_update_existing_only`` (the default with an alias), and for
            an unknown ``braze_id``.
        """
        user = self.find(thing)
        if user is not None:
            return user
        alias = thing.get("user_alias")
        only_existing = thing.get("_update_existing_only")
        if only_existing is None:
            only_existing = alias is not None and thing.get("external_id") is None
        if only_existing in (True, "true") or thing.get("braze_id") is not None:
            return None
        return self._create(thing)

    def with_contact(self, kind: Contact, value: str) -> list[User]:
        """List the users with this e-mail address or phone number."""
        return self._by_contact.get((kind, value.lower()), [])

    # --- changing ---------------------------------------------------------------------------------------

    def touch(self, user: User) -> None:
        """Note that the user was changed just now."""
        self._touches += 1
        user.touched = self._touches
        self._store.put("users", user.braze_id, user.document)

    def add_event(self, kind: str, user: User, name: str, time: float, fields: dict[str, Json]) -> None:
        """Book one event or purchase."""
        self._last_number += 1
        event = Event(self._last_number, user.number, name, time, fields)
        self._book(kind, event)

    def set_contact(self, user: User, kind: Contact, value: str | None) -> None:
        """Set or remove an e-mail address or phone number."""
        old = getattr(user, kind)
        if old is not None:
            self._by_contact[(kind, old.lower())].remove(user)
        setattr(user, kind, value)
        if value is not None:
            self._by_contact.setdefault((kind, value.lower()), []).append(user)

    def set_external_id(self, user: User, external_id: str) -> None:
        """Give an external id; the one before stays as a former id and still leads to the user."""
        if user.external_id is not None:
            user.former_ids = (*user.former_ids, user.external_id)
        user.external_id = external_id
        self._by_external_id[external_id] = user

    def drop_former_id(self, external_id: str) -> bool:
        """Remove a former external id; False when it is none."""
        user = self._by_external_id.get(external_id)
        if user is None or external_id not in user.former_ids:
            return False
        user.former_ids = [former for former in user.former_ids if former != external_id]
        del self._by_external_id[external_id]
        self.touch(user)
        return True

    def set_alias(self, user: User, label: str, name: str) -> bool:
        """Give an alias; False when somebody has it, or the user has another one of this label."""
        if (label, name) in self._by_alias or label in user.aliases:
            return False
        user.aliases = {**user.aliases, label: name}
        self._by_alias[(label, name)] = user
        return True

    def rename_alias(self, label: str, old: str, new: str) -> None:
        """Change an alias name; an unknown pair and a taken name change nothing."""
        user = self._by_alias.get((label, old))
        if user is not None and (label, new) not in self._by_alias:
            user.aliases = {**user.aliases, label: new}
            del self._by_alias[(label, old)]
            self._by_alias[(label, new)] = user
            self.touch(user)

    def create_empty(self) -> User:
        """Make a profile that nothing leads to yet."""
        self._last_number += 1
        user = User(self._last_number)
        self.users[user.number] = user
        return user

    def merge(self, gone: User, kept: User) -> None:
        """Put one user into another: what the kept one lacks is taken over, what happened is added."""
        if gone is kept:
            return
        email, phone, aliases = gone.email, gone.phone, gone.aliases
        for kind, by_user in self.events.items():
            for event in by_user.pop(gone.number, []):
                event.user = kept.number
                self._book(kind, event)
        self.forget(gone)
        if kept.email is None and email is not None:
            self.set_contact(kept, "email", email)
        if kept.phone is None and phone is not None:
            self.set_contact(kept, "phone", phone)
        for label, name in aliases.items():
            self.set_alias(kept, label, name)
        kept.standard = {**gone.standard, **kept.standard}
        kept.custom = {**gone.custom, **kept.custom}
        kept.groups = {**gone.groups, **kept.groups}
        self.touch(kept)

    def forget(self, user: User) -> None:
        """Delete a user with everything that leads to it."""
        for external_id in (user.external_id, *user.former_ids):
            if external_id is not None:
                self._by_external_id.pop(external_id, None)
        for label, name in user.aliases.items():
            self._by_alias.pop((label, name), None)
        self.set_contact(user, "email", None)
        self.set_contact(user, "phone", None)
        del self.users[user.number]
        self._store.remove("users", user.braze_id)
        for kind, by_user in self.events.items():
            for event in by_user.pop(user.number, []):
                self._store.remove(kind, f"{event.number:024x}")

    # --- coming back from the store ---------------------------------------------------------------------

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept."""
        if kind != "users":
            event = Event(**document)
            self.events[kind].setdefault(event.user, []).append(event)
            self._last_number = max(self._last_number, event.number)
            return
        user = User(**document)
        self.users[user.number] = user
        self._last_number = max(self._last_number, user.number)
        self._touches = max(self._touches, user.touched)
        for external_id in (user.external_id, *user.former_ids):
            if external_id is not None:
                self._by_external_id[external_id] = user
        for label, name in user.aliases.items():
            self._by_alias[(label, name)] = user
        contacts: tuple[tuple[Contact, str | None], ...] = (("email", user.email), ("phone", user.phone))
        for contact, value in contacts:
            if value is not None:
                self._by_contact.setdefault((contact, value.lower()), []).append(user)

    def _by_braze_id(self, braze_id: str) -> User | None:
        try:
            return self.users.get(int(braze_id, 16))
        except ValueError:
            return None

    def _create(self, thing: Mapping[str, Any]) -> User:
        user = self.create_empty()
        if thing.get("external_id") is not None:
            self.set_external_id(user, thing["external_id"])
        elif thing.get("user_alias") is not None:
            self.set_alias(user, thing["user_alias"]["alias_label"], thing["user_alias"]["alias_name"])
        elif thing.get("email") is not None:
            self.set_contact(user, "email", thing["email"])
        elif thing.get("phone") is not None:
            self.set_contact(user, "phone", thing["phone"])
        return user

    def _book(self, kind: str, event: Event) -> None:
        self.events[kind].setdefault(event.user, []).append(event)
        self._store.put(kind, f"{event.number:024x}", event.document)


def choose(users: Sequence[User], prioritization: Sequence[str]) -> User | None:
    """Choose one of several users, as ``prioritization`` of the API says.

    ``identified`` and ``unidentified`` prefer a kind, and leave the choice open when there is none of it.

    :return: None when there is nobody, or several and no rule that tells them apart.
    """
    candidates = list(users)
    for rule in prioritization:
        if rule in (IDENTIFIED, UNIDENTIFIED):
            preferred = [user for user in candidates if (user.external_id is not None) == (rule == IDENTIFIED)]
            candidates = preferred or candidates
        elif rule in (MOST_RECENT, LEAST_RECENT):
            candidates.sort(key=lambda user: user.touched, reverse=rule == MOST_RECENT)
            candidates = candidates[:1]
    return candidates[0] if len(candidates) == 1 else None
