"""Catalogs and their items as they are kept: schema, size, and what each verb does when it is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from cdi_sandbox.api.json import Json
from cdi_sandbox.store import Store


@dataclass(slots=True, eq=False)
class Catalog:
    """One catalog.

    :param fields: name -> type, ``id`` first.
    :param updated_at: as Braze writes it.
    :param items: id -> item, its id included.
    """

    name: str
    description: str
    fields: dict[str, str]
    updated_at: str
    items: dict[str, dict[str, Json]] = field(default_factory=dict)

    def shown(self) -> Json:
        """Show the catalog as the API does."""
        return {
            "name": self.name,
            "description": self.description,
            "fields": [{"name": name, "type": kind} for name, kind in self.fields.items()],
            "num_items": len(self.items),
            "updated_at": self.updated_at,
        }

    def document(self) -> Json:
        """Return what the store keeps of the catalog; its items are documents of their own."""
        return {name: getattr(self, name) for name in ("name", "description", "fields", "updated_at")}


class Catalogs:
    """All catalogs, with the bytes that their items take.

    :param store: where each change is written down as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_name: dict[str, Catalog] = {}
        self.bytes = 0

    def get(self, name: str) -> Catalog | None:
        """Find a catalog."""
        return self._by_name.get(name)

    def all(self) -> list[Catalog]:
        """List the catalogs in the order in which they were made."""
        return list(self._by_name.values())

    def add(self, catalog: Catalog) -> None:
        """Make a catalog, or note a change of its schema."""
        self._by_name[catalog.name] = catalog
        self._store.put("catalogs", catalog.name, catalog.document)

    def drop(self, name: str) -> None:
        """Delete a catalog with its items."""
        catalog = self._by_name[name]
        for item_id in list(catalog.items):
            self._remove_item(catalog, item_id)
        del self._by_name[name]
        self._store.remove("catalogs", name)

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept: the catalogs come before their items."""
        if kind == "catalogs":
            self._by_name[document["name"]] = Catalog(**document)
        else:
            item = document["item"]
            self._by_name[document["catalog"]].items[item["id"]] = item
            self.bytes += _size(item)

    def apply_items(self, name: str, verb: str, items: list[dict[str, Json]], at: str) -> None:
        """Apply one accepted request.

        :param verb: ``POST`` creates and leaves existing items alone, ``PUT`` replaces or creates, ``PATCH``
            edits existing ones, ``DELETE`` removes.
        :param at: the time for the catalog's ``updated_at``.
        """
        catalog = self._by_name.get(name)
        if catalog is None:
            return  # deleted since
        for item in items:
            self._apply_item(catalog, verb, item)
        catalog.updated_at = at
        self._store.put("catalogs", catalog.name, catalog.document)

    def _apply_item(self, catalog: Catalog, verb: str, item: dict[str, Json]) -> None:
        old = catalog.items.get(item["id"])
        if verb == "DELETE":
            self._remove_item(catalog, item["id"])
        elif verb == "PUT" or (verb == "POST" and old is None):
            self._keep_item(catalog, {name: value for name, value in item.items() if value is not None})
        elif verb == "PATCH" and old is not None:
            self._keep_item(catalog, _edited(old, item))

    def _keep_item(self, catalog: Catalog, item: dict[str, Json]) -> None:
        self._remove_item(catalog, item["id"])
        catalog.items[item["id"]] = item
        self.bytes += _size(item)
        kept = {"catalog": catalog.name, "item": item}
        self._store.put("items", f"{catalog.name}/{item['id']}", lambda: kept)

    def _remove_item(self, catalog: Catalog, item_id: str) -> None:
        old = catalog.items.pop(item_id, None)
        if old is not None:
            self.bytes -= _size(old)
            self._store.remove("items", f"{catalog.name}/{item_id}")


def _edited(old: dict[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    item = dict(old)
    for name, value in changes.items():
        if value is None:
            item.pop(name, None)
        elif isinstance(value, dict) and value and value.keys() <= {"$add", "$remove"}:
            present = item.get(name) or []
            removed = value.get("$remove") or []
            item[name] = [part for part in [*present, *(value.get("$add") or [])] if part not in removed]
        else:
            item[name] = value
    return item


def _size(item: dict[str, Json]) -> int:
    return len(orjson.dumps(item))
