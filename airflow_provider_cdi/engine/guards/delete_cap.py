"""How many deletes one run may send."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cdi.argument_rules import check_settings, number, whole
from airflow_provider_cdi.exceptions import GuardTripped

_CAP_RULES = {
    "rows": whole(0),
    "percent": number("give a number from 0 to 100, or None for no bound", lambda percent: 0 <= percent <= 100),
    "small": whole(0, unset=()),
}


@dataclass(frozen=True, slots=True)
class DeleteCap:
    """How many deletes one run may send. Deletes cannot be taken back, so it is on by default.

    :param rows: most rows of one run; None for no bound.
    :param percent: greatest share of the source's rows in one run, for every run but a sync's first one; it is
        not looked at below ``small`` rows. None for no bound.
    :param small: see ``percent``.
    :raises ConfigurationError: when a field makes no sense; it names the field.
    """

    rows: int | None = 1_000
    percent: float | None = 50.0
    small: int = 20

    def __post_init__(self) -> None:
        check_settings(self, _CAP_RULES)

    def check(self, due: int, total: int, *, is_first_run: bool) -> None:
        """Stop the run when it would delete too much.

        :param due: rows that the run would send.
        :param total: all rows of the source.
        :param is_first_run: whether the sync has no watermark yet: then every row is due.
        :raises GuardTripped: with the numbers and the way on.
        """
        if self.rows is not None and due > self.rows:
            raise GuardTripped(
                f"This run would delete {due:,} users, more than DeleteCap(rows={self.rows:,}) allows. Nothing was "
                "sent. Check the source; if it is right, raise delete_cap=DeleteCap(rows=...) for this run."
            )
        share = 100 * due / total if total else 0.0
        if self.percent is not None and not is_first_run and due > self.small and share > self.percent:
            raise GuardTripped(
                f"This run would delete {due:,} of the source's {total:,} rows ({share:.1f} %), more than "
                f"DeleteCap(percent={self.percent:g}) allows. Nothing was sent. Check whether UPDATED_AT was "
                "re-stamped; if it is right, raise delete_cap=DeleteCap(percent=...) for this run."
            )
