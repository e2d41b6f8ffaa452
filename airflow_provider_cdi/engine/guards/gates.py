"""The gates of a sync: how much one run may send before a person has looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.exceptions import GuardTripped

#: Rows of a run below which its share of the source is not looked at, as :attr:`.DeleteCap.small`.
SMALL = 20
_LET_GO = (
    'To let one run pass all its gates, trigger the DAG with "Let this run pass its gates" (conf {"pass_gates": true}).'
)
_LOCKED = "The task is locked against choices (lock_run_choices), so only the DAG's author can let a run pass."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Bounds of one run. Just the maximum passes; None is no bound.

    Each method returns what is too much as sentences, with what to do: nothing for a run that passes.

    :param max_rows: rows that are due.
    :param max_share_of_source: rows that are due, in percent of the source's rows; not looked at for a sync's first
        run, and up to :data:`SMALL` rows.
    :param max_data_points: data points that the vendor bills at least.
    :param max_new_profiles: people whom the destination does not know.
    :param delete_cap: of a data type that deletes.
    :param may_pass: whether who triggers a run may let it pass.
    """

    max_rows: int | None = None
    max_share_of_source: float | None = None
    max_data_points: int | None = None
    max_new_profiles: int | None = None
    delete_cap: DeleteCap | None = None
    may_pass: bool = True

    @property
    def are_any(self) -> bool:
        """Whether anything has a bound."""
        bounds = (self.max_rows, self.max_share_of_source, self.max_data_points, self.max_new_profiles, self.delete_cap)
        return any(bound is not None for bound in bounds)

    @property
    def need_total(self) -> bool:
        """Whether all rows of the source must be counted."""
        return self.delete_cap is not None or self.max_share_of_source is not None

    @property
    def by_numbers(self) -> Gates:
        """Those for which no row must be read and nobody be asked."""
        return replace(self, max_data_points=None, max_new_profiles=None)

    @property
    def way_on(self) -> str:
        """How to let a run pass, as a sentence."""
        return _LET_GO if self.may_pass else _LOCKED

    def over_rows(self, due: int, total: int, *, is_first_run: bool) -> Iterator[str]:
        """Look at the numbers that are known before a row is read.

        :param due: rows that the run would send.
        :param total: all rows of the source; not looked at where no gate needs it.
        :param is_first_run: whether the sync has no watermark yet: then every row is due.
        """
        if self.delete_cap is not None:
            try:
                self.delete_cap.check(due, total, is_first_run=is_first_run)
            except GuardTripped as tripped:
                yield str(tripped)
        if self.max_rows is not None and due > self.max_rows:
            yield (
                f"This run would send {due:,} rows, more than max_rows={self.max_rows:,} allows. Nothing was sent. "
                "Look at what made so many rows due; if it is right, raise max_rows=."
            )
        share = 100 * due / total if total else 0.0
        bound = None if is_first_run or due <= SMALL else self.max_share_of_source
        if bound is not None and share > bound:
            yield (
                f"This run would send {due:,} of the source's {total:,} rows ({share:.1f} %), more than "
                f"max_share_of_source={bound:g} allows. Nothing was sent. Check whether UPDATED_AT was re-stamped; if "
                "it is right, raise max_share_of_source=."
            )

    def over_data_points(self, number: int, rows: str) -> Iterator[str]:
        """Look at what the vendor would bill.

        :param number: the data points of those rows.
        :param rows: which rows they are, in words: ``the first 512 of about 9,000 rows``.
        """
        if self.max_data_points is not None and number > self.max_data_points:
            yield (
                f"This run would send {number:,} data points with {rows}, more than "
                f"max_data_points={self.max_data_points:,} allows. Nothing was sent. Check whether the payloads hold "
                "more than what has changed; if it is right, raise max_data_points=."
            )

    def over_new_profiles(self, number: int, rows: str) -> Iterator[str]:
        """Look at how many people the run would make.

        :param number: those of these rows.
        :param rows: as for :meth:`over_data_points`.
        """
        if self.max_new_profiles is not None and number > self.max_new_profiles:
            yield (
                f"This run would make {number:,} new profiles or more with {rows}, more than "
                f"max_new_profiles={self.max_new_profiles:,} allows. Nothing was sent. Check whether the identifiers "
                "are those that the destination has; if it is right, raise max_new_profiles=."
            )


def stop_if_any(found: Sequence[str], way_on: str = "") -> None:
    """Stop a run of which something is too much.

    :param found: what is, as sentences.
    :param way_on: how to let it pass, as a sentence.
    :raises GuardTripped: when there is anything.
    """
    if found:
        raise GuardTripped(" ".join([*found, way_on]).strip())
