"""Which row a reject is now: the row of its key, a newer one, or none any more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from airflow_provider_cdi.engine.rows.plain_row import plain_row
from airflow_provider_cdi.engine.rows.position import integers, position_of_stamp
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT, TableContract
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.taking import KeyOfRow, TakenReject, content_of, key_of, sortable

GONE, NEWER_ROW = "gone", "newer_row"
#: Not a fate: the reject stays as it is, because it cannot be told which row it is.
UNCLEAR = "unclear"


class CurrentRow(NamedTuple):
    """A row as it is now.

    :param row: a batch of this row alone.
    :param updated_at: its position, as a text that sorts.
    :param is_own: whether the key is what this row itself would be looked for by.
    """

    row: pa.RecordBatch
    updated_at: str
    is_own: bool


class Sent(NamedTuple):
    """A row that is to be sent.

    :param row: a batch of this row alone.
    :param rejects: that end with it.
    :param hashes: what the watermark has to know, so that no usual run sends it, too.
    """

    row: pa.RecordBatch
    rejects: Sequence[TakenReject]
    hashes: Sequence[int] = ()


@dataclass(slots=True)
class Verdict:
    """What becomes of the rejects of one row.

    :param sent: rows to be sent.
    :param fates: of rejects of which nothing is sent, by ``gone``, ``newer_row`` or ``unclear``.
    """

    sent: list[Sent] = field(default_factory=list)
    fates: list[tuple[TakenReject, str]] = field(default_factory=list)

    def give(self, rejects: Sequence[TakenReject], fate: str) -> Verdict:
        """Note that nothing is sent of these rejects."""
        self.fates += [(reject, fate) for reject in rejects]
        return self


@dataclass(frozen=True, slots=True)
class Target:
    """The rejects of one row: of one key and one time.

    :param key: what the row is looked for by.
    :param updated_at: its time when it was rejected, as a text that sorts.
    :param rejects: never none.
    :param others: by what else the other side finds whose row it is.
    """

    key: KeyOfRow
    updated_at: str
    rejects: Sequence[TakenReject]
    others: Sequence[KeyOfRow] = ()

    @property
    def keys(self) -> Sequence[KeyOfRow]:
        """All keys, that of the row first."""
        return (self.key, *self.others)


class FoundRows:
    """The rows that one look found, as far as they can be those of rejects.

    :param targets: what was looked for.
    :param contract: names the identifiers.
    :param every_row: whether each row counts for itself; else the newest one of a key is kept, and no other.
    """

    def __init__(self, targets: Sequence[Target], contract: TableContract, *, every_row: bool) -> None:
        self._contract, self._every_row = contract, every_row
        self._wanted: dict[KeyOfRow, set[str]] = defaultdict(set)
        for target in targets:
            self._wanted[target.key].add(target.updated_at)
        #: Key -> the time of the newest row that has it.
        self._newest = {key: "" for target in targets for key in target.keys}
        self._forms = {tuple(name for name, _ in key) for key in self._newest}
        self._rows: dict[KeyOfRow, list[CurrentRow]] = defaultdict(list)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows in, as the source returned them."""
        stamps, unit = integers(rows.column(UPDATED_AT)), rows.column(UPDATED_AT).type.unit
        names = [name for name in self._contract.identifiers if name in rows.schema.names]
        columns = {name: rows.column(name).to_pylist() for name in names}
        for place, stamp in enumerate(stamps):
            identifier = {name: column[place] for name, column in columns.items() if column[place] is not None}
            own, at = key_of(identifier, self._contract), sortable(position_of_stamp(stamp, unit))
            for key in self._keys(identifier):
                self._newest[key] = max(self._newest[key], at)
                if key in self._wanted:
                    self._keep(key, rows, place, at, is_own=key == own)

    def of(self, target: Target) -> list[CurrentRow]:
        """Return the rows of a target's key: those at its time where each counts for itself, else the newest ones.

        Rows that would be looked for by this very key go before those that have an identifier more by now.
        """
        rows = self._rows.get(target.key, [])
        if self._every_row:
            rows = [row for row in rows if row.updated_at == target.updated_at]
        rows = [row for row in rows if row.is_own] or rows
        newest = max((row.updated_at for row in rows), default="")
        return [row for row in rows if row.updated_at == newest]

    def newest(self, target: Target) -> str:
        """Return the time of the newest row that the other side takes for the same person's or thing's."""
        return max(self._newest[key] for key in target.keys)

    def _keys(self, identifier: Mapping[str, str]) -> Iterator[KeyOfRow]:
        for form in self._forms:
            key = tuple((name, identifier[name]) for name in form if name in identifier)
            if len(key) == len(form) and key in self._newest:
                yield key

    def _keep(self, key: KeyOfRow, rows: pa.RecordBatch, place: int, at: str, *, is_own: bool) -> None:
        kept = self._rows[key]
        if self._every_row and at not in self._wanted[key]:
            return
        alike = [row for row in kept if row.is_own == is_own]
        if not self._every_row and alike:
            if at < alike[0].updated_at:
                return
            if at > alike[0].updated_at:
                kept[:] = [row for row in kept if row.is_own != is_own]
        kept.append(CurrentRow(rows.take([place]), at, is_own))


def newest_row(target: Target, rows: Sequence[CurrentRow], newest: str, due: Due) -> Verdict:
    """Decide where only the newest row of a key counts.

    :param target: the rejects.
    :param rows: the newest rows of the key as they are now.
    :param newest: the time of the newest row of the same person, also under another key.
    :param due: tells what is sent without this run.
    """
    verdict, rejects = Verdict(), target.rejects
    if newest > target.updated_at:
        return verdict.give(rejects, NEWER_ROW)
    if not rows or rows[0].updated_at < target.updated_at:
        return verdict.give(rejects, GONE)
    if due.by_its_time(target.updated_at):
        return verdict.give(rejects, NEWER_ROW)
    verdict.sent = [Sent(row.row, rejects, due.new_hashes(row.updated_at, [row.row])) for row in rows]
    return verdict


def rows_each_for_itself(target: Target, rows: Sequence[CurrentRow], due: Due, contract: TableContract) -> Verdict:
    """Decide where each row counts: which of the rows with one key and one time are those that were rejected.

    One row is it, whatever it holds by now. Of several, those that hold what was rejected are; and what is left are
    rows that were mended if there are as many of them as rejects without a row. More rows than that were accepted in
    part, and nobody can tell which: nothing is sent of them, rather than something twice.

    :param target: the rejects.
    :param rows: the rows with its key and time as they are now.
    :param due: tells what is sent without this run.
    :param contract: names the identifiers.
    """
    verdict = Verdict()
    if not rows:
        return verdict.give(target.rejects, GONE)
    if due.by_its_time(target.updated_at):
        return verdict.give(target.rejects, NEWER_ROW)
    rejected = {one.content for one in target.rejects}
    left = [
        row.row for row in rows if _content(row.row, contract) in rejected or not due.was_sent(row.updated_at, row.row)
    ]
    if not left:
        return verdict.give(target.rejects, NEWER_ROW)
    if len(rows) == 1:
        verdict.sent = [Sent(left[0], target.rejects)]
    else:
        verdict = _matched(left, _instances(target.rejects), contract, verdict)
    verdict.sent = [one._replace(hashes=due.new_hashes(target.updated_at, [one.row])) for one in verdict.sent]
    return verdict


def _content(row: pa.RecordBatch, contract: TableContract) -> bytes:
    plain = plain_row(row, 0, contract)
    return content_of(plain.identifier, plain.payload, plain.columns)


def _instances(rejects: Sequence[TakenReject]) -> list[list[TakenReject]]:
    """Put rejects together that tell of one row: the same content in several parts is one row, in one part several."""
    places: dict[bytes, Counter[str]] = defaultdict(Counter)
    groups: dict[tuple[bytes, int], list[TakenReject]] = defaultdict(list)
    for one in rejects:
        number = places[one.content][one.reject.part]
        places[one.content][one.reject.part] += 1
        groups[one.content, number].append(one)
    return list(groups.values())


def _matched(
    rows: list[pa.RecordBatch], groups: list[list[TakenReject]], contract: TableContract, verdict: Verdict
) -> Verdict:
    mended, waiting = [], list(groups)
    for row in rows:
        content = _content(row, contract)
        same = next((group for group in waiting if group[0].content == content), None)
        if same is None:
            mended.append(row)
        else:
            waiting.remove(same)
            verdict.sent.append(Sent(row, same))
    if len(mended) > len(waiting):
        mended, fate = [], UNCLEAR
    else:
        fate = GONE
    verdict.sent += [Sent(row, group) for row, group in zip(mended, waiting, strict=False)]
    for group in waiting[len(mended) :]:
        verdict.give(group, fate)
    return verdict
