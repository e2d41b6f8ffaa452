"""What an answer of Klaviyo means, as far as all its endpoints have it in common."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS, refusal
from airflow_provider_cdi.engine.ports import Ambiguous, Response, Throttled

#: The request may or may not have been read to its end. 408 and 425 are not documented.
_UNCLEAR_BELOW_500 = frozenset({408, 425})
#: Klaviyo's longest window is a day (creating lists); a longer wait comes from a broken header.
_LONGEST_WAIT = 86_400.0


def failure_of(answer: Response, endpoint: Endpoint) -> Throttled | Ambiguous | None:
    """Say whether an answer is neither a success nor a refusal of what was sent.

    :return: None for a success (2xx), which the caller reads, and for a refusal of Klaviyo's (see ``REFUSALS``).
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in REFUSALS:
        return None if read_errors(answer.body) else foreign(status)
    if status == 429:
        return Throttled("Klaviyo answered 429: over the rate limit", wait_of(answer.headers))
    if status in _UNCLEAR_BELOW_500 or status >= 500:
        return Ambiguous(f"Klaviyo answered {status}")
    raise refusal(answer, endpoint)


def unexpected(answer: Response, status: int) -> Ambiguous | None:
    """Doubt a success that is not the empty one that Klaviyo documents: a proxy may have given it.

    :param status: the documented one.
    """
    if answer.status == status and not answer.body.strip():
        return None
    return Ambiguous(f"Klaviyo answered {answer.status} where {status} and nothing else is documented")


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that a 429 asks to wait; None when it gives no usable number.

    :param headers: names in lower case. Klaviyo sends ``Retry-After`` in whole seconds, and no other header.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None


def failure_of_read(answer: Response, endpoint: Endpoint) -> Throttled | Ambiguous | None:
    """Say what is wrong with the answer to a question, or to anything else for which no row can be at fault.

    :raises DestinationRefused: when Klaviyo refuses it.
    """
    failure = failure_of(answer, endpoint)
    if failure is None and answer.status in REFUSALS:
        raise refusal(answer, endpoint)
    return failure


def foreign(status: int) -> Throttled:
    """Doubt a refusal that is not in Klaviyo's form: it says nothing about rows, and may pass."""
    return Throttled(f"{status} came in another form than Klaviyo's: a proxy, gateway or firewall on the way gave it")
