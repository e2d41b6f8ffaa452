"""Braze: the key and its permissions, the catalog and its fields, the rate limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.destination.way import KEY, DestinationWay
from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.destinations.braze.catalog_fields import LIST_CATALOGS, fields_of_catalog
from airflow_provider_cdi.destinations.braze.catalogs.unknown_fields import shown_names
from airflow_provider_cdi.destinations.braze.responses.rate_headers import TheirClock, told_window
from airflow_provider_cdi.engine.reading.selection import field_paths
from airflow_provider_cdi.hooks.braze.check import PROBES, bad_key, foreign, no_verdict, read_probe
from airflow_provider_cdi.hooks.http.probes import ProbeResult, Standing, findings_of

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.verdicts import Response
    from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

PERMISSIONS, CATALOG, FIELDS = "destination permissions", "destination catalog", "destination catalog fields"
_TRACK, LISTS_CATALOGS = ("users.track",), "catalogs.get"
#: Data type -> the permissions without which no run gets on.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "attributes": _TRACK,
    "events": _TRACK,
    "purchases": _TRACK,
    "user_deletes": ("users.delete",),
}


@dataclass
class BrazeLook(DestinationWay):
    """Looks at Braze as a sync meets it.

    :param sync: the sync; its arguments are known.
    :param sent_fields: names of what a sample of rows would send, known when the source was looked at.
    """

    sync: WarehouseToBrazeOperator = field(kw_only=True)
    sent_fields: Collection[str] = field(default=(), kw_only=True)
    _probed: list[ProbeResult] = field(default_factory=list, init=False)

    def own_steps(self) -> Iterator[Step]:
        """Return the permissions and, for catalogs, the catalog."""
        yield Step(PERMISSIONS, self.permissions, (KEY,))
        if self.sync.data_type == "catalog_items":
            yield Step(CATALOG, self.catalog, (KEY,))
            yield Step(FIELDS, self.fields, (CATALOG,))

    def key(self) -> str:
        """Send the probes; the key is good when one of them is not refused for it."""
        host = self.hook.settings.host
        self._probed = self.calling(lambda call: list(findings_of(PROBES, call, read_probe)))
        standings = {one.standing for one in self._probed}
        if Standing.FOREIGN in standings:
            raise Problem(foreign(self._probed[-1], host), "Check the connection's host, and what stands on the way.")
        if not standings & {Standing.GRANTED, Standing.DENIED}:
            if Standing.UNAUTHORIZED in standings:
                raise Problem(f"{host} refuses the key (401).", bad_key(host))
            self.refuse_throttled()
            unclear = [one for one in self._probed if one.standing is Standing.UNCLEAR]
            raise Problem(no_verdict(unclear, host), passes=True)
        return f"{host} knows the key."

    def permissions(self) -> str:
        """Compare what the key may do with what the sync needs."""
        by_name = {one.probe.permission: one.standing for one in self._probed}
        granted = [name for name, standing in by_name.items() if standing is Standing.GRANTED]
        needed = self._needed()
        unclear = [name for name in needed if by_name.get(name) is Standing.UNCLEAR]
        missing = [name for name in needed if name not in granted and name not in unclear]
        if missing:
            raise Problem(
                f"The key lacks {', '.join(missing)}.",
                "A key cannot be given more later: make a new one with it in Braze under Settings > APIs and "
                "Identifiers, and put that into the connection.",
            )
        if unclear:
            raise NotTried(f"Whether the key has {', '.join(unclear)} did not show: check again later.")
        more = [name for name in granted if name not in needed]
        beyond = f"; beyond that: {', '.join(more)}" if more else ""
        return f"The key has {', '.join(needed)}{beyond}."

    def catalog(self) -> str:
        """Look the catalog up."""
        fields = self._fields()
        shown = ", ".join(f"{name} {kind}" for name, kind in fields.items())
        return f"The catalog is there; its fields are {shown}."

    def fields(self) -> str:
        """Compare the fields of the catalog with the columns of which items are built."""
        built = (path[0] for path in field_paths(self.sync.payload_columns).values())
        columns = list(dict.fromkeys([*built, *self.sent_fields]))
        fields = self._fields()
        if not columns:
            raise NotTried("The payload is JSON, and no row of it was looked at.")
        unknown = [name for name in columns if name not in fields]
        if not unknown:
            return f"It has a field for each of {shown_names(columns)}."
        told = f"The catalog {self.sync.catalog!r} has no field {shown_names(unknown)}."
        cure = "Add the field in Braze (Data Settings > Catalogs), or leave it out of the payload."
        if self.sync.on_unknown_field == "stop":
            raise Problem(told, f"{cure} With on_unknown_field='stop', Braze refuses the items and the run stops.")
        becomes = "are rejected" if self.sync.on_unknown_field == "reject" else "are sent without it"
        raise Doubt(told, f"{cure} With on_unknown_field={self.sync.on_unknown_field!r}, such items {becomes}.")

    def rate(self) -> str:
        """Read the headers of the answers that counted against the same limits as the sync's own requests."""
        needed = self._needed()
        own = [one.answer for one in self._probed if one.probe.permission in needed]
        windows = [told_window(answer.headers, self._their_time(answer)) for answer in own if answer.status != 429]
        known = [window for window in windows if window is not None]
        if not known or len(windows) < len(own):
            return super().rate()
        least = min(known, key=lambda one: one.remaining / one.limit)
        return self.told_rate(least.limit, least.remaining, least.seconds_left, "the limit that the sync uses")

    def _needed(self) -> tuple[str, ...]:
        if self.sync.data_type != "catalog_items":
            return NEEDED.get(self.sync.data_type, ())
        looks = () if self.sync.on_unknown_field == "stop" else (LISTS_CATALOGS,)
        return ("catalogs.update_items" if self.sync.merge else "catalogs.replace_items", *looks)

    def _fields(self) -> dict[str, str]:
        if not any(one.probe.permission == LISTS_CATALOGS and one.standing is Standing.GRANTED for one in self._probed):
            cure = f"With the permission {LISTS_CATALOGS} the check can look at the catalog and its fields."
            raise NotTried("The key may not look catalogs up.", cure)
        answer = self.calling(lambda call: call(LIST_CATALOGS))
        return fields_of_catalog(answer, str(self.sync.catalog), self.hook.settings.host)

    def _their_time(self, answer: Response) -> Callable[[], float]:
        clock = TheirClock(time.time)
        clock.note(answer.headers.get("date", ""))
        return clock
