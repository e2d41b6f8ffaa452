"""How a sandbox behaves: keys, limits, delays, variants. Every number has its source beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cdi_sandbox.settings import readers
from cdi_sandbox.settings.klaviyo import DEFAULT_KLAVIYO_KEY, KlaviyoSettings
from cdi_sandbox.settings.rates import RATES, Rate

DEFAULT_KEY = "sandbox-key"


REGIMES = ("classic", "mau")
ERROR_STYLES = ("sentence", "code")
KEEPS = ("everything", "counts")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen about a sandbox.

    :param keys: REST API key -> its permissions; None stands for all of them.
    :param klaviyo_keys: private key of Klaviyo -> its scopes; None stands for all of them.
    :param host_names: names under which it answers, beside ``localhost`` and plain addresses, see
        :mod:`cdi_sandbox.api.host_check`.
    :param store: SQLite file that survives a restart; None keeps everything in memory.
    :param apply_delay: seconds between an accepted request and its effect (Braze: usually 10 to 100 ms).
        0 applies before the answer.
    :param shuffle_seed: with a number, each request waits between 0 and twice ``apply_delay``, so that
        requests take effect in another order than they came (Braze promises none). Needs a delay.
    :param latency: seconds that every answer of the vendors' endpoints takes at least. A test that looks for
        requests in flight at the same time needs some: answers that take no time rarely overlap.
    :param regime: ``classic`` or ``mau``, see :mod:`cdi_sandbox.braze.rates`.
    :param rates: pool -> rate; what is not named keeps the value of ``RATES``.
    :param error_style: whether a refused object is explained by ``sentence`` (seen in live answers) or by
        ``code`` (Braze's page of 2026).
    :param input_array_on_bulk: whether ``/users/track/bulk`` says in which array an error is.
    :param missing_permission_status: 403, or 401 as some accounts see it.
    :param track_objects: objects of a ``/users/track`` request in total (Braze: 75; 225 in older contracts).
    :param track_objects_per_array: objects in one of its three arrays.
    :param catalog_bytes: size of all catalogs (Braze: 500 MB in the free tier).
    :param blocked_external_ids: Braze's list of dummy users, which is not public.
    :param cdi_job_seconds: how long a run of the CDI endpoints goes on.
    :param keep: ``everything``, or ``counts`` to validate and count what comes in numbers (tracked objects,
        profiles, events, consents) without applying it.
    :param log_size: how many requests the log remembers.
    :param log_details: whether it remembers their bodies and headers too (never the key).
    :param count_identifiers: whether received objects are counted by identifier.
    :param count_objects: whether they are also counted by content.
    :param klaviyo: what is Klaviyo's alone.
    """

    keys: Mapping[str, frozenset[str] | None] = field(default_factory=lambda: {DEFAULT_KEY: None})
    klaviyo_keys: Mapping[str, frozenset[str] | None] = field(default_factory=lambda: {DEFAULT_KLAVIYO_KEY: None})
    host_names: frozenset[str] = frozenset()
    store: Path | None = None
    apply_delay: float = 0.02
    shuffle_seed: int | None = None
    latency: float = 0.0
    regime: str = "classic"
    rates: Mapping[str, Rate] = field(default_factory=dict)
    error_style: str = "sentence"
    input_array_on_bulk: bool = True
    missing_permission_status: int = 403
    track_objects: int = 75
    track_objects_per_array: int = 75
    catalog_bytes: int = 500 * 1024 * 1024
    blocked_external_ids: frozenset[str] = frozenset()
    cdi_job_seconds: float = 60.0
    keep: str = "everything"
    log_size: int = 1_000
    log_details: bool = False
    count_identifiers: bool = True
    count_objects: bool = False
    klaviyo: KlaviyoSettings = field(default_factory=KlaviyoSettings)

    def rate(self, pool: str) -> Rate:
        """Say how many requests a pool of endpoints may get, and in which time."""
        return self.rates.get(pool) or RATES[pool]

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return these settings with some of them replaced.

        :param changes: setting -> value as JSON has it; ``rates`` as ``{"track": [100, 1]}``, and ``klaviyo``
            as an object of its own.
        :raises ValueError: for an unknown or fixed setting, or a value that makes no sense.
        """
        read = readers.read_changes(changes, _CHANGEABLE)
        if "rates" in read:
            read["rates"] = {**self.rates, **read["rates"]}
        if "klaviyo" in read:
            read["klaviyo"] = self.klaviyo.changed(read["klaviyo"])
        return replace(self, **read)

    def summary(self) -> dict[str, Any]:
        """Show the changeable settings as JSON has them. Keys are not among them."""
        shown = {name: getattr(self, name) for name in _CHANGEABLE}
        shown["rates"] = {pool: [rate.requests, rate.seconds] for pool, rate in self.rates.items()}
        shown["blocked_external_ids"] = sorted(self.blocked_external_ids)
        shown["klaviyo"] = self.klaviyo.summary()
        return shown


def _rates(value: Any) -> dict[str, Rate]:
    rates = {pool: Rate(*map(readers.count, pair)) for pool, pair in dict(value).items()}
    for pool, rate in rates.items():
        if pool not in RATES or rate.seconds == 0:
            raise ValueError(f"pool {pool!r} must be one of {', '.join(RATES)} with [requests, seconds]")
    return rates


_CHANGEABLE: Mapping[str, Callable[[Any], Any]] = {
    "apply_delay": readers.seconds,
    "shuffle_seed": readers.count_or_none,
    "latency": readers.seconds,
    "regime": readers.one_of(*REGIMES),
    "rates": _rates,
    "error_style": readers.one_of(*ERROR_STYLES),
    "input_array_on_bulk": readers.switch,
    "missing_permission_status": readers.one_of(401, 403),
    "track_objects": readers.count,
    "track_objects_per_array": readers.count,
    "catalog_bytes": readers.count,
    "blocked_external_ids": readers.texts,
    "cdi_job_seconds": readers.seconds,
    "keep": readers.one_of(*KEEPS),
    "log_details": readers.switch,
    "count_identifiers": readers.switch,
    "count_objects": readers.switch,
    "klaviyo": readers.mapping,
}
