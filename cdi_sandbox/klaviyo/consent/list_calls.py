"""Lists: make, show, and who is on them."""

from __future__ import annotations

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent.audiences import OPT_IN, Audience
from cdi_sandbox.klaviyo.json_api.bodies import at, envelope, refuse
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery, nothing, one, page, write_time
from cdi_sandbox.klaviyo.json_api.errors import RequestRefused, error_reply
from cdi_sandbox.klaviyo.json_api.filters import EXACT
from cdi_sandbox.klaviyo.json_api.shapes import list_resource, profile_resource
from cdi_sandbox.klaviyo.profiles.calls import named_profile
from cdi_sandbox.klaviyo.profiles.profiles import Profile

_PAGE = 10  # Klaviyo: at most ten lists a page


def list_lists(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/lists``."""
    clauses = JsonApiQuery(call).filters({"name": EXACT, "id": EXACT})
    chosen = [
        audience
        for audience in account.lists.values()
        if all(clause.holds(getattr(audience, clause.field)) for clause in clauses)
    ]
    return page(call, chosen, lambda audience: list_resource(call, audience), size=_PAGE, most=_PAGE)


def create_list(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/lists``."""
    attributes = envelope(call, "list").get("attributes", {})
    name, opt_in = attributes.get("name"), attributes.get("opt_in_process", OPT_IN[0])
    if not isinstance(name, str) or not name.strip():
        raise refuse("/data/attributes/name", "A list needs a name")
    if opt_in not in OPT_IN:
        raise refuse("/data/attributes/opt_in_process", f"It must be one of {', '.join(OPT_IN)}")
    return one(call, list_resource(call, account.add_list(name, opt_in)), 201)


def show_list(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/lists/{id}``."""
    return one(call, list_resource(call, _named(account, call)))


def list_members(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/lists/{id}/profiles``."""
    joined = _named(account, call).members

    def draw(profile: Profile) -> Json:
        return profile_resource(call, profile, joined_group_at=write_time(joined[profile.number]))

    return page(call, _members(account, call), draw)


def list_member_ids(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/lists/{id}/relationships/profiles``."""
    return page(call, _members(account, call), lambda profile: {"type": "profile", "id": profile.id})


def lists_of_profile(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profiles/{id}/lists``."""
    return page(call, _joined(account, call), lambda audience: list_resource(call, audience))


def list_ids_of_profile(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profiles/{id}/relationships/lists``."""
    return page(call, _joined(account, call), lambda audience: {"type": "list", "id": audience.id})


def add_members(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/lists/{id}/relationships/profiles``."""
    audience = _named(account, call)
    for profile in _profiles(account, call):
        account.add_to_list(audience, profile)
    return _done(call)


def remove_members(account: Account, call: Call) -> Reply:
    """Answer ``DELETE /api/lists/{id}/relationships/profiles``."""
    audience = _named(account, call)
    for profile in _profiles(account, call):
        account.remove_from_list(audience, profile)
    return _done(call)


def member_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the profiles out of a body that only names their ids."""
    found = at(body, "data")
    things = found if isinstance(found, list) else []
    return things, [f"id:{key}" if isinstance(key := at(thing, "id"), str) else None for thing in things]


def _done(call: Call) -> Reply:
    reply = nothing(204)
    reply.accepted = call.identifiers
    return reply


def _named(account: Account, call: Call) -> Audience:
    audience = account.lists.get(call.params["id"])
    if audience is None:
        raise RequestRefused(error_reply(404, f"A list with id `{call.params['id']}` does not exist."))
    return audience


def _joined(account: Account, call: Call) -> list[Audience]:
    number = named_profile(account, call).number
    return [audience for audience in account.lists.values() if number in audience.members]


def _members(account: Account, call: Call) -> list[Profile]:
    profiles = account.profiles.by_number
    return [profiles[number] for number in _named(account, call).members]


def _profiles(account: Account, call: Call) -> list[Profile]:
    if not call.objects:
        raise refuse("/data", "It must be an array with at least one object")
    if len(call.objects) > limits.LIST_MEMBERS_PER_REQUEST:
        raise refuse("/data", f"At most {limits.LIST_MEMBERS_PER_REQUEST} profiles are allowed in one request")
    profiles = []
    for index, thing in enumerate(call.objects):
        profile = account.profiles.by_id(at(thing, "id"))
        if at(thing, "type") != "profile" or profile is None:
            raise refuse(f"/data/{index}/id", "A profile with this id does not exist")
        profiles.append(profile)
    return profiles
