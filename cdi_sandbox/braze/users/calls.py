"""Deleting and exporting users, and setting their subscription groups."""

from __future__ import annotations

from cdi_sandbox.api.call import Call, Change, Reply, failure, success
from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.identifiers import identifier_of
from cdi_sandbox.braze.track.objects import GROUP_STATES, check_identity, is_group_id
from cdi_sandbox.braze.users.lookup import find_all
from cdi_sandbox.braze.users.profiles import User
from cdi_sandbox.braze.users.views import whole_user
from cdi_sandbox.braze.workspace import Workspace

MAX_IDS = 50
TOO_MANY_IDS = "The max number of ids per request was exceeded"
TOO_MANY_ALIASES = "The max number of external_ids and aliases per request was exceeded"

# Key of the request -> key of the single identifier, "" where the entries are objects already.
_DELETE_KINDS = {
    "external_ids": "external_id",
    "user_aliases": "user_alias",
    "braze_ids": "braze_id",
    "email_addresses": "",
    "phone_numbers": "",
}
_CONTACTS = {"email_addresses": "email", "phone_numbers": "phone"}


def delete_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the identifiers out of a deletion."""
    things = [thing for kind in _DELETE_KINDS for thing in _named(body, kind)]
    return things, [identifier_of(thing) for thing in things]


def delete_users(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/delete``: the number that was queued, not that of the profiles that go."""
    kinds = [kind for kind in _DELETE_KINDS if isinstance(call.body, dict) and call.body.get(kind)]
    # The texts of these two are ours.
    if not kinds:
        return failure(400, "Valid data must be provided in one of: " + ", ".join(_DELETE_KINDS))
    if len(kinds) > 1:
        return failure(400, "Only one kind of identifier is allowed per request")
    things = _named(call.body, kinds[0])
    if len(things) > MAX_IDS:
        return failure(400, TOO_MANY_IDS)
    if not things or any(_delete_error(kinds[0], thing) for thing in things):
        return failure(400, f"Invalid entry in '{kinds[0]}'")
    reply = success(201, deleted=len(things))
    reply.change = Change("delete", things)
    reply.accepted = call.identifiers
    return reply


def export_users(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/export/ids``."""
    body = call.body if isinstance(call.body, dict) else {}
    external_ids, aliases = body.get("external_ids") or [], body.get("user_aliases") or []
    if not isinstance(external_ids, list) or not isinstance(aliases, list):
        return failure(400, "'external_ids' and 'user_aliases' must be arrays")
    if len(external_ids) + len(aliases) > MAX_IDS:
        return failure(400, TOO_MANY_ALIASES)
    singles = {"braze_id": "braze_id", "email_address": "email", "phone": "phone"}
    things: list[dict[str, Json]] = [{"external_id": external_id} for external_id in external_ids]
    things += [{"user_alias": alias} for alias in aliases]
    things += [{key: body[name]} for name, key in singles.items() if body.get(name)]
    found = [(thing, find_all(workspace.profiles, thing)) for thing in things]
    users = [_exported(workspace, user, body.get("fields_to_export")) for _, users in found for user in users]
    unknown = [thing["external_id"] for thing, users in found if "external_id" in thing and not users]
    return success(201, users=users, **({"invalid_user_ids": unknown} if unknown else {}))


def set_groups(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /v2/subscription/status/set``."""
    groups = call.body.get("subscription_groups") if isinstance(call.body, dict) else None
    if not isinstance(groups, list) or not groups:
        return failure(400, "'subscription_groups' must be an array of objects")
    for group in groups:
        if error := _group_error(group):
            return failure(400, error)
    reply = success(201)
    reply.change = Change("groups", groups)
    return reply


def _named(body: Json, kind: str) -> list[Json]:
    entries = body.get(kind) if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return []
    key = _DELETE_KINDS[kind]
    return [{key: entry} for entry in entries] if key else entries


def _delete_error(kind: str, thing: Json) -> bool:
    if check_identity(thing, frozenset()) is not None:
        return True
    contact = _CONTACTS.get(kind)
    return contact is not None and (thing.get(contact) is None or not isinstance(thing.get("prioritization"), list))


def _exported(workspace: Workspace, user: User, wanted: Json) -> dict[str, Json]:
    shown = whole_user(workspace.profiles, user)
    return {name: value for name, value in shown.items() if not isinstance(wanted, list) or name in wanted}


def _group_error(group: Json) -> str | None:
    if not isinstance(group, dict) or not is_group_id(group.get("subscription_group_id")):
        return "Invalid subscription group ID"
    # The texts of the following are ours.
    if group.get("subscription_state") not in tuple(GROUP_STATES):
        return "Invalid subscription state"
    if group.get("emails") and group.get("phones"):
        return "'emails' and 'phones' cannot be used together"
    lists = [group.get(name) or [] for name in ("external_ids", "emails", "phones")]
    if not all(isinstance(values, list) and all(isinstance(value, str) for value in values) for values in lists):
        return "'external_ids', 'emails' and 'phones' must be arrays of strings"
    return TOO_MANY_IDS if any(len(values) > MAX_IDS for values in lists) else None
