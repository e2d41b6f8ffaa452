"""What accepted ``/users/track`` objects do to the profiles, once they are applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from zoneinfo import available_timezones

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.track.attributes import is_nested, set_custom, spoils_the_request
from cdi_sandbox.braze.users.profiles import Profiles, User
from cdi_sandbox.times import read_moment

#: Control keys and identifiers, which are no attributes. ``bio`` was removed and is not even a custom one.
_NOT_ATTRIBUTES = frozenset(
    {
        "external_id",
        "user_alias",
        "braze_id",
        "alias_name",
        "alias_label",
        "_update_existing_only",
        "_merge_objects",
        "push_token_import",
        "bio",
    }
)
#: Braze: user attributes object, the keys with a meaning of their own that are kept as they come.
_KEPT_AS_IS = frozenset(
    {
        "current_location",
        "date_of_first_session",
        "date_of_last_session",
        "email_subscribe",
        "push_subscribe",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
        "facebook",
        "first_name",
        "last_name",
        "home_city",
        "image_url",
        "language",
        "marked_email_as_spam_at",
        "push_tokens",
        "twitter",
    }
)
_GENDERS = frozenset("MFONP")
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_BIRTHDAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def apply_track(profiles: Profiles, content: Mapping[str, list[Json]], now: float) -> None:
    """Apply the valid objects of one request: attributes first, then events, then purchases.

    :param now: seconds since the epoch; a later time of an event becomes this one.
    """
    attributes = content.get("attributes", ())
    # Braze: an invalid nested attribute, and the nested updates of the request are dropped without a word.
    keeps_nested = not any(map(_spoils_the_request, attributes))
    for thing in attributes:
        _apply_attributes(profiles, thing, keeps_nested=keeps_nested)
    for thing in content.get("events", ()):
        _apply_event(profiles, "events", thing, now)
    for thing in content.get("purchases", ()):
        _apply_event(profiles, "purchases", thing, now)


def _spoils_the_request(thing: dict[str, Json]) -> bool:
    merge = _merges(thing)
    return any(
        is_nested(value) and spoils_the_request(value, merge=merge) for name, value in thing.items() if _is_custom(name)
    )


def _merges(thing: dict[str, Json]) -> bool:
    return thing.get("_merge_objects") in (True, "true")


def _is_custom(name: str) -> bool:
    return name not in _NOT_ATTRIBUTES and name not in _KEPT_AS_IS and name not in _SPECIAL


def _apply_attributes(profiles: Profiles, thing: dict[str, Json], *, keeps_nested: bool) -> None:
    user = profiles.find_or_create(thing)
    if user is None:
        return
    merge = _merges(thing)
    custom = user.custom
    for name, value in thing.items():
        if name in _NOT_ATTRIBUTES:
            continue
        if not _is_custom(name):
            _set_standard(profiles, user, name, value)
        elif keeps_nested or not is_nested(value):
            set_custom(custom, name, value, merge=merge)
    if thing.get("email_subscribe") is not None and user.email is not None:
        _spread_subscription(profiles, user, user.email)
    profiles.touch(user)


def _set_standard(profiles: Profiles, user: User, name: str, value: Json) -> None:
    if name in _SPECIAL:
        _SPECIAL[name](profiles, user, value)
    elif value is None:
        user.standard.pop(name, None)
    else:
        user.standard[name] = value


def _spread_subscription(profiles: Profiles, user: User, email: str) -> None:
    # Braze: a subscription belongs to the address, so all its profiles follow.
    for other in profiles.with_contact("email", email):
        if other is not user:
            other.standard["email_subscribe"] = user.standard["email_subscribe"]
            profiles.touch(other)


def _set_email(profiles: Profiles, user: User, value: Json) -> None:
    profiles.set_contact(user, "email", value)


def _set_phone(profiles: Profiles, user: User, value: Json) -> None:
    if value is None or isinstance(value, str):
        profiles.set_contact(user, "phone", value)


def _set_groups(profiles: Profiles, user: User, value: Json) -> None:
    if value is not None:
        states = {group["subscription_group_id"]: group["subscription_state"] for group in value}
        user.groups = {**user.groups, **states}


def _checked(name: str, is_valid: Callable[[Json], bool], *, else_remove: bool = False) -> _Setter:
    """Make a setter that ignores an invalid value, or takes it for null."""

    def set_value(profiles: Profiles, user: User, value: Json) -> None:
        if value is not None and is_valid(value):
            user.standard[name] = value
        elif value is None or else_remove:
            user.standard.pop(name, None)

    return set_value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _matches(pattern: re.Pattern[str]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_Setter = Callable[[Profiles, User, Json], None]
_SPECIAL: Mapping[str, _Setter] = {
    "email": _set_email,
    "phone": _set_phone,
    "subscription_groups": _set_groups,
    "country": _checked("country", _matches(_COUNTRY), else_remove=True),
    "dob": _checked("dob", lambda value: _matches(_BIRTHDAY)(value) and read_moment(value) is not None),
    "gender": _checked("gender", lambda value: isinstance(value, str) and value in _GENDERS),
    "time_zone": _checked("time_zone", lambda value: isinstance(value, str) and value in _time_zones()),
}


def _apply_event(profiles: Profiles, kind: str, thing: dict[str, Json], now: float) -> None:
    user = profiles.find_or_create(thing)
    if user is None:
        return
    time = min(read_moment(thing["time"]) or 0.0, now)
    fields = {name: thing[name] for name in ("app_id", "properties") if thing.get(name) is not None}
    if kind == "events":
        profiles.add_event(kind, user, thing["name"], time, fields)
    else:
        fields |= {"currency": thing["currency"], "price": thing["price"]}
        # Braze: quantity N is booked as N purchases of one.
        for _ in range(thing.get("quantity", 1)):
            profiles.add_event(kind, user, thing["product_id"], time, fields)
    profiles.touch(user)
