"""Whether one profile of a request is valid, and where in it something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.json_api.errors import BAD_EMAIL, BAD_PHONE, INELIGIBLE_PHONE, Problem
from cdi_sandbox.klaviyo.json_api.revisions import NO_ANONYMOUS_PROFILES
from cdi_sandbox.settings.klaviyo import IDENTIFIERS, KlaviyoSettings

TEXTS = ("first_name", "last_name", "organization", "locale", "title", "image")
LOCATION = ("address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip")
_COORDINATES = ("latitude", "longitude")
_ATTRIBUTES = frozenset({"email", "phone_number", "external_id", "_kx", *TEXTS, "location", "properties"})
_PATCHES = ("append", "unappend", "unset")

_EMAIL = re.compile(r"(?!\.)[^@\s,;:<>()\[\]\\\"]+(?<!\.)@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
_PHONE = re.compile(r"\+\d{2,15}", re.ASCII)
# North America: area code and exchange begin with 2 to 9, and there are ten digits.
_NORTH_AMERICA = re.compile(r"\+1[2-9]\d{2}[2-9]\d{6}", re.ASCII)
_SHORTEST_PHONE = len("+") + 7


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What a profile of one kind of request may look like.

    :param attributes: the ones that there are.
    :param needs_identifier: whether it must say who it is.
    :param max_bytes: of the profile as JSON.
    :param sms: whether a phone number alone identifies.
    :param ineligible_phones: beginnings of numbers that are refused.
    """

    attributes: frozenset[str]
    needs_identifier: bool
    max_bytes: int
    sms: bool
    ineligible_phones: tuple[str, ...]


def profile_rules(
    settings: KlaviyoSettings,
    revision: str,
    *,
    of_event: bool = False,
    needs_identifier: bool = True,
) -> ProfileRules:
    """Say what profiles may look like.

    :param revision: of the API; until 2026 a profile could carry an ``anonymous_id``, in events it still can.
    """
    anonymous = {"anonymous_id"} if of_event or revision < NO_ANONYMOUS_PROFILES else set()
    return ProfileRules(
        attributes=_ATTRIBUTES | anonymous,
        needs_identifier=needs_identifier,
        max_bytes=limits.EVENT_PROFILE_BYTES if of_event else limits.PROFILE_BYTES,
        sms=settings.sms,
        ineligible_phones=tuple(settings.ineligible_phones),
    )


def check_profile(thing: Json, rules: ProfileRules) -> list[Problem]:
    """Find everything that is wrong with a profile; the pointers begin at it."""
    if not isinstance(thing, dict) or thing.get("type") != "profile":
        return [Problem("/type", "The type must be 'profile'")]
    attributes = thing.get("attributes", {})
    if not isinstance(attributes, dict):
        return [Problem("/attributes", "The attributes must be an object")]
    problems = [problem for name, value in attributes.items() for problem in _check(name, value, rules)]
    if rules.needs_identifier and not problems:
        problems += _check_identity(thing, attributes, rules)
    if "meta" in thing:
        problems += check_meta(thing["meta"], "/meta")
    if not problems and len(orjson.dumps(thing)) > rules.max_bytes:
        problems.append(Problem("", f"A profile must have at most {rules.max_bytes} bytes"))
    return problems


def check_meta(meta: Json, place: str) -> list[Problem]:
    """Find what is wrong with the ``meta`` of a profile, which patches lists and properties."""
    if not isinstance(meta, dict):
        return [Problem(place, "It must be an object")]
    problems = []
    for name in ("patch_properties", "patch_identifiers"):
        patch = meta.get(name, {})
        if not isinstance(patch, dict):
            problems.append(Problem(f"{place}/{name}", "It must be an object"))
            continue
        problems += [
            Problem(f"{place}/{name}/{key}", "It is no patch, or has the wrong type")
            for key, value in patch.items()
            if key not in _PATCHES or not _is_patch(key, value)
        ]
    return problems


def profile_identifier(thing: Json) -> str | None:
    """Name whose profile it is, for the counts: by the first of its identifiers, as ``email:a@b.io``."""
    if not isinstance(thing, dict):
        return None
    attributes = thing.get("attributes")
    if isinstance(thing.get("id"), str):
        return f"id:{thing['id']}"
    if isinstance(attributes, dict):
        for name in IDENTIFIERS[1:]:
            if isinstance(attributes.get(name), str):
                return f"{name}:{attributes[name]}"
    return None


def is_email(value: Json) -> bool:
    """Tell whether Klaviyo would take it for an e-mail address, as far as one can tell from outside."""
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None and ".." not in value


def phone_problem(value: Json, ineligible: tuple[str, ...]) -> str | None:
    """Say why Klaviyo would not take a phone number; None when it would."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        return BAD_PHONE
    if value.startswith(ineligible) or len(value) < _SHORTEST_PHONE:
        return INELIGIBLE_PHONE
    if value.startswith("+1") and not _NORTH_AMERICA.fullmatch(value):
        return INELIGIBLE_PHONE
    return None


def _check(name: str, value: Json, rules: ProfileRules) -> Iterator[Problem]:
    if name not in rules.attributes:
        yield Problem(f"/attributes/{name}", f"'{name}' is not a field of a profile")
    elif value is not None:
        yield from (problem.under(f"/attributes/{name}") for problem in _CHECKS[name](value, rules))


def _check_email(value: Json, rules: ProfileRules) -> list[Problem]:
    if not is_email(value):
        return [Problem("", BAD_EMAIL)]
    if len(value) > limits.EMAIL_CHARS:
        return [Problem("", f"An e-mail address must have at most {limits.EMAIL_CHARS} characters")]
    return []


def _check_phone(value: Json, rules: ProfileRules) -> list[Problem]:
    problem = phone_problem(value, rules.ineligible_phones)
    return [] if problem is None else [Problem("", problem)]


def _check_external_id(value: Json, rules: ProfileRules) -> list[Problem]:
    if isinstance(value, str) and 1 <= len(value) <= limits.EXTERNAL_ID_CHARS:
        return []
    return [Problem("", f"An external id must be a string of 1 to {limits.EXTERNAL_ID_CHARS} characters")]


def _check_text(value: Json, rules: ProfileRules) -> list[Problem]:
    return [] if isinstance(value, str) else [Problem("", "It must be a string")]


def _check_object(value: Json, rules: ProfileRules) -> list[Problem]:
    return [] if isinstance(value, dict) else [Problem("", "It must be an object")]


def _check_location(value: Json, rules: ProfileRules) -> list[Problem]:
    if not isinstance(value, dict):
        return _check_object(value, rules)
    problems = []
    for name, part in value.items():
        is_number = isinstance(part, (int, float)) and not isinstance(part, bool)
        if name not in LOCATION:
            problems.append(Problem(f"/{name}", f"'{name}' is not a field of a location"))
        elif part is not None and not isinstance(part, str) and not (name in _COORDINATES and is_number):
            problems.append(Problem(f"/{name}", "It has the wrong type"))
    return problems


_CHECKS: Mapping[str, Callable[[Any, ProfileRules], list[Problem]]] = {
    "email": _check_email,
    "phone_number": _check_phone,
    "external_id": _check_external_id,
    "_kx": _check_text,
    "anonymous_id": _check_text,
    **dict.fromkeys(TEXTS, _check_text),
    "location": _check_location,
    "properties": _check_object,
}


def _check_identity(thing: dict[str, Json], attributes: dict[str, Json], rules: ProfileRules) -> list[Problem]:
    named = [name for name in (*IDENTIFIERS[1:], "_kx", "anonymous_id") if attributes.get(name)]
    if not named and not thing.get("id"):
        return [Problem("/attributes", "A profile needs an id, email, phone_number or external_id")]
    if named == ["phone_number"] and not thing.get("id") and not rules.sms:
        return [Problem("/attributes/phone_number", "SMS is not set up, so a phone number alone identifies nobody")]
    return []


def _is_patch(key: str, value: Json) -> bool:
    if key != "unset":
        return isinstance(value, dict)
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))
