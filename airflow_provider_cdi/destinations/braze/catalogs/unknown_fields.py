"""What becomes of a catalog item that has a field which the catalog has not: ``on_unknown_field``.

Braze refuses a request as a whole for it, and does not say which field it means. So the fields of the catalog are
looked up before the first item is sent, and once more when Braze refuses a field all the same: they may change.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.arguments import OnUnknownField
from airflow_provider_cdi.destinations.braze.catalog_fields import LIST_CATALOGS, read_fields
from airflow_provider_cdi.destinations.payload import Payload, edited
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, FollowUp, Response, Verdict

#: How the report counts the items of which a field was left out.
DROPPED = "field_dropped"
#: Fields that it names each; items with further ones are counted together.
_MOST_NAMED = 50
#: Braze: the characters of a field's name. Other names are none of a catalog, and may be anything: they are not shown,
#: and very long ones are not either, because what is counted is kept in the state of the sync.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)

_REFUSED = Rejection("braze_catalog_field_unknown", "Braze: the item has a field that does not exist in the catalog.")


class UnknownFields:
    """The choice, and the fields of the catalog as far as they are known.

    :param choice: ``stop`` leaves it to the caller.
    :param catalog: the catalog's name.
    """

    def __init__(self, choice: OnUnknownField, catalog: str) -> None:
        self._choice = choice
        self._catalog = catalog
        self._fields: frozenset[str] | None = None
        self._named: set[str] = set()

    @property
    def stops(self) -> bool:
        """Whether an unknown field stops the sync."""
        return self._choice == "stop"

    def learn(self, fields: Collection[str]) -> None:
        """Take note of the fields that the catalog has, ``id`` among them."""
        self._fields = frozenset(fields) | {"id"}

    def knows_all_of(self, document: Mapping[str, Any]) -> bool:
        """Whether no field of an item is known to be none of the catalog's."""
        return self._fields is None or self._fields.issuperset(document)

    def settle(self, payload: Payload) -> tuple[Payload, tuple[str, ...]] | Rejection:
        """Say what to send of a payload.

        :return: it, and what was left out for the report; or why nothing can be sent.
        """
        if self._fields is None or self._fields.issuperset(payload.document):
            return payload, ()
        unknown = sorted(payload.document.keys() - self._fields)
        left = payload.document.keys() - unknown - {"id"}
        if self._choice == "reject" or not left:
            return Rejection("catalog_field_unknown", f"The catalog does not have the fields {shown_names(unknown)}.")
        gone = frozenset(unknown)
        kept = edited(payload, lambda document: {name: document[name] for name in document if name not in gone})
        return kept, self._counted(unknown)

    def read_refusal(self, places: Sequence[int], records: Sequence[Record]) -> Verdict:
        """Say what becomes of a request that Braze refused for an unknown field; nothing of it was stored.

        :param places: the items that Braze named, by their places; none when it named none.
        """
        if self._choice == "reject":
            return _reject(places, records)
        verdict = self._mend(records)
        return verdict or FollowUp(LIST_CATALOGS, lambda answer: self._look_again(answer, places, records))

    def _look_again(self, answer: Response, places: Sequence[int], records: Sequence[Record]) -> Verdict:
        fields = read_fields(answer, self._catalog)
        if not isinstance(fields, Mapping):
            return fields
        self.learn(fields)
        return self._mend(records) or _reject(places, records)

    def _mend(self, records: Sequence[Record]) -> BatchRejected | None:
        """Leave the unknown fields out of items; None when none of them has any."""
        named: dict[int, Rejection] = {}
        mended: dict[int, Record] = {}
        for place, record in enumerate(records):
            settled = self.settle(Payload(record.body, orjson.loads(record.body)))
            if isinstance(settled, Rejection):
                named[place] = settled
            elif settled[1]:
                mended[place] = Record(record.key, settled[0].text, record.group, record.unique)
                mended[place].adjusted = settled[1]
        return BatchRejected(_REFUSED, named, mended) if named or mended else None

    def _counted(self, unknown: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"{DROPPED}: {name}" if self._may_name(name) else DROPPED for name in unknown))

    def _may_name(self, name: str) -> bool:
        if name not in self._named and len(self._named) < _MOST_NAMED and _NAME.fullmatch(name):
            self._named.add(name)
        return name in self._named


def shown_names(unknown: Sequence[str]) -> str:
    """Return names of fields for a message; what can be none is counted, for it may be anything."""
    names = [name for name in unknown if _NAME.fullmatch(name)][:_MOST_NAMED]
    more = len(unknown) - len(names)
    return ", ".join([*names, *([f"{more} more"] if more else [])])


def _reject(places: Sequence[int], records: Sequence[Record]) -> BatchRejected:
    """Reject the items that Braze named; where it named none, the engine's halves find them."""
    return BatchRejected(_REFUSED, dict.fromkeys((0,) if len(records) == 1 else places, _REFUSED))
