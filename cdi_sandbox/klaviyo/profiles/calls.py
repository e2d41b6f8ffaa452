"""Single profiles: create or update, create, update, read, merge, delete for privacy."""

from __future__ import annotations

from collections.abc import Iterable

from cdi_sandbox.api.call import Call, Change, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.json_api.bodies import at, envelope, refuse, related, stop_for
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery, base_url, nothing, one, page
from cdi_sandbox.klaviyo.json_api.errors import DUPLICATE_PROFILE, Problem, RequestRefused, error_reply
from cdi_sandbox.klaviyo.json_api.filters import EXACT, RANGE, Clause
from cdi_sandbox.klaviyo.json_api.shapes import profile_resource
from cdi_sandbox.klaviyo.profiles.checks import check_profile, profile_identifier, profile_rules
from cdi_sandbox.klaviyo.profiles.profiles import Profile
from cdi_sandbox.klaviyo.profiles.upserts import Conflict, Upsert, change, patch, upsert
from cdi_sandbox.settings.klaviyo import IDENTIFIERS

_FILTERS = {**dict.fromkeys(IDENTIFIERS, EXACT), "created": RANGE, "updated": RANGE}


def import_profile(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-import``: null clears, what is missing stays."""
    thing = _checked(account, call)
    try:
        profile, is_new = upsert(account, thing, _how(account))
    except Conflict as conflict:
        raise _refused(conflict) from None
    return _shown(account, call, profile, 201 if is_new else 200)


def create_profile(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profiles``: 409 when one of the identifiers is known."""
    thing = _checked(account, call)
    attributes = thing.get("attributes", {})
    for key in IDENTIFIERS[1:]:
        known = account.profiles.by(key, attributes.get(key))
        if known is not None:
            raise _refused(Conflict(DUPLICATE_PROFILE, known))
    profile, _ = upsert(account, thing, _how(account))
    return _shown(account, call, profile, 201)


def update_profile(account: Account, call: Call) -> Reply:
    """Answer ``PATCH /api/profiles/{id}``."""
    thing = _checked(account, call, needs_identifier=False)
    if thing.get("id") != call.params["id"]:
        raise refuse("/data/id", "The id must be that of the path")
    profile = named_profile(account, call)
    how = _how(account)
    try:
        change(account.profiles, profile, thing.get("attributes", {}), how)
    except Conflict as conflict:
        raise _refused(conflict) from None
    patch(profile, thing.get("meta", {}), unsets=True)
    account.profiles.touch(profile, how.now)
    return _shown(account, call, profile, 200)


def show_profile(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profiles/{id}``."""
    return one(call, profile_resource(call, named_profile(account, call)))


def list_profiles(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profiles``, found by identifiers or walked through."""
    query = JsonApiQuery(call)
    clauses = query.filters(_FILTERS)
    field, down = query.sort("created", "updated", "id", "email")
    chosen = [profile for profile in _candidates(account, clauses) if _holds(profile, clauses)]
    chosen.sort(key=lambda profile: _order(profile, field))
    return page(call, chosen[::-1] if down else chosen, lambda profile: profile_resource(call, profile))


def merge_profiles(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-merge``: the source is deleted, later."""
    data = envelope(call, "profile-merge")
    sources = related(call, "profiles", "profile")
    if len(sources) != 1:
        raise refuse("/data/relationships/profiles/data", "Exactly one source is allowed in one request")
    for pointer, key in (("/data/id", data.get("id")), ("/data/relationships/profiles/data/0/id", sources[0])):
        if account.profiles.by_id(key) is None:
            raise refuse(pointer, "A profile with this id does not exist")
    links = {"self": f"{base_url(call)}/api/profiles/{data['id']}/"}
    reply = one(call, {"type": "profile", "id": data["id"], "links": links}, 201)
    reply.change = Change("klaviyo.merge", {"gone": sources[0], "kept": data["id"]})
    return reply


def delete_profile(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/data-privacy-deletion-jobs``: one profile by exactly one identifier."""
    data = envelope(call, "data-privacy-deletion-job")
    thing = at(data, "attributes", "profile", "data")
    place = "/data/attributes/profile/data"
    named = {key: value for key, value in _identifiers(thing).items() if value is not None}
    if len(named) != 1:
        raise refuse(place, "Exactly one of id, email and phone_number is allowed")
    ((key, value),) = named.items()
    if key != "id":
        rules = profile_rules(account.settings, call.revision)
        stop_for([problem.under(place) for problem in check_profile(thing, rules)], account.settings)
    elif not isinstance(value, str):
        raise refuse(f"{place}/id", "The id must be a string")
    reply = nothing()
    reply.change = Change("klaviyo.delete", {key: value})
    reply.accepted = call.identifiers
    return reply


def single_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the one profile out of a body."""
    thing = at(body, "data")
    return [thing], [profile_identifier(thing)]


def delete_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the one profile out of a deletion."""
    thing = at(body, "data", "attributes", "profile", "data")
    return [thing], [profile_identifier(thing)]


def named_profile(account: Account, call: Call) -> Profile:
    """Return the profile that the path names.

    :raises RequestRefused: when there is none.
    """
    profile = account.profiles.by_id(call.params["id"])
    if profile is None:
        raise RequestRefused(error_reply(404, f"A profile with id `{call.params['id']}` does not exist."))
    return profile


def _checked(account: Account, call: Call, *, needs_identifier: bool = True) -> dict[str, Json]:
    thing = envelope(call, "profile")
    rules = profile_rules(account.settings, call.revision, needs_identifier=needs_identifier)
    problems = check_profile(thing, rules)
    if not problems and call.size > limits.PROFILE_BYTES:
        problems = [Problem("", f"The payload must have at most {limits.PROFILE_BYTES} bytes")]
    refused = call.refused.get(call.identifiers[0] or "")
    if not problems and refused is not None:
        problems = [Problem("", refused)]
    stop_for([problem.under("/data") for problem in problems], account.settings)
    return thing


def _how(account: Account) -> Upsert:
    return Upsert(account.settings, account.now(), clears=True)


def _shown(account: Account, call: Call, profile: Profile, status: int) -> Reply:
    reply = one(call, profile_resource(call, profile), status)
    reply.accepted = call.identifiers
    if account.sandbox_settings.keep == "counts":
        account.forget(profile)
    return reply


def _refused(conflict: Conflict) -> RequestRefused:
    if conflict.other is None:
        return RequestRefused(error_reply(404, f"{conflict}."))
    meta = {"duplicate_profile_id": conflict.other.id}
    return RequestRefused(error_reply(409, DUPLICATE_PROFILE, "/data/attributes", meta=meta))


def _identifiers(thing: Json) -> dict[str, Json]:
    return {"id": at(thing, "id"), **{key: at(thing, "attributes", key) for key in ("email", "phone_number")}}


def _candidates(account: Account, clauses: list[Clause]) -> Iterable[Profile]:
    """Narrow the search down to the profiles of an identifier, where the filter names one."""
    for clause in clauses:
        if clause.field in IDENTIFIERS:
            values = clause.value if clause.operator == "any" else [clause.value]
            found = (account.profiles.by(clause.field, value) for value in values)
            return {profile.number: profile for profile in found if profile is not None}.values()
    return account.profiles.by_number.values()


def _holds(profile: Profile, clauses: list[Clause]) -> bool:
    return all(
        clause.field == "email" or clause.holds(getattr(profile, clause.field))  # e-mail: case does not count
        for clause in clauses
    )


def _order(profile: Profile, field: str) -> tuple[str | float, int]:
    if field == "email":
        return (profile.email or "", profile.number)
    return (0.0 if field == "id" else getattr(profile, field), profile.number)
