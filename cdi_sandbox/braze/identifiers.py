"""How the counts name whose object it is."""

from __future__ import annotations

from cdi_sandbox.api.json import Json


def identifier_of(thing: Json) -> str | None:
    """Say whose object it is, as ``<kind>:<value>``; the alias as ``user_alias:<label>:<name>``."""
    if not isinstance(thing, dict):
        return None
    external_id = thing.get("external_id")
    if isinstance(external_id, str):
        return "external_id:" + external_id
    alias = thing.get("user_alias")
    if isinstance(alias, dict):
        return f"user_alias:{alias.get('alias_label')}:{alias.get('alias_name')}"
    for kind in ("braze_id", "email", "phone"):
        if isinstance(thing.get(kind), str):
            return f"{kind}:{thing[kind]}"
    return None
