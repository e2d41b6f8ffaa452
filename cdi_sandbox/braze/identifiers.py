"""The ids in requests: as text, and as the counts name them."""

from __future__ import annotations

from cdi_sandbox.api.json import Json

#: Array of a request -> what is an id in its objects; elsewhere a member of that name may be an attribute.
_IDS = {"purchases": ("external_id", "product_id")}
_ID_OF_ALL = ("external_id",)


def with_text_ids(body: Json) -> Json:
    """Make text of the ids in a body that are whole numbers.

    Braze takes them for text (live answers of 2020 to 2024, recorded by braze_ruby).
    """
    if not isinstance(body, dict):
        return body
    return {name: _read_array(name, value) if isinstance(value, list) else value for name, value in body.items()}


def _read_array(name: str, entries: list[Json]) -> list[Json]:
    if name == "external_ids":
        return [_text(entry) for entry in entries]
    ids = _IDS.get(name, _ID_OF_ALL)
    return [_read_object(entry, ids) if isinstance(entry, dict) else entry for entry in entries]


def _read_object(entry: dict[str, Json], ids: tuple[str, ...]) -> dict[str, Json]:
    texts = {name: _text(entry[name]) for name in ids if type(entry.get(name)) is int}
    return {**entry, **texts} if texts else entry


def _text(value: Json) -> Json:
    return str(value) if type(value) is int else value


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
