"""``/users/track``, its bulk and its synchronous form: which objects are taken, and what the answer says."""

from __future__ import annotations

from collections import Counter

from cdi_sandbox.api.call import Call, Change, Reply, failure
from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.identifiers import identifier_of
from cdi_sandbox.braze.track.billing import data_points
from cdi_sandbox.braze.track.effects import apply_track
from cdi_sandbox.braze.track.objects import (
    TrackError,
    check_attributes,
    check_event,
    check_identity,
    check_purchase,
)
from cdi_sandbox.braze.users.views import after_sync
from cdi_sandbox.braze.workspace import Workspace
from cdi_sandbox.settings.sandbox import Settings

# In the order in which Braze applies them.
CHECKS = {"attributes": check_attributes, "events": check_event, "purchases": check_purchase}

MAX_BULK_OBJECTS = 1_000  # Braze: /users/track/bulk, 2026
MAX_BULK_OBJECTS_PER_USER = 100
TOO_MANY = "Max Input Length Exceeded"
NO_VALID_OBJECT = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


def track(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/track``: 201 with what was queued, 400 when there is nothing valid in it."""
    sizes = [len(objects) for objects in _arrays(call.body).values()]
    settings = workspace.settings
    if sum(sizes) > settings.track_objects or any(size > settings.track_objects_per_array for size in sizes):
        return failure(400, TOO_MANY)
    return _sort_out(workspace, call, name_array=True)


def track_bulk(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/track/bulk``: the same with 1,000 objects, of which 100 are of one user."""
    per_user = Counter(identifier for identifier in call.identifiers if identifier)
    if len(call.objects) > MAX_BULK_OBJECTS or max(per_user.values(), default=0) > MAX_BULK_OBJECTS_PER_USER:
        return failure(400, TOO_MANY)
    return _sort_out(workspace, call, name_array=workspace.settings.input_array_on_bulk)


def track_sync(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /users/track/sync``: one object, applied before the answer, which shows the result."""
    if len(call.objects) > 1:
        return failure(400, TOO_MANY)
    reply = _sort_out(workspace, call, name_array=True)
    if reply.change is None:
        return reply
    content, reply.change = reply.change.content, None
    workspace.data_points += data_points(content)
    apply_track(workspace.profiles, content, workspace.now())
    ((kind, (thing,)),) = content.items()
    reply.body = {"users": after_sync(workspace.profiles, kind, thing), "message": "success"}
    return reply


def track_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the objects of all three arrays, in the order in which they are applied."""
    objects = [thing for array in _arrays(body).values() for thing in array]
    return objects, [identifier_of(thing) for thing in objects]


def _arrays(body: Json) -> dict[str, list[Json]]:
    if not isinstance(body, dict):
        return {}
    return {name: body[name] for name in CHECKS if isinstance(body.get(name), list)}


def _sort_out(workspace: Workspace, call: Call, *, name_array: bool) -> Reply:
    """Split the objects into valid ones and errors, and answer accordingly."""
    valid: dict[str, list[Json]] = {}
    errors: list[Json] = []
    accepted: list[str | None] = []
    identifiers = iter(call.identifiers)
    for name, objects in _arrays(call.body).items():
        good: list[Json] = []
        for index, (thing, identifier) in enumerate(zip(objects, identifiers, strict=False)):
            problem = _problem_of(name, thing, identifier, call, workspace.settings)
            if problem is None:
                good.append(thing)
                accepted.append(identifier)
            else:
                where = {"input_array": name} if name_array else {}
                errors.append({"type": problem, **where, "index": index})
        if good:
            valid[name] = good
    return _answer(valid, errors, accepted)


def _problem_of(array: str, thing: Json, identifier: str | None, call: Call, settings: Settings) -> str | None:
    if identifier is not None and identifier in call.refused:
        return call.refused[identifier]
    error = None if _imports_tokens(array, thing) else check_identity(thing, settings.blocked_external_ids)
    error = error or CHECKS[array](thing)
    return None if error is None else _worded(error, settings)


def _imports_tokens(array: str, thing: Json) -> bool:
    # Braze: push tokens of nobody that is known, from another system; the object has no other identifier then.
    return (
        array == "attributes"
        and isinstance(thing, dict)
        and thing.get("push_token_import") is True
        and bool(thing.get("push_tokens"))
        and thing.keys().isdisjoint(("external_id", "braze_id"))
    )


def _worded(error: TrackError, settings: Settings) -> str:
    return (settings.error_style == "code" and error.code) or error.sentence


def _answer(valid: dict[str, list[Json]], errors: list[Json], accepted: list[str | None]) -> Reply:
    told = {"errors": errors} if errors else {}
    if not valid:
        return Reply(400, {"message": NO_VALID_OBJECT, **told})
    counters = {f"{name}_processed": len(objects) for name, objects in valid.items()}
    return Reply(201, {**counters, "message": "success", **told}, Change("track", valid), accepted)
