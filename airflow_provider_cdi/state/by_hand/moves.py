"""A sync under another name, in another task or in another number of parts: which records that makes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.state.by_hand.changes import Write, changed_record, moved_record
from airflow_provider_cdi.state.by_hand.found import FoundRecord, FoundState
from airflow_provider_cdi.state.by_hand.places import Place, VariablePlace, XComPlace, shared_places
from airflow_provider_cdi.state.by_hand.repartition import Ahead, repartition
from airflow_provider_cdi.state.identity import default_sync_id, mapped_name, mapped_part
from airflow_provider_cdi.state.record import Change
from airflow_provider_cdi.state.records import STATE_KEY
from airflow_provider_cdi.version_compat import cdi_command, has_asset_state

_PART = re.compile(r"(?:(?P<source>.*):)?(?P<part>\d+/\d+)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a sync goes.

    :param sync_id: its new name, without the part of a mapped instance.
    :param dag_id: its DAG from then on; empty for the present one.
    :param task_id: its task from then on; empty for the present one.
    """

    sync_id: str
    dag_id: str = ""
    task_id: str = ""

    @property
    def owner(self) -> str:
        """How records name the task; empty for the present one."""
        return default_sync_id(self.dag_id, self.task_id) if self.dag_id and self.task_id else ""


@dataclass(frozen=True, slots=True)
class Move:
    """What a move writes.

    :param writes: the records.
    :param told: each step in words.
    :param again: what is sent again.
    """

    writes: tuple[Write, ...]
    told: tuple[str, ...]
    again: tuple[Ahead, ...] = ()


def renamed(state: FoundState, sync_id: str, target: Target, change: Change) -> Move:
    """Return the move of a sync, with all its mapped instances, to another name or task.

    :param state: what the database has.
    :param sync_id: the present name.
    :param target: where to.
    :param change: who and why.
    :raises ConfigurationError: when the target has a state of its own already.
    """
    writes: list[Write] = []
    told = []
    records = _records_of(state, sync_id)
    if target.sync_id != sync_id:
        _refuse_same_xcoms(records, target)
    for found in records:
        old = found.record.identity.sync_id
        part = mapped_part(sync_id, old) if old != sync_id else None
        new = target.sync_id if part is None else f"{mapped_name(target.sync_id, None, None)}:{part}"
        told.append(f"{old} becomes {new}" + (f", of task {target.owner}." if target.owner else "."))
        writes.append(_moved(state, found, _Goal(new, found.record.watermark, found.record.map_index), target, change))
        if new == old and target.owner in ("", found.record.identity.owner):
            raise UsageError(f"The sync {old!r} is called so already, and is of that task.")
        if new != old:
            writes.append(Write(found.place, found.stored, moved_record(found.record, (new,), change)))
    return Move(tuple(writes), tuple(told))


def repartitioned(state: FoundState, sync_id: str, count: int | None, change: Change) -> Move:
    """Return the move of a sync to another number of parts.

    :param state: what the database has.
    :param sync_id: its name, without the part of an instance.
    :param count: how many parts; None for a task that is not mapped.
    :param change: who and why.
    :raises ConfigurationError: when the present parts are not all there, or the new ones have a state already.
    """
    groups = list(_groups(state, sync_id))
    if count is None and len(groups) > 1:
        raise UsageError(f"The sync {sync_id!r} reads {len(groups)} sources: one task without partitions has one.")
    made = [_repartitioned(state, sync_id, group, count, change) for group in groups]
    return Move(
        tuple(one for move in made for one in move.writes),
        tuple(line for move in made for line in move.told),
        tuple(one for move in made for one in move.again),
    )


def _repartitioned(state: FoundState, sync_id: str, group: _Group, count: int | None, change: Change) -> Move:
    old, source = group.parts, group.source
    _refuse_same_xcoms(list(old.values()), Target(sync_id))
    marks = {part: found.record.watermark for part, found in old.items()}
    _refuse_parts_without_watermark(sync_id, marks)
    parts = [Partition(index, count or 1) for index in range(count or 1)]
    new_names = [sync_id if count is None else mapped_name(sync_id, source, f"{p.index}/{p.of}") for p in parts]
    if set(new_names) & {found.record.identity.sync_id for found in old.values()}:
        if not group.left:
            raise UsageError(f"The sync {sync_id!r} has that number of partitions already.")
        return _tidied(group, new_names, change)
    writes: list[Write] = []
    again: list[Ahead] = []
    told = []
    like = next(iter(old.values()))
    for index, (name, new) in enumerate(zip(new_names, repartition(marks, parts), strict=True)):
        goal = _Goal(name, new.watermark, None if count is None else index)
        writes.append(_moved(state, like, goal, Target(sync_id), change, left=group.left))
        again += new.again
        position = like.record.identity.written(new.watermark.position) if new.watermark else None
        told.append(f"{name} begins at watermark {position}.")
    for part, found in old.items():
        to = [name for name, one in zip(new_names, parts, strict=True) if one.range.overlap(part.range)]
        writes.append(Write(found.place, found.stored, moved_record(found.record, to[:4], change)))
    rest = _tidied(group, new_names, change)
    return Move((*writes, *rest.writes), (*told, *rest.told), tuple(again))


def _tidied(group: _Group, new_names: Sequence[str], change: Change) -> Move:
    """Return the end of what is left of earlier numbers of parts."""
    left = {name: found for name, found in group.left.items() if name not in new_names}
    gone = [moved_record(found.record, new_names[:4], change) for found in left.values()]
    return Move(
        tuple(Write(found.place, found.stored, made) for found, made in zip(left.values(), gone, strict=True)),
        tuple(f"{name} is left from an earlier number of partitions, and goes." for name in left),
    )


def _refuse_parts_without_watermark(sync_id: str, marks: Mapping[Partition, Watermark | None]) -> None:
    idle = [f"{part.index}/{part.of}" for part, mark in marks.items() if mark is None]
    if idle:
        raise ConfigurationError(
            f"The parts {', '.join(idle)} of sync {sync_id!r} have delivered nothing yet, so nobody knows where the "
            "new parts begin. Let each run once, then move."
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """What is stored of one source of a sync.

    :param source: its name; None for a query.
    :param parts: the present parts, each with its record.
    :param left: what is left of earlier numbers of parts, after which the present ones began anew, by name.
    """

    source: str | None
    parts: Mapping[Partition, FoundRecord]
    left: Mapping[str, FoundRecord]


def _groups(state: FoundState, sync_id: str) -> Iterator[_Group]:
    """Return what is stored of each source of a sync."""
    groups: dict[str | None, dict[tuple[int, bool], dict[Partition, FoundRecord]]] = {}
    for found in _records_of(state, sync_id):
        rest = mapped_part(sync_id, found.record.identity.sync_id)
        match = _PART.fullmatch(rest or "")
        if rest is not None and match is None:
            raise ConfigurationError(
                f"The sync {found.record.identity.sync_id!r} is one table of several and no partition of it: give each "
                "table a task of its own before it is parted."
            )
        reads = found.record.identity.reads
        source = reads.source if reads and not reads.source.startswith("query ") else None
        part = Partition.parse(match["part"]) if match else Partition(0, 1)
        groups.setdefault(source, {}).setdefault((part.of, rest is None), {})[part] = found
    for source, sets in groups.items():
        # After a change without a move the new parts have sent everything: they make a whole without the old ones.
        *older, parts = sorted(sets.values(), key=lambda one: max(found.record.at for found in one.values()))
        if len(parts) != next(iter(parts)).of:
            there = ", ".join(f"{part.index}/{part.of}" for part in sorted(parts, key=lambda one: one.index))
            raise ConfigurationError(
                f"Of sync {sync_id!r} there are the parts {there}, which do not make one whole: rows could get lost. "
                "Let the DAG run once, so that each part has a state, then move."
            )
        yield _Group(source, parts, {found.record.identity.sync_id: found for one in older for found in one.values()})


def _records_of(state: FoundState, sync_id: str) -> list[FoundRecord]:
    """Return the records of a sync and its instances; those that have moved on are none."""
    state.refuse_closed(sync_id)
    names = [*([sync_id] if sync_id in state.records else ()), *state.instances_of(sync_id)]
    found = [one for name in names if (one := state.newest(name)) and not one.record.moved_to]
    if not found:
        raise UsageError(f"Nothing of a sync {sync_id!r} is stored. `{cdi_command('syncs')}` lists what there is.")
    return found


def _refuse_same_xcoms(found: Sequence[FoundRecord], target: Target) -> None:
    """Make sure that no record has to lie beside the old one where there is room for one alone.

    :param found: the records that are moved.
    :param target: where to.
    """
    place = found[0].place
    if has_asset_state() or not isinstance(place, XComPlace):
        return
    if (target.dag_id or place.dag_id, target.task_id or place.task_id) == (place.dag_id, place.task_id):
        raise ConfigurationError(
            f"Before Airflow 3.3 the state of {found[0].record.identity.sync_id!r} lies {place.describe()}, where "
            f"there is room for one name. Nothing was changed. Give the task under its new name {_initial(found)} for "
            'its first run; or let it run once with checkpoint="variable" under its present name, and move it then.'
        )


def _initial(found: Sequence[FoundRecord]) -> str:
    """Return the argument with which a new sync goes on where the slowest of some ended."""
    marks = [one.record.watermark for one in found if one.record.watermark is not None]
    if len(marks) < len(found):
        return "the initial= that it has"
    lowest = min(marks, key=lambda mark: mark.position[:-1])
    number = len(lowest.ties) if len(found) == 1 else 0
    ties = f", {number} row{'' if number == 1 else 's'} delivered" if number else ""
    return f'initial="{found[0].record.identity.written(lowest.position)}{ties}"'


@dataclass(frozen=True, slots=True)
class _Goal:
    name: str
    watermark: Watermark | None
    map_index: int | None


def _moved(
    state: FoundState,
    found: FoundRecord,
    goal: _Goal,
    target: Target,
    change: Change,
    *,
    left: Collection[str] = (),
) -> Write:
    record, name, watermark = found.record, goal.name, goal.watermark
    present = None if name == record.identity.sync_id else state.newest(name)
    is_free = present is None or present.record.watermark is None or present.record.moved_to or name in left
    if present is not None and not is_free:
        mark = present.record.watermark
        raise ConfigurationError(
            f"The sync {name!r} has a state of its own already (watermark {mark.position if mark else None}); "
            f"nothing was changed. Reset it first if it is of no use: {cdi_command('state reset')}."
        )
    identity = replace(record.identity, sync_id=name, owner=target.owner or record.identity.owner)
    place = _place(found, name, target, goal.map_index)
    state.refuse_closed(target.sync_id, name)
    base = present.record if present else record
    made = changed_record(base, identity, watermark, change)
    checkpoint = replace(record.checkpoint, watermark=watermark, totals=Totals(), rejects=())
    if watermark is not record.watermark:  # other rows: neither jobs nor numbers hold for them
        checkpoint = made.checkpoint
    made = replace(made, checkpoint=checkpoint, copies=(), map_index=goal.map_index)
    before = present.stored if present and present.place == place else found.stored if place == found.place else None
    return Write(place, before, made)


def _place(found: FoundRecord, name: str, target: Target, map_index: int | None) -> Place:
    in_asset, in_variable = shared_places(STATE_KEY, name, target.sync_id)
    if has_asset_state():
        return in_asset
    if isinstance(found.place, VariablePlace):
        return in_variable
    if not isinstance(found.place, XComPlace) or (name == found.record.identity.sync_id and not target.dag_id):
        return found.place
    index, place = -1 if map_index is None else map_index, found.place
    return XComPlace(target.dag_id or place.dag_id, target.task_id or place.task_id, "", index, STATE_KEY)
