"""How a sync delivers: how much at once, how often again, what to do when nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from airflow_provider_cdi.argument_rules import an, check_settings, number, one_of, seconds, whole

#: First rows of a run that must not all be rejected with one code, when the task says no other number.
FIRST_ROWS = 500
#: When a run has fewer rows than are looked at, all of them must not be rejected, unless they are so few.
FEW_ROWS = 20

OnUnknown = Literal["resend", "reject"]

_TIMES = ("seconds", "rate_limit_seconds", "job_seconds", "first_wait", "longest_wait")
_RETRY_RULES = {"attempts": whole(1, unset=()), **dict.fromkeys(_TIMES, seconds())}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a request is tried before the run gives up; a new try of the task goes on where it stopped.

    :param attempts: tries of one request that failed or were never answered.
    :param seconds: time after which such a request is given up, whatever its attempts.
    :param rate_limit_seconds: time for which a request may be put off because of answers that say "too many
        requests". Braze's longest window is an hour, so the default is a little more.
    :param job_seconds: time for which the end of a job on the other side (Klaviyo's imports) is awaited in one try.
    :param first_wait: upper bound of the wait after the first failure, in seconds; it doubles with each.
    :param longest_wait: upper bound of any wait after a failure, in seconds.
    :raises ConfigurationError: when a field makes no sense; it names the field.
    """

    attempts: int = 10
    seconds: float = 600.0
    rate_limit_seconds: float = 3_900.0
    job_seconds: float = 21_600.0
    first_wait: float = 0.125
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        check_settings(self, _RETRY_RULES)


_DELIVERY_RULES = {
    **dict.fromkeys(("max_in_flight", "window_rows", "window_bytes"), whole(1, unset=())),
    "max_batches": whole(1),
    "checkpoint_seconds": seconds(),
    "requests_per_second": number("give a number above 0, or None for no limit", lambda rate: rate > 0),
    "rate_share": number("give a number above 0 and up to 1, or None for the default", lambda share: 0 < share <= 1),
    "on_unknown": one_of(*get_args(OnUnknown), unset=()),
    "retry": an(RetryPolicy, unset=()),
    "reopen_reads": whole(0, unset=()),
}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How a sync delivers.

    :param max_in_flight: requests on their way at once, at most. How many there are is found out from the delay.
    :param max_batches: batches that are delivered at once, at most; None: ``max_in_flight``. One that waits for a job
        of the destination, or for its next attempt, has no request on its way meanwhile.
    :param window_rows: rows that may be read but not yet saved as delivered. A crash sends at most these again.
    :param window_bytes: bytes of rows, as the warehouse returned them, that may wait for their outcome.
    :param checkpoint_seconds: time after which progress is saved; it is saved earlier when half of
        ``window_rows`` is used.
    :param requests_per_second: a rate of our own, evenly spread, in place of a share of the limit; None for none.
    :param rate_share: the part of a rate limit that answers show (Braze) which is used together with all who keep to
        the same share; the rest of every window is left to live traffic. None is 0.8.
    :param on_unknown: what happens when the answer to a request never came and a repeat would count double
        (events, purchases, attributes with ``inc`` or ``$add``): ``resend`` (at least once) or ``reject`` (kept
        aside in the reject file, at most once). Where a repeat changes nothing, it is always sent again.
    :param retry: see :class:`RetryPolicy`.
    :param reopen_reads: how often a run opens its read again when the warehouse breaks it off in the middle; the count
        starts again when half of ``window_rows`` have come since.
    :raises ConfigurationError: when a field makes no sense; it names the field.
    """

    max_in_flight: int = 256
    max_batches: int | None = None
    window_rows: int = 20_000
    window_bytes: int = 64 * 1024 * 1024
    checkpoint_seconds: float = 5.0
    requests_per_second: float | None = None
    rate_share: float | None = None
    on_unknown: OnUnknown = "resend"
    retry: RetryPolicy = RetryPolicy()
    reopen_reads: int = 5

    @property
    def batches_at_once(self) -> int:
        """How many batches are delivered at once, at most."""
        return self.max_batches or self.max_in_flight

    def paced_by(self, requests_per_second: float | None, rate_share: float | None) -> DeliverySettings:
        """Return these settings with the pace of the connection, unless they say a pace of their own."""
        if self.requests_per_second is not None or self.rate_share is not None:
            return self
        return replace(self, requests_per_second=requests_per_second, rate_share=rate_share)

    def __post_init__(self) -> None:
        check_settings(self, _DELIVERY_RULES)
