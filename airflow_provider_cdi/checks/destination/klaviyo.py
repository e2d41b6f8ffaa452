"""Klaviyo: the key, its account and scopes, the lists, the rate limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_cdi.checks.destination.way import KEY, DestinationWay
from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.hooks.http.probes import ProbeResult, Standing, findings_of
from airflow_provider_cdi.hooks.klaviyo.check import (
    PROBES,
    UNPROVED,
    account_in,
    bad_key,
    foreign,
    read_probe,
    retired,
)
from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook
from airflow_provider_cdi.hooks.klaviyo.revision import about_revision

if TYPE_CHECKING:
    from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

SCOPES, LISTS, REVISION = "destination permissions", "destination lists", "destination API revision"
#: Data type -> the scopes for reading without which a run does not learn what became of its rows.
_READS: Mapping[str, tuple[str, ...]] = {
    "profiles": ("profiles:read", "lists:read"),
    "suppress": ("subscriptions:read",),
    "unsuppress": ("subscriptions:read",),
}
#: Data type -> the scopes for writing, which no request without effect can prove.
_WRITES: Mapping[str, tuple[str, ...]] = {
    "profiles": ("profiles:write", "lists:write"),
    "events": ("events:write",),
    "subscribe": ("subscriptions:write", "profiles:write", "lists:write"),
    "unsubscribe": ("subscriptions:write", "profiles:write", "lists:write"),
    "suppress": ("subscriptions:write",),
    "unsuppress": ("subscriptions:write",),
    "privacy_deletions": ("data-privacy:write",),
}
_NEW_KEY = "Make a key with it in Klaviyo under Settings > API keys, and put that into the connection."
#: ``10, 10;w=1, 150;w=60``: the policy behind the first number.
_POLICY = re.compile(r"(\d+);w=(\d+)")


@dataclass
class KlaviyoLook(DestinationWay):
    """Looks at Klaviyo as a sync meets it.

    :param sync: the sync; its arguments are known.
    """

    sync: WarehouseToKlaviyoOperator = field(kw_only=True)
    hook: KlaviyoHook
    _probed: list[ProbeResult] = field(default_factory=list, init=False)

    def own_steps(self) -> Iterator[Step]:
        """Return the scopes, the lists and the revision."""
        yield Step(SCOPES, self.scopes, (KEY,))
        if self._list_ids():
            yield Step(LISTS, self.lists, (KEY,))
        yield Step(REVISION, self.revision, (KEY,))

    def key(self) -> str:
        """Ask for the account, and with it for the scopes that reads prove."""
        host = self.hook.settings.host
        self._probed = self.calling(lambda call: list(findings_of(PROBES, call, read_probe)))
        first = self._probed[0]
        if self._probed[-1].standing is Standing.FOREIGN:
            raise Problem(foreign(self._probed[-1], host), "Check the connection's host, and what stands on the way.")
        if first.answer.status == 410:
            raise Problem(retired(self.hook.revision))
        if first.standing is Standing.UNAUTHORIZED:
            raise Problem(f"{host} refuses the key (401).", bad_key(host))
        if not {one.standing for one in self._probed} & {Standing.GRANTED, Standing.DENIED}:
            self.refuse_throttled()
            raise Problem(f"{host} gave no verdict on the key (status {first.answer.status}).", passes=True)
        account = account_in(first.answer)
        if self.hook.account is not None and (account is None or account.id != self.hook.account):
            raise Problem(
                f"The connection's field 'account' names {self.hook.account!r}, and the key "
                + (f"belongs to {account.id!r}." if account else "does not tell its account."),
                "Put in the key of that account, with the scope accounts:read, or empty the field.",
            )
        return f"{host} knows the key" + (f", of the account {account.name!r} ({account.id})." if account else ".")

    def scopes(self) -> str:
        """Compare what the key may read with what the sync needs; what it may write shows with the first request."""
        data_type = self.sync.data_type
        denied = {one.probe.permission for one in self._probed if one.standing is Standing.DENIED}
        missing = [scope for scope in _READS.get(data_type, ()) if scope in denied]
        if missing:
            told = f"The key lacks {', '.join(missing)}: the run could not follow what becomes of its rows."
            raise Problem(told, _NEW_KEY)
        writes = ", ".join(_WRITES.get(data_type, tuple(UNPROVED)))
        return (
            f"The key may read what the sync asks for. Only a write would prove {writes}: look at the key in Klaviyo."
        )

    def lists(self) -> str:
        """Look each list up."""
        names = []
        for list_id in self._list_ids():
            request = Request("GET", f"/api/lists/{quote(list_id, safe='')}?fields[list]=name", b"")
            status = self.calling(lambda call, request=request: call(request)).status  # type: ignore[misc]
            if status == 404:
                raise Problem(
                    f"There is no list {list_id!r} in this account.",
                    "The id stands in the list's address in Klaviyo: klaviyo.com/list/<id>/…",
                )
            if status != 200:
                raise NotTried(f"The list {list_id!r} could not be looked up (status {status}).")
            names.append(list_id)
        return f"The lists are there: {', '.join(names)}."

    def revision(self) -> str:
        """Say when the API's revision retires."""
        said = about_revision(self.answers[0].headers, self.hook.revision)
        if said:
            raise Doubt(" ".join(said))
        return f"Klaviyo serves the revision {self.hook.revision}."

    def rate(self) -> str:
        """Read the policy; what is left of the minute, Klaviyo does not tell."""
        if any(answer.status == 429 for answer in self.answers):
            return super().rate()
        policies = [_POLICY.findall(answer.headers.get("ratelimit-limit", "")) for answer in self.answers]
        told = [policy for policy in policies if policy]
        if not told:
            return super().rate()
        shown = ", ".join(f"{requests} in {seconds} s" for requests, seconds in told[0])
        return f"No answer was refused for the rate; each endpoint has its own limit, that of accounts is {shown}."

    def _list_ids(self) -> list[str]:
        return [*self.sync.list_ids, *filter(None, [self.sync.list_id])]
