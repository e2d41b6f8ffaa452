"""The catalog endpoints: management, items in bulk (asynchronous), single items (synchronous)."""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson

from cdi_sandbox.api.call import Call, Change, Reply, success
from cdi_sandbox.api.json import Json
from cdi_sandbox.api.paging import bad_cursor, page_of
from cdi_sandbox.braze.catalogs.catalogs import Catalog
from cdi_sandbox.braze.catalogs.effects import apply_items
from cdi_sandbox.braze.catalogs.items import FIELD_TYPES, Refusal, read_ids, read_items
from cdi_sandbox.braze.workspace import Workspace

MAX_NAME_CHARS = 250
MAX_FIELDS = 500  # 30 on older pages
PAGE_ITEMS = 50
_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

# Error id -> message. The ids and the first message are Braze's, the other messages are ours.
_CREATE_ERRORS = {
    "catalog-name-already-exists": "A catalog with that name already exists",
    "catalog-array-invalid": "'catalogs' must be an array of objects",
    "too-many-catalog-atoms": "A request can create one catalog",
    "invalid_catalog_name": "A name may have letters, digits, hyphens and underscores",
    "catalog-name-too-large": "A name may have 250 characters",
    "description-too-long": "A description may have 250 characters",
    "invalid-fields": "'fields' must be an array of objects with a name and a type",
    "too-many-fields": "A catalog may have 500 fields",
    "id-not-first-column": "The first field must be 'id' of type 'string'",
    "invalid-field-names": "A field name may have letters, digits, hyphens and underscores",
    "field-names-too-large": "A field name may have 250 characters",
    "field-names-not-unique": "Field names must be unique",
    "invalid-field-types": "A field type must be one of " + ", ".join(FIELD_TYPES),
}


def catalog_items(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the items out of a body, as ``id:<id>``."""
    items = _part(body, "items")
    if not isinstance(items, list):
        return [], []
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    return items, [None if item_id is None else f"id:{item_id}" for item_id in ids]


def list_catalogs(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /catalogs``."""
    return success(200, catalogs=[catalog.shown() for catalog in workspace.catalogs.all()])


def create_catalog(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /catalogs``."""
    wanted = _part(call.body, "catalogs")
    if not isinstance(wanted, list) or not wanted or not isinstance(wanted[0], dict):
        return _not_created("catalog-array-invalid", "catalogs", [])
    if len(wanted) > 1:
        return _not_created("too-many-catalog-atoms", "catalogs", [])
    name, description = _part(wanted[0], "name"), wanted[0].get("description", "")
    if error := _name_error(name) or _description_error(description):
        return _not_created(error, "name", [name])
    if workspace.catalogs.get(name) is not None:
        return _not_created("catalog-name-already-exists", "name", [name])
    fields = _part(wanted[0], "fields")
    if error := _fields_error(fields) or _first_field_error(fields):
        return _not_created(error, "fields", [])
    schema = {field["name"]: field["type"] for field in fields}
    catalog = Catalog(name, description, schema, workspace.written_now())
    workspace.catalogs.add(catalog)
    return success(201, catalogs=[catalog.shown()])


def delete_catalog(workspace: Workspace, call: Call) -> Reply:
    """Answer ``DELETE /catalogs/{name}``."""
    return _with_catalog(workspace, call, lambda catalog: _dropped(workspace, catalog))


def add_fields(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST /catalogs/{name}/fields``."""

    def add(catalog: Catalog) -> Reply:
        fields = _part(call.body, "fields")
        if error := _fields_error(fields):
            return _not_created(error, "fields", [])
        if any(field["name"] in catalog.fields for field in fields):
            return _not_created("field-names-not-unique", "fields", [])
        catalog.fields |= {field["name"]: field["type"] for field in fields}
        workspace.catalogs.add(catalog)
        return success(202)

    return _with_catalog(workspace, call, add)


def delete_field(workspace: Workspace, call: Call) -> Reply:
    """Answer ``DELETE /catalogs/{name}/fields/{field}``."""

    def delete(catalog: Catalog) -> Reply:
        field = call.params["field"]
        if field == "id" or field not in catalog.fields:
            return _refused(Refusal("invalid-fields", ["field"], [field]))
        del catalog.fields[field]
        workspace.catalogs.add(catalog)
        return success(202)

    return _with_catalog(workspace, call, delete)


def write_items(workspace: Workspace, call: Call) -> Reply:
    """Answer ``POST``, ``PUT``, ``PATCH`` and ``DELETE /catalogs/{name}/items``: all of it, or nothing."""

    def write(catalog: Catalog) -> Reply:
        items = _part(call.body, "items")
        reply = success(202)
        reply.change = _change_of(workspace, call, catalog, call.method, items)
        reply.accepted = call.identifiers
        return reply

    return _with_catalog(workspace, call, write)


def list_items(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /catalogs/{name}/items``: 50 a page, the next page in the ``link`` header."""

    def list_them(catalog: Catalog) -> Reply:
        page = page_of(list(catalog.items.values()), call, PAGE_ITEMS)
        if page is None:
            return bad_cursor()
        reply = success(200, items=page.entries)
        reply.headers |= page.headers
        return reply

    return _with_catalog(workspace, call, list_them)


def read_item(workspace: Workspace, call: Call) -> Reply:
    """Answer ``GET /catalogs/{name}/items/{id}``."""

    def read(catalog: Catalog) -> Reply:
        item = catalog.items.get(call.params["item"])
        return _no_item(call) if item is None else success(200, items=[item])

    return _with_catalog(workspace, call, read)


def write_item(workspace: Workspace, call: Call) -> Reply:
    """Answer the verbs of ``/catalogs/{name}/items/{id}``: one item, applied before the answer."""

    def write(catalog: Catalog) -> Reply:
        item_id = call.params["item"]
        exists = item_id in catalog.items
        if call.method == "POST" and exists:
            return _refused(Refusal("item-already-exists", ["item_id"], [item_id]))
        if call.method in ("PATCH", "DELETE") and not exists:
            return _no_item(call)
        fields = _fields_of_single(call.body)
        items = [{"id": item_id}] if call.method == "DELETE" else [{**fields, "id": item_id}]
        apply_items(workspace, _change_of(workspace, call, catalog, call.method, items).content)
        return success(201 if call.method in ("POST", "PUT") else 200)

    return _with_catalog(workspace, call, write)


def _fields_of_single(body: Json) -> dict[str, Json]:
    items = _part(body, "items")
    return items[0] if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict) else {}


def _part(body: Json, name: str) -> Json:
    return body.get(name) if isinstance(body, dict) else None


def _change_of(workspace: Workspace, call: Call, catalog: Catalog, verb: str, items: Json) -> Change:
    """Check the items and say what they do.

    :raises Refusal: when one of them is not valid, or there is no space.
    """
    if verb == "DELETE":
        checked = [{"id": item_id} for item_id in read_ids(items)]
    else:
        checked = read_items(items, catalog.fields, edits=verb == "PATCH")
        needed = workspace.catalogs.bytes + len(orjson.dumps(checked))
        if call.storage_full or needed > workspace.settings.catalog_bytes:
            raise Refusal("company-size-limit-already-reached", [], [])
    return Change("items", {"catalog": catalog.name, "verb": verb, "items": checked})


def _with_catalog(workspace: Workspace, call: Call, act: Callable[[Catalog], Reply]) -> Reply:
    catalog = workspace.catalogs.get(call.params["name"])
    if catalog is None:
        not_found = Refusal("catalog-not-found", ["catalog_name"], [call.params["name"]])
        return Reply(404, {"message": "Not Found", "errors": [not_found.error]})
    try:
        return act(catalog)
    except Refusal as refusal:
        return _refused(refusal)


def _refused(refusal: Refusal) -> Reply:
    return Reply(400, {"message": "Invalid Request", "errors": [refusal.error]})


def _no_item(call: Call) -> Reply:
    refusal = Refusal("item-not-found", ["item_id"], [call.params["item"]])
    return Reply(404, {"message": "Not Found", "errors": [refusal.error]})


def _dropped(workspace: Workspace, catalog: Catalog) -> Reply:
    workspace.catalogs.drop(catalog.name)
    return success(200)


def _not_created(error_id: str, parameter: str, values: list[Json]) -> Reply:
    error = {"id": error_id, "message": _CREATE_ERRORS[error_id]}
    return Reply(
        400,
        {
            "message": "Invalid Request",
            "errors": [{**error, "parameters": [parameter], "parameter_values": values}],
        },
    )


def _name_error(name: Json) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "invalid_catalog_name"
    return "catalog-name-too-large" if len(name) > MAX_NAME_CHARS else None


def _description_error(description: Json) -> str | None:
    too_long = not isinstance(description, str) or len(description) > MAX_NAME_CHARS
    return "description-too-long" if too_long else None


def _fields_error(fields: Json) -> str | None:
    if not isinstance(fields, list) or not fields or not all(isinstance(field, dict) for field in fields):
        return "invalid-fields"
    if len(fields) > MAX_FIELDS:
        return "too-many-fields"
    names = [field.get("name") for field in fields]
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        return "invalid-field-names"
    if any(len(name) > MAX_NAME_CHARS for name in names):
        return "field-names-too-large"
    if len(set(names)) < len(names):
        return "field-names-not-unique"
    return None if all(field.get("type") in FIELD_TYPES for field in fields) else "invalid-field-types"


def _first_field_error(fields: list[Json]) -> str | None:
    is_id = fields[0].get("name") == "id" and fields[0].get("type") == "string"
    return None if is_id else "id-not-first-column"
