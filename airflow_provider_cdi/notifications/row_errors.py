"""Who hears of rows that were rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.notifications.base import SyncNotifier

# A DAG file imports this module: what is needed to tell something is imported when there is something to tell.
if TYPE_CHECKING:
    from airflow_provider_cdi.notifications.happening import Happening
    from airflow_provider_cdi.notifications.message import AlertMessage


class RowErrorNotifier(SyncNotifier):
    """Tells that rows were rejected, or that their outcome is unknown: for ``on_success_callback``.

    With ``max_reject_percent`` put it into ``on_failure_callback`` too: a run that fails by it is told here, and by no
    other notifier. Each contact hears of a code once; again when it was away for a run that had rows, or when the rows
    were below the bound in between. A run without rows changes nothing.

    .. seealso::
        :ref:`howto/notifier:SyncErrorNotifier`

    :param notifier: one of Airflow's notifiers, or several.
    :param percent: from which share of the due rows on, 0 to 100. ``1`` tells of one per cent and more.
    :param number: from how many rows on. With ``percent`` too, either is enough; without both, one row is.
    :param codes: which codes count; all by default. ``unknown`` are rows whose outcome is unknown.
    :param tell_end: whether to tell that no such rows came any more.
    :param patience: seconds after which a notifier is given up.
    :raises ConfigurationError: when a bound makes no sense.
    """

    def __init__(
        self,
        notifier: Any,
        *,
        percent: float | None = None,
        number: int | None = None,
        codes: Iterable[str] | None = None,
        tell_end: bool = True,
        patience: float = 60.0,
    ) -> None:
        super().__init__(notifier, patience=patience)
        if percent is not None and not 0 <= percent <= 100:
            raise ConfigurationError(f"percent={percent!r} is no share of the rows: give a number from 0 to 100.")
        if number is not None and number < 1:
            raise ConfigurationError(f"number={number!r} is no number of rows: give 1 or more.")
        if isinstance(codes, str):
            raise ConfigurationError(f"codes={codes!r} is one text: give a list of codes, such as [{codes!r}].")
        self.percent = percent
        self.number = number
        self.codes = None if codes is None else frozenset(codes)
        self.tell_end = tell_end

    def tell(self, context: Mapping[str, Any]) -> None:
        """Tell each contact of codes of which it has not heard.

        :param context: of the callback.
        """
        from airflow_provider_cdi.notifications.happening import Happening

        seen = Happening.of(context, has_failed=context.get("exception") is not None)
        due = seen.counts.get("rows_read", 0) - seen.counts.get("skipped", 0)
        went_through = seen.report.get("status") in ("success", "partial")  # a killed one left what it was at
        if seen.kind not in (None, "rows") or not went_through or seen.report.get("dry_run") or due <= 0:
            return
        memory, now = self.remember(seen.sync_id), self._codes_above_bounds(seen, due)
        # A window, a replay and rejects that are sent again say nothing of what else the source has.
        is_of_all = bool(seen.report.get("moves_watermark", True))
        choice = {"percent": self.percent, "number": self.number, "codes": self.codes}
        wanted = {name: value for name, value in choice.items() if value is not None}
        for notifier, contact in self.each_contact(lambda contact: memory.codes_told(contact) != now, **wanted):
            known = memory.codes_told(contact)
            there = now if is_of_all else now | known
            memory.tell_codes(contact, there)
            if not there and not self.keep(memory):  # else each good run would tell the end again
                continue
            is_news = bool(now - known) or (not there and self.tell_end)
            if is_news and not self.deliver(notifier, self._message(seen, now, due), context):
                memory.tell_codes(contact, known & there if there else known)
            self.keep(memory)

    def _codes_above_bounds(self, seen: Happening, due: int) -> frozenset[str]:
        found = {code: n for code, n in seen.codes.items() if n and (self.codes is None or code in self.codes)}
        rows = sum(found.values())
        bounds = [rows >= self.number] if self.number is not None else []
        bounds += [100 * rows / due >= self.percent] if self.percent is not None else []
        return frozenset(found) if rows and (any(bounds) or not bounds) else frozenset()

    def _message(self, seen: Happening, now: frozenset[str], due: int) -> AlertMessage:
        from airflow_provider_cdi.notifications.message import AlertMessage

        codes = seen.codes_told(now)
        rows = sum(one.number for one in codes)
        if now:
            headline = f"Sync {seen.sync_id}: {rows:,} of {due:,} rows were not accepted"
            advice = seen.sentence or (
                "All other rows were delivered and the watermark moved past these: mend what their codes say; they are "
                "sent again when their UPDATED_AT changes, or as rejected rows."
            )
        else:
            headline, advice = f"Sync {seen.sync_id}: rows are accepted again", ""
        return AlertMessage(
            headline=headline,
            advice=advice,
            sync_id=seen.sync_id,
            severity="warning" if now else "info",
            kind="rows" if now else "",
            status=str(seen.report.get("status") or ""),
            facts=[("Destination", seen.destination or "not known"), *seen.facts()],
            codes=codes,
            links=seen.links(),
            dedup_key=f"cdi-rows:{seen.sync_id}",
            is_over=not now,
            counts=seen.counts,
        )
