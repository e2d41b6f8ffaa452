"""Whose watermark it is: what a sync reads, where it goes, and names that cannot meet. Cheap to import.

A watermark is right for one set of rows alone. Whatever decides which rows there are is therefore kept with it, and
another one stops the run before anything is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import ascii_name
from airflow_provider_cdi.version_compat import cdi_command

#: Other names of the one zone that needs none.
_UTC = frozenset({"", "utc", "etc/utc", "z", "zulu", "etc/zulu", "uct", "etc/uct", "universal", "etc/universal"})
_NAME_PARTS = re.compile(r'"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^."`\[\]]+')
#: Text and quoted names stay as they are, comments go, the rest is compared without regard to case and blanks.
_QUERY_TOKENS = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"""|(?P<dropped>--[^\n]*|/\*.*?\*/)|(?P<blank>\s+)|(?P<other>.)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sync reads: all that decides which rows there are, and which of them are new.

    :param source: the table or view as it is written, or ``query <digest>``.
    :param connection: of the warehouse.
    :param updated_at: the column that is the sync's ``UPDATED_AT``.
    :param timezone: whose clock that column shows.
    :param partition: which part of the source; empty for all of it.
    :param same_source: a person's word for the source, which stays when its name or text changes.
    """

    source: str
    connection: str
    updated_at: str = "UPDATED_AT"
    timezone: str = "UTC"
    partition: str = ""
    same_source: str = ""

    @classmethod
    def of(
        cls,
        *,
        source: str | None,
        sql: str | None,
        connection: str,
        columns: Mapping[str, str],
        timezone: str | None,
        partition: str | None,
        same_source: str | None,
    ) -> Reading:
        """Make one of an operator's arguments."""
        named = {name.upper(): column for name, column in columns.items()}
        return cls(
            source or f"query {query_digest(sql or '')}",
            connection,
            named.get("UPDATED_AT", "UPDATED_AT"),
            "UTC" if (timezone or "").lower() in _UTC else str(timezone),
            partition or "",
            same_source or "",
        )

    def to_json(self) -> dict[str, str]:
        """Return what :meth:`from_json` reads."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reading:
        """Read what :meth:`to_json` returned."""
        return cls(**{name: stored[name] for name in cls.__slots__ if name in stored})

    def differences(self, stored: Reading) -> list[tuple[str, str, str]]:
        """Return what is another one than what is stored, as (what, then, now).

        A ``same_source`` that is new to the record is a person's word that the rows are the same ones: neither the name
        nor the connection matters then. One that stands in the record already covers the name, which may change with
        every run.
        """
        compared = [
            ("column of UPDATED_AT", stored.updated_at, self.updated_at, _name_key),
            ("watermark_timezone", stored.timezone, self.timezone, str.lower),
            ("partition", stored.partition, self.partition, str.strip),
        ]
        if not self.same_source or self.same_source == stored.same_source:
            compared.append(("warehouse connection", stored.connection, self.connection, str.strip))
        if not self.same_source:
            compared.append(("source", stored.source, self.source, _name_key))
        return [(what, then, now) for what, then, now, key in compared if key(then) != key(now)]


@dataclass(frozen=True, slots=True)
class Identity:
    """What is fixed for the life of a sync.

    :param sync_id: stable name, see :func:`default_sync_id`; for one of several mapped tasks with its part.
    :param data_type: for example ``attributes``.
    :param destination: where it goes, for example ``https://rest.fra-01.braze.eu``.
    :param owner: the task that it belongs to, as :func:`default_sync_id` names it.
    :param asset_id: the ``sync_id`` of the asset, where mapped tasks share one; empty when it is the same.
    :param reads: what it reads; None in records of earlier versions.
    :param former_names: names under which earlier versions may have kept the record.
    :param former_owner: how earlier versions named the task.
    """

    sync_id: str
    data_type: str
    destination: str
    owner: str = ""
    asset_id: str = ""
    reads: Reading | None = None
    former_names: tuple[str, ...] = ()
    former_owner: str = ""

    @property
    def is_mapped(self) -> bool:
        """Whether mapped tasks share the asset and have a key each."""
        return self.asset_id not in ("", self.sync_id)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the sync's record may carry."""
        return (self.sync_id, *self.former_names)

    @property
    def key_suffixes(self) -> tuple[str, ...]:
        """What ends the keys under which the asset keeps something of this sync, today's first."""
        if not self.is_mapped:
            return ("",)
        # Earlier versions wrote a name as it is, also where it is not ASCII.
        names = dict.fromkeys(text for name in self.names for text in (ascii_name(name), name))
        return tuple(f":{name}" for name in names)

    def written(self, position: str) -> str:
        """Return a position of the source as a person writes it, who may give it to a command again.

        :param position: what the source's clock shows; it ends with ``Z`` whatever zone that is of.
        :return: without the ``Z`` where it is not UTC.
        """
        return position if self.reads is None or self.reads.timezone == "UTC" else position.removesuffix("Z")

    def is_owned_by(self, owner: str) -> bool:
        """Whether a stored owner is this task; a record without one belongs to whoever finds it."""
        return not owner or not self.owner or owner in (self.owner, self.former_owner)


def refuse_other_identity(stored: Identity, identity: Identity, place: str) -> None:
    """Stop a run whose record belongs to something else.

    :param stored: what the record says.
    :param identity: what the run is given.
    :param place: where a person can change the record.
    :raises ConfigurationError: names both and the ways out.
    """
    if not identity.is_owned_by(stored.owner):
        raise ConfigurationError(
            f"Sync {stored.sync_id!r} belongs to task {stored.owner!r}, and task {identity.owner!r} has the "
            "same sync_id; each would take the other's rows. Give one of them a sync_id of its own. If the task "
            f"was renamed, `{cdi_command('state move')} --sync-id {stored.sync_id} --to-dag-id … --to-task-id …` lets "
            f'this one take over, or remove "owner" from the record {place}.'
        )
    for what, old, new in (
        ("data type", stored.data_type, identity.data_type),
        ("destination", stored.destination, identity.destination),
    ):
        if old and old != new:
            raise ConfigurationError(
                f"Sync {stored.sync_id!r} has always had the {what} {old!r} and is now given {new!r}; its "
                "watermark would be wrong. Give the new sync a sync_id of its own, or start over with "
                "sync_mode=full."
            )
    if stored.reads is not None and identity.reads is not None:
        _refuse_other_reading(stored.sync_id, stored.reads, identity.reads, place)


def _refuse_other_reading(sync_id: str, stored: Reading, reads: Reading, place: str) -> None:
    differences = reads.differences(stored)
    if not differences:
        return
    said = "; ".join(f"the {what} was {then!r} and is now {now!r}" for what, then, now in differences)
    raise ConfigurationError(
        f"Sync {sync_id!r} would read other rows than its watermark is for: {said}. Rows older than the watermark "
        "would never be sent. Nothing was read or sent. If these are other rows, give them a sync_id of their own, or "
        "send everything with sync_mode=full. If they are the same rows under another name (a renamed table, a moved "
        'warehouse, a query whose text changes), say so with same_source="<a word that you choose and keep>"; for a '
        f'renamed column, a changed zone or partition, remove "reads" from the record {place}, and the next run takes '
        "over what it reads."
    )


def default_sync_id(dag_id: str, task_id: str) -> str:
    """Return the name of a task's sync, ``<dag_id>.<task_id>``, as no other task has it.

    Both ids may contain dots. A name whose first part has some is written with a slash, which neither id can contain.
    """
    return f"{dag_id}/{task_id}" if "." in dag_id else f"{dag_id}.{task_id}"


def former_sync_id(dag_id: str, task_id: str) -> str:
    """Return how version 1 named the sync of a task."""
    return f"{dag_id}.{task_id}"


def mapped_name(sync_id: str, source: str | None, partition: str | None) -> str:
    """Return the name of one of several mapped tasks: which table and which part of it it reads."""
    return ":".join(_escaped(part) for part in (sync_id, source, partition) if part)


def former_mapped_name(sync_id: str, source: str | None, partition: str | None) -> str:
    """Return how version 1 named one of several mapped tasks."""
    return ":".join(part for part in (sync_id, source, partition) if part)


def mapped_part(sync_id: str, name: str) -> str | None:
    """Return what a mapped instance's name adds to its sync's, such as ``USERS:0/8``; None when it is no such name.

    :param sync_id: of the sync.
    :param name: of another sync, or of an instance; also as version 1 named it.
    """
    begins = (f"{mapped_name(sync_id, None, None)}:", f"{sync_id}:")
    return next((name[len(begin) :] for begin in begins if name.startswith(begin)), None)


def source_key(source: str | None, sql: str | None) -> str:
    """Return what all ways to write one source have in common.

    :param source: a table or view.
    :param sql: a query instead.
    """
    return _name_key(source) if source else f"query {query_digest(sql or '')}"


def query_digest(text: str) -> str:
    """Return a short digest of a query; comments, blanks, case and a last semicolon do not count."""
    kept = []
    for token in _QUERY_TOKENS.finditer(text.lstrip("\ufeff")):
        if token["kept"]:
            kept.append(token["kept"])
        elif token["other"]:
            kept.append(token["other"].lower())
        elif not kept or kept[-1] != " ":
            kept.append(" ")
    return hashlib.blake2b("".join(kept).strip(" ;").encode(), digest_size=8).hexdigest()


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def _name_key(name: str) -> str:
    """Return what two ways to write one name have in common: quotes, blanks and case, unless a quoted case is mixed."""
    parts = (part.strip() for part in _NAME_PARTS.findall(name))
    return "\n".join(_part_key(part) for part in parts if part)  # a quoted name may contain a dot


def _part_key(part: str) -> str:
    bare = part[1:-1].replace('""', '"') if part[0] in '"`[' else part
    is_exact = part[0] in '"`[' and bare not in (bare.lower(), bare.upper())
    return bare if is_exact else bare.lower()
