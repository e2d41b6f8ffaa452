"""How long a run takes at least: the limits of the other side, and the time that reading took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_cdi.engine.delivery.pacing import DEFAULT_RATE_SHARE
from airflow_provider_cdi.engine.ports import Destination, Rate
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.forecast.ports import DocumentedRate
from airflow_provider_cdi.forecast.tally import Sent


@dataclass(frozen=True, slots=True)
class Pace:
    """How long something takes at least.

    :param seconds: so long.
    :param decided_by: what makes it so, in words.
    """

    seconds: float
    decided_by: str


def pace_of(
    sent: Mapping[str, Sent], destination: Destination, settings: DeliverySettings, *, reading_seconds: float
) -> Pace:
    """Say how long requests take, and which limit decides it.

    What the other side needs for an answer and for its own jobs is not known before.

    :param sent: place -> the requests.
    :param destination: says its limits.
    :param settings: how the run delivers: a rate of its own, or a share of the limit.
    :param reading_seconds: what it took to read and encode the rows.
    """
    bounds = [Pace(reading_seconds, "reading and encoding the rows"), *_limits(sent, destination, settings)]
    return max(bounds, key=lambda bound: bound.seconds)


def behind_a_look(pace: Pace, seconds: float) -> Pace:
    """Add the look at ``max_new_profiles``, which comes before the first request.

    :param pace: of the run behind it.
    :param seconds: what it took to read the rows for it and to ask about their people.
    """
    return Pace(seconds + pace.seconds, f"the look at max_new_profiles ({seconds:,.1f} s), and {pace.decided_by}")


def _limits(sent: Mapping[str, Sent], destination: Destination, settings: DeliverySettings) -> Iterator[Pace]:
    total = sum(each.requests for each in sent.values())
    if settings.requests_per_second and total:
        yield Pace((total - 1) / settings.requests_per_second, f"requests_per_second={settings.requests_per_second:g}")
    for place, each in sent.items():
        for rate in destination.rates.get(each.family, ()):
            yield Pace(_seconds(each.requests, rate), f"our part of the limit of {place}: {_words(rate)}")
        if isinstance(destination, DocumentedRate):
            documented = destination.documented_rate
            share = 1.0 if settings.requests_per_second else settings.rate_share or DEFAULT_RATE_SHARE
            used = Rate(max(1, int(documented.requests * share)), documented.seconds)
            yield Pace(
                _seconds(each.requests, used),
                f"the documented limit of {place}, {_words(documented)}, of which {share:.0%} is used; "
                "a contract may have another",
            )


def _seconds(requests: int, rate: Rate) -> float:
    """Return the time from the first request to the last: the first window's may leave at once."""
    return max(0, requests - 1) // rate.requests * rate.seconds


def _words(rate: Rate) -> str:
    time = {1.0: "a second", 60.0: "a minute"}.get(rate.seconds, f"in {rate.seconds:g} s")
    return f"{rate.requests:,} requests {time}"
