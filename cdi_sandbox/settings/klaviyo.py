"""How the local Klaviyo behaves: keys apart, everything that can be chosen. Every number has its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from cdi_sandbox.settings import readers

#: Klaviyo: private keys begin with ``pk_``.
DEFAULT_KLAVIYO_KEY = "pk_sandbox"


class Tier(NamedTuple):
    """So many requests in a second and in a minute, and in a day where that is limited too."""

    burst: int
    steady: int
    daily: int | None = None


# Klaviyo: "Rate limits, status codes, and errors", and the OpenAPI description of 2026-07-15.
TIERS: Mapping[str, Tier] = {
    "XS": Tier(1, 15),
    "S": Tier(3, 60),
    "M": Tier(10, 150),
    "L": Tier(75, 750),
    "XL": Tier(350, 3_500),
    "M_150_A_DAY": Tier(10, 150, 150),  # creating lists
}
IDENTIFIERS = ("id", "email", "phone_number", "external_id")
ON_CONFLICT = ("error", "merge")
ON_LIMIT = ("refuse", "drop")
ON_UNKNOWN_REVISION = ("forward", "refuse")


@dataclass(frozen=True, slots=True)
class KlaviyoSettings:
    """Everything that can be chosen about the local Klaviyo.

    :param account: public id of the account, also the answer header ``Cid``.
    :param rates: tier, or ``"POST /api/..."`` of one endpoint, to its limits; what is not named is Klaviyo's.
    :param job_seconds: seconds that a job waits in the queue, and seconds that it is processed. How long it
        takes is documented nowhere.
    :param job_polls: how often a job must be looked at in the queue, and in process, before it goes on.
    :param job_days: how long a job can be looked at (recorded: 7 days).
    :param errors_listed: how many bad rows one answer 400 names; None for all. Not documented.
    :param oversize_status: 413, or 400; which one Klaviyo sends is not documented.
    :param match_order: which identifier decides who a profile is. Not documented for bulk imports.
    :param on_conflict: what happens to a profile whose identifiers belong to different profiles: ``error``,
        or ``merge`` those of e-mail and phone.
    :param bulk_unset: whether ``meta.patch_properties.unset`` clears in bulk imports too. Not documented.
    :param sms: whether the account can send SMS; without it a phone number alone identifies nobody.
    :param ineligible_phones: beginnings of phone numbers that exist nowhere or get no SMS.
    :param sms_regions: beginnings of the phone numbers that the account can send SMS to; none stands for all.
    :param age_gate: whether a consent to SMS needs a date of birth.
    :param silent_domains: e-mail domains whose events vanish (Klaviyo: "Events API overview").
    :param event_limits: ``refuse`` events over a documented limit, or ``drop`` them in silence.
    :param double_opt_in: whether who subscribes without a list must confirm first.
    :param strict: refuse members that the revision does not have, and missing ones, in Klaviyo's words.
    :param unknown_revision: ``forward`` to the next one that is served, or ``refuse``.
    """

    account: str = "DeMo01"
    rates: Mapping[str, Tier] = field(default_factory=dict)
    job_seconds: tuple[float, float] = (0.5, 1.5)
    job_polls: tuple[int, int] = (0, 0)
    job_days: float = 7.0
    errors_listed: int | None = None
    oversize_status: int = 413
    match_order: tuple[str, ...] = IDENTIFIERS
    on_conflict: str = "error"
    bulk_unset: bool = True
    sms: bool = True
    ineligible_phones: frozenset[str] = frozenset({"+0", "+1555", "+210", "+999"})
    sms_regions: frozenset[str] = frozenset()
    age_gate: bool = False
    silent_domains: frozenset[str] = frozenset({"example.com", "test.com"})
    event_limits: str = "refuse"
    double_opt_in: bool = False
    strict: bool = False
    unknown_revision: str = "forward"

    def rate(self, tier: str, endpoint: str) -> Tier:
        """Say how many requests an endpoint takes.

        :param endpoint: ``"POST /api/..."``.
        """
        return self.rates.get(endpoint) or self.rates.get(tier) or TIERS[tier]

    def changed(self, changes: Mapping[str, Any]) -> KlaviyoSettings:
        """Return these settings with some of them replaced.

        :param changes: setting -> value as JSON has it; ``rates`` as ``{"M": [10, 150]}``.
        :raises ValueError: for an unknown setting, or a value that makes no sense.
        """
        read = readers.read_changes(changes, _CHANGEABLE)
        if "rates" in read:
            read["rates"] = {**self.rates, **read["rates"]}
        return replace(self, **read)

    def summary(self) -> dict[str, Any]:
        """Show the settings as JSON has them."""
        shown = {name: getattr(self, name) for name in _CHANGEABLE}
        return {name: _plain(value) for name, value in shown.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {name: [limit for limit in tier if limit is not None] for name, tier in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _rates(value: Any) -> dict[str, Tier]:
    rates = {name: Tier(*map(readers.count, limits)) for name, limits in dict(value).items()}
    for name in rates:
        if name not in TIERS and " /api/" not in name:
            raise ValueError(f"{name!r} must be one of {', '.join(TIERS)}, or an endpoint as 'POST /api/...'")
    return rates


def _pair(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def both(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError("it must be two numbers, [in the queue, in process]")
        return tuple(map(read, value))

    return both


def _order(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or sorted(value) != sorted(IDENTIFIERS):
        raise ValueError(f"it must be a list of {', '.join(IDENTIFIERS)} in some order")
    return tuple(value)


_CHANGEABLE: Mapping[str, Callable[[Any], Any]] = {
    "account": str,
    "rates": _rates,
    "job_seconds": _pair(readers.seconds),
    "job_polls": _pair(readers.count),
    "job_days": readers.seconds,
    "errors_listed": readers.count_or_none,
    "oversize_status": readers.one_of(400, 413),
    "match_order": _order,
    "on_conflict": readers.one_of(*ON_CONFLICT),
    "bulk_unset": readers.switch,
    "sms": readers.switch,
    "ineligible_phones": readers.texts,
    "sms_regions": readers.texts,
    "age_gate": readers.switch,
    "silent_domains": readers.texts,
    "event_limits": readers.one_of(*ON_LIMIT),
    "double_opt_in": readers.switch,
    "strict": readers.switch,
    "unknown_revision": readers.one_of(*ON_UNKNOWN_REVISION),
}
