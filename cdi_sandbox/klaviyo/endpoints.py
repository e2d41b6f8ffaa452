"""Every call of Klaviyo's API that the sandbox knows, with its rate tier and its scopes.

Source: Klaviyo's OpenAPI description of 2026-07-15, and its Python SDK 25.0.0 for 2026-10-15.
"""

from __future__ import annotations

from collections.abc import Callable

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.endpoint import Endpoint
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits, read_calls
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent import calls as consent_calls
from cdi_sandbox.klaviyo.consent import list_calls
from cdi_sandbox.klaviyo.events import calls as event_calls
from cdi_sandbox.klaviyo.profiles import calls as profile_calls
from cdi_sandbox.klaviyo.profiles import import_calls

_Handle = Callable[[Account, Call], Reply]
_Objects = Callable[[Json], tuple[list[Json], list[str | None]]]


def _get(path: str, tier: str, scopes: str, handle: _Handle) -> Endpoint[Account]:
    return Endpoint("GET", f"/api/{path}", scopes, tier, handle, has_body=False)


def _send(call: str, tier: str, scopes: str, handle: _Handle, objects: _Objects | None = None) -> Endpoint[Account]:
    verb, path = call.split(" ")
    return Endpoint(verb, f"/api/{path}", scopes, tier, handle, objects, max_bytes=limits.PAYLOAD_BYTES)


_IMPORTS = "profile-bulk-import-jobs"
_SUBSCRIBE, _UNSUBSCRIBE = "profile-subscription-bulk-create-jobs", "profile-subscription-bulk-delete-jobs"
_SUPPRESS, _UNSUPPRESS = "profile-suppression-bulk-create-jobs", "profile-suppression-bulk-delete-jobs"
_MEMBERS = "lists/{id}/relationships/profiles"
_IMPORT, _CONSENT = "profiles:write lists:write", "lists:write profiles:write subscriptions:write"

ENDPOINTS: tuple[Endpoint[Account], ...] = (
    _get("accounts", "XS", "accounts:read", read_calls.accounts),
    _send(f"POST {_IMPORTS}", "M", _IMPORT, import_calls.start_import, import_calls.import_objects),
    _get(_IMPORTS, "M", "profiles:read lists:read", import_calls.list_imports),
    _get(f"{_IMPORTS}/{{id}}", "M", "profiles:read lists:read", import_calls.show_import),
    _get(f"{_IMPORTS}/{{id}}/import-errors", "M", "profiles:read", import_calls.import_errors),
    _get(f"{_IMPORTS}/{{id}}/profiles", "M", "profiles:read", import_calls.import_profiles),
    _get(f"{_IMPORTS}/{{id}}/relationships/profiles", "M", "profiles:read", import_calls.import_profile_ids),
    _get(f"{_IMPORTS}/{{id}}/lists", "M", "lists:read", import_calls.import_lists),
    _get(f"{_IMPORTS}/{{id}}/relationships/lists", "M", "lists:read", import_calls.import_list_ids),
    _send(
        "POST profile-import",
        "L",
        "profiles:write",
        profile_calls.import_profile,
        profile_calls.single_objects,
    ),
    _send("POST profiles", "L", "profiles:write", profile_calls.create_profile, profile_calls.single_objects),
    _get("profiles", "L", "profiles:read", profile_calls.list_profiles),
    _get("profiles/{id}", "L", "profiles:read", profile_calls.show_profile),
    _get("profiles/{id}/lists", "S", "lists:read profiles:read", list_calls.lists_of_profile),
    _get("profiles/{id}/relationships/lists", "S", "lists:read profiles:read", list_calls.list_ids_of_profile),
    _send("PATCH profiles/{id}", "L", "profiles:write", profile_calls.update_profile, profile_calls.single_objects),
    _send("POST profile-merge", "M", "profiles:write", profile_calls.merge_profiles),
    _send(
        "POST data-privacy-deletion-jobs",
        "S",
        "data-privacy:write",
        profile_calls.delete_profile,
        profile_calls.delete_objects,
    ),
    _send("POST event-bulk-create-jobs", "M", "events:write", event_calls.bulk_events, event_calls.bulk_event_objects),
    _send("POST events", "XL", "events:write", event_calls.single_event, event_calls.single_event_objects),
    _get("events", "XL", "events:read", read_calls.events),
    _get("metrics", "M", "metrics:read", read_calls.metrics),
    _send(f"POST {_SUBSCRIBE}", "L", _CONSENT, consent_calls.subscribe, import_calls.import_objects),
    _send(f"POST {_UNSUBSCRIBE}", "L", _CONSENT, consent_calls.unsubscribe, import_calls.import_objects),
    _send(
        f"POST {_SUPPRESS}",
        "L",
        "profiles:write subscriptions:write",
        consent_calls.suppress,
        import_calls.import_objects,
    ),
    _get(f"{_SUPPRESS}/{{id}}", "L", "subscriptions:read", consent_calls.show_suppress),
    _send(f"POST {_UNSUPPRESS}", "L", "subscriptions:write", consent_calls.unsuppress, import_calls.import_objects),
    _get(f"{_UNSUPPRESS}/{{id}}", "L", "subscriptions:read", consent_calls.show_unsuppress),
    _get("lists", "L", "lists:read", list_calls.list_lists),
    _send("POST lists", "M_150_A_DAY", "lists:write", list_calls.create_list),
    _get("lists/{id}", "L", "lists:read", list_calls.show_list),
    _get("lists/{id}/profiles", "L", "lists:read profiles:read", list_calls.list_members),
    _get(_MEMBERS, "L", "lists:read profiles:read", list_calls.list_member_ids),
    _send(f"POST {_MEMBERS}", "M", _IMPORT, list_calls.add_members, list_calls.member_objects),
    _send(f"DELETE {_MEMBERS}", "M", _IMPORT, list_calls.remove_members, list_calls.member_objects),
)

SCOPES = frozenset(scope for endpoint in ENDPOINTS for scope in endpoint.permission.split())
