"""The endpoints that change who is who: aliases, identify, merge, renaming and removing external ids."""

from __future__ import annotations

from collections.abc import Mapping

from cdi_sandbox.api.call import Call, Change, Reply, failure, success
from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.users.calls import MAX_IDS, TOO_MANY_ALIASES
from cdi_sandbox.braze.workspace import Workspace

_MERGE_KEYS = {"identifier_to_merge", "identifier_to_keep"}
# Identifier of a merge -> the type that Braze asks for.
_MERGE_IDENTIFIERS = {"external_id": str, "user_alias": dict, "email": str, "phone": str}


def new_aliases(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/alias/new``."""
    aliases = _entries(call.body, "user_aliases", ("alias_name", "alias_label"))
    if aliases is None or not all(isinstance(alias.get("external_id", ""), str) for alias in aliases):
        return _bad_entries("user_aliases")
    if len(aliases) > MAX_IDS:
        return failure(400, TOO_MANY_ALIASES)
    return _queued(success(201, aliases_processed=len(aliases)), "alias_new", aliases)


def update_aliases(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/alias/update``. Status and body are assumed: Braze's page shows none."""
    updates = _entries(call.body, "alias_updates", ("alias_label", "old_alias_name", "new_alias_name"))
    if updates is None:
        return _bad_entries("alias_updates")
    if len(updates) > MAX_IDS:
        return failure(400, TOO_MANY_ALIASES)
    return _queued(success(201), "alias_update", updates)


def identify(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/identify``: success also when nobody is found."""
    aliases = _entries(call.body, "aliases_to_identify", ("external_id",))
    emails = _entries(call.body, "emails_to_identify", ("external_id", "email"))
    phones = _entries(call.body, "phone_numbers_to_identify", ("external_id", "phone"))
    entries = [*(aliases or []), *(emails or []), *(phones or [])]
    if not entries or not all(_identify_is_complete(entry) for entry in entries):
        return _bad_entries("aliases_to_identify")
    if len(entries) > MAX_IDS:
        return failure(400, TOO_MANY_ALIASES)
    counter = {"aliases_processed": len(aliases)} if aliases else {}
    return _queued(success(201, **counter), "identify", entries)


def merge_users(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/merge``: accepted with 202, done later."""
    updates = call.body.get("merge_updates") if isinstance(call.body, dict) else None
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        return failure(400, "'merge_updates' must be an array of objects")
    if len(updates) > MAX_IDS:
        return failure(400, "a single request may not contain more than 50 merge updates")
    if any(update.keys() != _MERGE_KEYS for update in updates):
        return failure(400, "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'")
    if not all(_is_merge_identifier(update[key]) for update in updates for key in _MERGE_KEYS):
        return failure(
            400,
            "identifiers must be objects with an 'external_id' property that is a string, "
            "or 'user_alias' property that is an object, or 'email' or 'phone' property that is a string",
        )
    return _queued(success(202), "merge", updates)


def rename_external_ids(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/external_ids/rename``: each entry has its own result."""
    renames = _entries(call.body, "external_id_renames", ("current_external_id", "new_external_id"))
    if renames is None or len(renames) > MAX_IDS:
        return _bad_entries("external_id_renames")
    done, errors = [], []
    for index, rename in enumerate(renames):
        user = workspace.profiles.find({"external_id": rename["current_external_id"]})
        if user is None or user.external_id != rename["current_external_id"]:
            errors.append(["current_external_id does not exist", index])  # our text
        elif workspace.profiles.find({"external_id": rename["new_external_id"]}) is not None:
            errors.append(["new_external_id is already in use", index])
        else:
            workspace.profiles.set_external_id(user, rename["new_external_id"])
            workspace.profiles.touch(user)
            done.append(rename)
    return success(201, external_ids=done, rename_errors=errors)


def remove_external_ids(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/external_ids/remove``: only ids from before a rename can be removed."""
    external_ids = call.body.get("external_ids") if isinstance(call.body, dict) else None
    if not isinstance(external_ids, list) or not all(isinstance(each, str) for each in external_ids):
        return _bad_entries("external_ids")
    if len(external_ids) > MAX_IDS:
        return _bad_entries("external_ids")
    results = {each: workspace.profiles.drop_former_id(each) for each in external_ids}
    errors = [
        ["external_id is not deprecated", index]  # our text
        for index, each in enumerate(external_ids)
        if not results[each]
    ]
    return success(201, removed_ids=[each for each, done in results.items() if done], removal_errors=errors)


def _entries(body: Json, name: str, required: tuple[str, ...]) -> list[dict[str, Json]] | None:
    """Return the objects of an array whose required keys are non-empty strings; None if it is none such."""
    entries = body.get(name) if isinstance(body, dict) else None
    if not isinstance(entries, list) or not entries:
        return None
    for entry in entries:
        if not isinstance(entry, dict):
            return None
        if not all(isinstance(entry.get(key), str) and entry[key] for key in required):
            return None
    return entries


def _bad_entries(name: str) -> Reply:
    # The text is ours.
    return failure(400, f"'{name}' must be an array of 1 to {MAX_IDS} valid entries")


def _queued(reply: Reply, kind: str, content: Json) -> Reply:
    reply.change = Change(kind, content)
    return reply


def _identify_is_complete(entry: Mapping[str, Json]) -> bool:
    if "email" in entry or "phone" in entry:
        return isinstance(entry.get("prioritization"), list)
    return _is_alias(entry.get("user_alias"))


def _is_alias(alias: Json) -> bool:
    return isinstance(alias, dict) and all(
        isinstance(alias.get(key), str) and alias[key] for key in ("alias_name", "alias_label")
    )


def _is_merge_identifier(identifier: Json) -> bool:
    if not isinstance(identifier, dict):
        return False
    named = [name for name in _MERGE_IDENTIFIERS if name in identifier]
    if len(named) != 1 or not isinstance(identifier[named[0]], _MERGE_IDENTIFIERS[named[0]]):
        return False
    return named[0] != "user_alias" or _is_alias(identifier["user_alias"])
