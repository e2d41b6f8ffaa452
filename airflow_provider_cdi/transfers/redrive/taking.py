"""Which rejects a run takes: a bounded number, the oldest first, without what it does not need of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from airflow_provider_cdi.engine.rows.plain_values import json_value
from airflow_provider_cdi.engine.rows.table_contract import TableContract

if TYPE_CHECKING:
    from airflow_provider_cdi.rejects.stored import StoredReject

#: What a row is looked for by: names of identifiers and their texts.
KeyOfRow: TypeAlias = tuple[tuple[str, str], ...]
#: Rejects of one run at most, and bytes of their payloads where those are sent as they were stored.
MOST, MOST_BYTES = 100_000, 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TakenReject:
    """A reject that a run sends again.

    :param reject: without its payload, unless that is sent.
    :param key: what its row is looked for by.
    :param content: digest of what was rejected.
    """

    reject: StoredReject
    key: KeyOfRow
    content: bytes


@dataclass(slots=True)
class Taken:
    """The rejects of one run.

    :param rejects: in the order of ``UPDATED_AT``.
    :param left: how many there are beyond the bound.
    :param without_key: how many name nobody, so that their rows cannot be found.
    """

    rejects: list[TakenReject] = field(default_factory=list)
    left: int = 0
    without_key: int = 0


def take(
    entries: Iterable[StoredReject],
    contract: TableContract,
    *,
    stored: bool,
    most: int = MOST,
    most_bytes: int = MOST_BYTES,
) -> Taken:
    """Take the first rejects, and count the others.

    :param entries: the oldest first.
    :param contract: names the identifiers.
    :param stored: whether what was rejected is sent, and so is kept.
    :param most: rejects.
    :param most_bytes: of payloads that are kept.
    """
    taken, size = Taken(), 0
    for reject in entries:
        key = key_of(reject.identifier, contract)
        if not key:
            taken.without_key += 1
        elif len(taken.rejects) >= most or size >= most_bytes:
            taken.left += 1
        else:
            content = content_of(reject.identifier, reject.payload, reject.columns)
            kept = reject if stored else replace(reject, payload=None, columns={}, reason="")
            size += len(orjson.dumps(json_value(reject.payload))) if stored else 0
            taken.rejects.append(TakenReject(kept, key, content))
    taken.rejects.sort(key=lambda one: sortable(one.reject.updated_at))
    return taken


def key_of(identifier: Mapping[str, Any], contract: TableContract) -> KeyOfRow:
    """Return what a row is looked for by: its first identifier that tells people apart, with its label.

    :param identifier: the filled identifier columns.
    :param contract: names them, the most telling one first.
    :return: empty when there is none.
    """
    return next(_keys(identifier, contract), ())


def other_keys(identifier: Mapping[str, Any], contract: TableContract) -> list[KeyOfRow]:
    """Return by what else the other side finds whose row it is.

    :param identifier: the filled identifier columns.
    :param contract: says whether it looks at more than the first of them.
    """
    return list(_keys(identifier, contract))[1:] if contract.found_by_any else []


def _keys(identifier: Mapping[str, Any], contract: TableContract) -> Iterator[KeyOfRow]:
    """Give the keys of a row. A name without its label is none: others have the same name under other labels."""
    label_of, labels = dict(contract.pairs), {label for _, label in contract.pairs}
    for name in contract.identifiers:
        names = [name, *([label_of[name]] if name in label_of else [])]
        if name not in labels and all(isinstance(identifier.get(one), str) and identifier[one] for one in names):
            yield tuple((one, identifier[one]) for one in names)


def content_of(identifier: Mapping[str, Any], payload: Any, columns: Mapping[str, Any]) -> bytes:
    """Return a digest of what a row holds, 8 bytes, the same for a row and for its line in a reject file.

    :param identifier: name of the column -> value.
    :param payload: text, or an object.
    :param columns: the other columns that the row was sent with, by their names.
    """
    content = json_value([identifier, payload, columns])
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


def sortable(position: str) -> str:
    """Return a position as a text that sorts by time, also among positions with and without nanoseconds."""
    return position.removesuffix("Z").ljust(len("2026-01-05T09:00:00.123456789"), "0")
