"""Bulk imports of profiles: taking a job, its state, its errors, its profiles."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.jobs import Job, JobKind
from cdi_sandbox.klaviyo.json_api.bodies import at, objects, refuse, related, stop_for
from cdi_sandbox.klaviyo.json_api.documents import JsonApiQuery, base_url, one, page, resource, write_time
from cdi_sandbox.klaviyo.json_api.errors import Problem, RequestRefused, error_reply
from cdi_sandbox.klaviyo.json_api.filters import EXACT
from cdi_sandbox.klaviyo.json_api.shapes import list_resource, profile_resource
from cdi_sandbox.klaviyo.profiles.checks import check_profile, profile_identifier, profile_rules
from cdi_sandbox.klaviyo.profiles.upserts import DIFFERENT_PROFILES

_TYPE = "profile-bulk-import-job"
_PATH = "/api/profile-bulk-import-jobs"
_PROFILES = "/data/attributes/profiles/data"
_NAMESPACE = uuid.UUID("0c5f0c2e-9a3c-4b2b-8f34-3b9e7b1f0d03")


def start_import(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-bulk-import-jobs``: all profiles are taken, or none."""
    things = objects(call, _TYPE, ("profiles", "data"), limits.PROFILES_PER_IMPORT)
    settings = account.settings
    lists = related(call, "lists", "list")
    unknown = [(index, key) for index, key in enumerate(lists) if key not in account.lists]
    if unknown:
        index, key = unknown[0]
        raise refuse(f"/data/relationships/lists/data/{index}/id", f"List {key} was not found")
    rules = profile_rules(settings, call.revision)
    problems = []
    for index, thing in enumerate(things):
        found = check_profile(thing, rules)
        if not found and call.identifiers[index] in call.refused:
            found = [Problem("", call.refused[call.identifiers[index] or ""])]
        problems += [problem.under(f"{_PROFILES}/{index}") for problem in found]
    stop_for(problems, settings)
    job = _queue(account, call, things, lists)
    reply = one(call, _resource(account, call, job), 202)
    reply.accepted = call.identifiers
    return reply


def import_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the profiles out of a body, and whose they are. Subscriptions and suppressions have them there too."""
    found = at(body, "data", "attributes", "profiles", "data")
    things = found if isinstance(found, list) else []
    return things, [profile_identifier(thing) for thing in things]


def show_import(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}``. Being looked at may move the job on."""
    job = _named(account, call)
    includes = JsonApiQuery(call).includes("lists")
    reply = one(call, _resource(account, call, job))
    if includes:
        reply.body["included"] = [list_resource(call, account.lists[key]) for key in job.lists]
    job.look()
    return reply


def list_imports(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs``: the newest first unless sorted otherwise."""
    query = JsonApiQuery(call)
    clauses = query.filters({"status": EXACT})
    _, down = query.sort("created_at") if "sort" in query.parameters else ("created_at", True)
    jobs = [job for job in account.jobs.values() if job.kind == "import"]
    chosen = [job for job in jobs if all(clause.holds(job.status) for clause in clauses)]
    return page(call, chosen[::-1] if down else chosen, lambda job: _resource(account, call, job))


def import_errors(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}/import-errors``: the payloads, but no index of a row."""
    job = _named(account, call)
    numbered = list(enumerate(job.errors))
    return page(call, numbered, lambda entry: _error(call, job, *entry))


def import_profiles(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}/profiles``."""
    profiles = account.profiles.by_number
    held = [profiles[number] for number in _named(account, call).profiles if number in profiles]
    return page(call, held, lambda profile: profile_resource(call, profile))


def import_profile_ids(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}/relationships/profiles``."""
    profiles = account.profiles.by_number
    held = [profiles[number] for number in _named(account, call).profiles if number in profiles]
    return page(call, held, lambda profile: {"type": "profile", "id": profile.id})


def import_lists(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}/lists``."""
    held = [account.lists[key] for key in _named(account, call).lists]
    return page(call, held, lambda audience: list_resource(call, audience))


def import_list_ids(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-bulk-import-jobs/{id}/relationships/lists``."""
    return page(call, _named(account, call).lists, lambda key: {"type": "list", "id": key})


def named_job(account: Account, call: Call, kind: JobKind) -> Job:
    """Return the job that the path names.

    :raises RequestRefused: when there is none of this kind, or not any more.
    """
    job = account.jobs.get(call.params["id"])
    if job is None or job.kind != kind:
        raise RequestRefused(error_reply(404, f"A job with id `{call.params['id']}` does not exist."))
    return job


def _named(account: Account, call: Call) -> Job:
    return named_job(account, call, "import")


def _queue(account: Account, call: Call, things: list[Json], lists: list[str]) -> Job:
    late = _late(call)
    rows: Sequence[Json] = things
    if account.sandbox_settings.keep == "counts":
        rows = [thing if index in late else None for index, thing in enumerate(things)]
    identifiers = _all_identifiers(things) if account.sandbox_settings.count_identifiers else ()
    job = account.add_job("import", list(rows), identifiers=identifiers)
    job.lists, job.late = lists, late
    for fault in call.injected:
        if fault.kind == "stray_error":
            job.errors.append({"detail": fault.details["error"], "row": fault.details["payload"], "stray": True})
        elif fault.kind == "stall":
            job.stalls_in = fault.details["status"]
        elif fault.kind == "cancel":
            job.cancelled_after = fault.details["imported"]
    account.keep_job(job)
    return job


def _late(call: Call) -> dict[int, str]:
    faults = [fault for fault in call.injected if fault.kind == "import_error"]
    return {
        index: fault.details["error"]
        for fault in faults
        for index, identifier in enumerate(call.identifiers)
        if fault.concerns(identifier)
    }


def _all_identifiers(things: Sequence[Json]) -> list[str]:
    return [
        f"{name}:{thing['attributes'][name]}"
        for thing in things
        for name in ("email", "phone_number", "external_id")
        if thing.get("attributes", {}).get(name)
    ] + [f"id:{thing['id']}" for thing in things if thing.get("id")]


def _resource(account: Account, call: Call, job: Job) -> Json:
    attributes = {
        "status": job.status,
        "created_at": write_time(job.created),
        "total_count": job.total,
        "completed_count": job.done,
        "failed_count": job.failed,
        "completed_at": write_time(job.completed),
        "expires_at": write_time(account.expires(job)),
        "started_at": write_time(job.started),
    }
    here = f"{base_url(call)}{_PATH}/{job.id}"

    def links(name: str) -> dict[str, str]:
        return {"self": f"{here}/relationships/{name}/", "related": f"{here}/{name}/"}

    relations = {
        "lists": {"data": [{"type": "list", "id": key} for key in job.lists], "links": links("lists")},
        "profiles": {"links": links("profiles")},
        "import-errors": {"links": {"related": f"{here}/import-errors/"}},
    }
    return resource(call, _TYPE, job.id, attributes, path=_PATH, relations=relations)


def _error(call: Call, job: Job, index: int, error: Json) -> Json:
    is_identity = error["detail"] == DIFFERENT_PROFILES
    attributes = {
        "code": "invalid",
        "title": "Invalid input.",
        "detail": error["detail"],
        "source": {"pointer": "/data" if is_identity else "/data/attributes"},
        "original_payload": error["row"],
    }
    return resource(call, "import-error", str(uuid.uuid5(_NAMESPACE, f"{job.id} {index}")), attributes)
