"""Who is meant by an identifier, beyond the rules of ``/users/track``: also everybody with a contact, or one chosen."""

from __future__ import annotations

from collections.abc import Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.track.objects import check_identity
from cdi_sandbox.braze.users.profiles import Profiles, User, choose


def find_all(profiles: Profiles, thing: dict[str, Json]) -> list[User]:
    """Find everybody whom an identifier leads to; nobody for one that is not valid."""
    if check_identity(thing, frozenset()) is not None:
        return []
    if "email" in thing:
        return profiles.with_contact("email", thing["email"])
    if "phone" in thing:
        return profiles.with_contact("phone", thing["phone"])
    user = profiles.find(thing)
    return [] if user is None else [user]


def find_chosen(profiles: Profiles, identifier: Mapping[str, Json]) -> User | None:
    """Find one user, for an e-mail address or phone number as ``prioritization`` chooses."""
    prioritization = identifier.get("prioritization") or []
    if identifier.get("email") is not None:
        return choose(profiles.with_contact("email", identifier["email"]), prioritization)
    if identifier.get("phone") is not None:
        return choose(profiles.with_contact("phone", identifier["phone"]), prioritization)
    return profiles.find(identifier)
