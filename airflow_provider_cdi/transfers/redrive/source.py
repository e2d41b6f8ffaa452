"""The current rows of rejects as a source, so that a usual run sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

import pyarrow as pa

from airflow_provider_cdi.engine.ports import Bounds, Counts, Source
from airflow_provider_cdi.engine.rows.plain_row import plain_row
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.hooks.sql.keys import MOST_VALUES, Lookup
from airflow_provider_cdi.transfers.redrive.current_rows import (
    GONE,
    NEWER_ROW,
    FoundRows,
    Sent,
    Target,
    Verdict,
    newest_row,
    rows_each_for_itself,
)
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.outcomes import RedriveOutcomes
from airflow_provider_cdi.transfers.redrive.stored_rows import StoredRows
from airflow_provider_cdi.transfers.redrive.taking import KeyOfRow, TakenReject, content_of, other_keys, sortable


class KeyedSource(Source, Protocol):
    """A source that finds rows by their keys."""

    @property
    def selection(self) -> Any:
        """Which column plays which part."""
        ...

    def read_keys(self, lookups: Any) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Stream the rows of keys: the number of the lookup, and some of its rows."""
        ...


class RedriveSource:
    """Gives the rows that are sent for rejects, in the order of ``UPDATED_AT``; a source for a run.

    Each row that is sent has the very time at which it was rejected, and rejects are looked for in the order of their
    times: so nothing has to be kept to put the rows in order.

    :param source: the sync's own.
    :param contract: of the data type.
    :param rejects: that are sent again, in the order of ``UPDATED_AT``.
    :param outcomes: is told what is sent and what is not.
    :param due: tells what is sent without this run.
    :param every_row: whether each row counts for itself; else the newest one of a key does.
    :param stored: makes rows of what was stored; None to send the current rows.
    """

    def __init__(
        self,
        source: KeyedSource,
        contract: TableContract,
        rejects: Sequence[TakenReject],
        outcomes: RedriveOutcomes,
        due: Due,
        *,
        every_row: bool,
        stored: StoredRows | None = None,
    ) -> None:
        self._source, self._contract, self._outcomes, self._due = source, contract, outcomes, due
        self._every_row, self._stored = every_row, stored
        self._targets = _targets(rejects, contract, every_row=every_row)
        #: What was sent -> the key for which it was.
        self._sent: dict[tuple[str, bytes], KeyOfRow] = {}

    @property
    def opened_at(self) -> datetime:
        """See :class:`~airflow_provider_cdi.engine.ports.Source`."""
        return self._source.opened_at

    def now(self) -> datetime:
        """See :class:`~airflow_provider_cdi.engine.ports.Source`."""
        return self._source.now()

    def cancel(self) -> None:
        """See :class:`~airflow_provider_cdi.engine.ports.Source`."""
        self._source.cancel()

    def count(
        self, bounds: Bounds, *, position: str | None, now: str, with_total: bool = False, recent: str | None = None
    ) -> Counts:
        """Return how many rows are sent at most; how many are there, is known when they are looked for."""
        total = self._source.count(bounds, position=None, now=now, with_total=True).total if with_total else None
        return Counts(len(self._targets), 0, 0, 0, total=total)

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Look for the rows, a few hundred keys at a time, and give those that are sent."""
        self._outcomes.begin()
        self._sent.clear()
        self._due.look((target.updated_at for target in self._targets), self._source.read)
        for verdicts in self._verdicts():
            yield from self._rows(verdicts)

    def verdicts(self) -> Iterator[Verdict]:
        """Look for the rows, and say of each what would become of it; nothing is told to the outcomes."""
        for verdicts in self._verdicts():
            for _, verdict in verdicts:
                yield verdict

    def _verdicts(self) -> Iterator[Iterator[tuple[Target, Verdict]]]:
        """Give the verdicts on the targets of each look, in their order."""
        lookups = list(_lookups(self._targets))
        asked = (self._lookup(targets) for targets in lookups)
        done = 0
        with closing(self._source.read_keys(asked)) as found:  # type: ignore[type-var]  # it is a generator
            for number, parts in groupby(found, lambda one: one[0]):
                for targets in lookups[done:number]:  # of these nothing was found
                    yield self._each_verdict(targets, ())
                yield self._each_verdict(lookups[number], (batch for _, batch in parts))
                done = number + 1
        for targets in lookups[done:]:
            yield self._each_verdict(targets, ())

    def _each_verdict(
        self, targets: Sequence[Target], batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[Target, Verdict]]:
        found = FoundRows(targets, self._contract, every_row=self._every_row)
        for batch in batches:
            found.add(batch)
        for target in targets:
            yield target, self._verdict(target, found)

    def _lookup(self, targets: Sequence[Target]) -> Lookup:
        keys = [dict(key) for key in dict.fromkeys(key for target in targets for key in target.keys)]
        first, last = (targets[place].rejects[0].reject.updated_at for place in (0, -1))
        return Lookup(keys, Bounds(since=first, up_to=last if self._every_row else None))

    def _rows(self, verdicts: Iterable[tuple[Target, Verdict]]) -> Iterator[pa.RecordBatch]:
        """Give the rows of one look, those of one schema that follow each other as one batch."""
        for schema, rows in groupby(self._each_row(verdicts), lambda row: row.schema):
            (batch,) = pa.Table.from_batches(list(rows), schema).combine_chunks().to_batches()
            yield batch

    def _each_row(self, verdicts: Iterable[tuple[Target, Verdict]]) -> Iterator[pa.RecordBatch]:
        for target, verdict in verdicts:
            self._outcomes.note_not_sent(verdict.fates)
            for rejects, sent in groupby(verdict.sent, lambda one: one.rejects):
                yield from self._told(target, rejects, list(sent))

    def _told(self, target: Target, rejects: Sequence[TakenReject], sent: Sequence[Sent]) -> Iterator[pa.RecordBatch]:
        new = [one for one in sent if self._is_new(target, one.row)]
        if not new:
            self._outcomes.note_not_sent([(reject, NEWER_ROW) for reject in rejects])
            return
        self._outcomes.note_sent(rejects, len(new), [row_hash for one in new for row_hash in one.hashes])
        yield from (one.row for one in new)

    def _is_new(self, target: Target, row: pa.RecordBatch) -> bool:
        """Whether the row was not sent for rejects of another key: one that got an identifier since has two."""
        plain = plain_row(row, 0, self._contract)
        content = target.updated_at, content_of(plain.identifier, plain.payload, plain.columns)
        return self._sent.setdefault(content, target.key) == target.key

    def _verdict(self, target: Target, found: FoundRows) -> Verdict:
        rows = found.of(target)
        if self._every_row:
            verdict = rows_each_for_itself(target, rows, self._due, self._contract)
        else:
            verdict = newest_row(target, rows, found.newest(target), self._due)
        if self._stored is None:
            return verdict
        kept = [(reject, fate) for reject, fate in verdict.fates if fate != GONE]
        held = {id(reject) for reject, _ in kept}
        instead_of = [row_hash for one in verdict.sent for row_hash in one.hashes]
        return Verdict(self._as_stored([one for one in target.rejects if id(one) not in held], instead_of), kept)

    def _as_stored(self, rejects: Sequence[TakenReject], instead_of: Sequence[int]) -> list[Sent]:
        """Give what was stored, once for all rejects that say the same; of several in their order."""
        if self._stored is None or not rejects:
            return []
        if not self._every_row:
            return [Sent(self._stored.row(rejects[-1].reject), rejects, instead_of)]
        alike: dict[bytes, list[TakenReject]] = {}
        for one in rejects:
            alike.setdefault(one.content, []).append(one)
        sent = [Sent(self._stored.row(same[0].reject), same) for same in alike.values()]
        return [*sent[:-1], sent[-1]._replace(hashes=instead_of)]


def _targets(rejects: Sequence[TakenReject], contract: TableContract, *, every_row: bool) -> list[Target]:
    """Put the rejects of one row together, in the order of their times."""

    def others(same: Sequence[TakenReject]) -> Sequence[KeyOfRow]:
        if every_row:
            return ()
        return tuple(dict.fromkeys(key for one in same for key in other_keys(one.reject.identifier, contract)))

    together: dict[tuple[str, KeyOfRow], list[TakenReject]] = {}
    for one in rejects:
        together.setdefault((sortable(one.reject.updated_at), one.key), []).append(one)
    return [Target(key, at, same, others(same)) for (at, key), same in together.items()]


def _lookups(targets: Sequence[Target]) -> Iterator[list[Target]]:
    """Cut the targets into groups of which one statement can bind the keys."""
    group: list[Target] = []
    values = 0
    for target in targets:
        bound = sum(map(len, target.keys))
        if group and values + bound > MOST_VALUES:
            yield group
            group, values = [], 0
        group.append(target)
        values += bound
    if group:
        yield group
