"""What an answer of Klaviyo means, as far as all its endpoints have it in common."""

from __future__ import annotations

from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import KLAVIYO, REFUSALS, refusal
from airflow_provider_cdi.destinations.statuses import retry_after
from airflow_provider_cdi.engine.verdicts import Ambiguous, Response, Throttled


def failure_of(answer: Response, endpoint: Endpoint) -> Throttled | Ambiguous | None:
    """Say whether an answer is neither a success nor a refusal of what was sent.

    :return: None for a success (2xx), which the caller reads, and for a refusal of Klaviyo's (see ``REFUSALS``).
    :raises DestinationRefused: when it concerns the sync as a whole.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in REFUSALS:
        return None if read_errors(answer.body) else KLAVIYO.foreign(status)
    failure = KLAVIYO.failure(status, retry_after(answer))
    if failure is not None:
        return failure
    raise refusal(answer, endpoint)


def unexpected(answer: Response, status: int) -> Ambiguous | None:
    """Doubt a success that is not the empty one that Klaviyo documents: a proxy may have given it.

    :param status: the documented one.
    """
    if answer.status == status and not answer.body.strip():
        return None
    return Ambiguous(f"Klaviyo answered {answer.status} where {status} and nothing else is documented")


def failure_of_read(answer: Response, endpoint: Endpoint) -> Throttled | Ambiguous | None:
    """Say what is wrong with the answer to a question, or to anything else for which no row can be at fault.

    :raises DestinationRefused: when Klaviyo refuses it.
    """
    failure = failure_of(answer, endpoint)
    if failure is None and answer.status in REFUSALS:
        raise refusal(answer, endpoint)
    return failure
