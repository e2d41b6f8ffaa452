"""Consent and deletion, kept apart from the other data types: how each is made.

Importing this module imports neither pyarrow nor orjson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_cdi.destinations.klaviyo.consent.arguments import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination


def consent_destination(
    data_type: str,
    arguments: ConsentArguments,
    limits: KlaviyoLimits,
    *,
    default_region: str | None,
    revision: str | None,
    rate_share: float,
    now: Callable[[], float],
) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``CONSENT_TYPES``.
    :param default_region: see :class:`~airflow_provider_cdi.destinations.klaviyo.phones.Phones`.
    :param revision: of Klaviyo's API, that is asked for; None for the newest.
    :param rate_share: the part of Klaviyo's rate limits to use.
    :param now: seconds since the epoch.
    """
    from airflow_provider_cdi.destinations.klaviyo.phones import Phones

    phones = Phones(default_region)
    if data_type == "subscribe":
        from airflow_provider_cdi.destinations.klaviyo.consent.subscribe import Subscribe

        return Subscribe(arguments, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "unsubscribe":
        from airflow_provider_cdi.destinations.klaviyo.consent.unsubscribe import Unsubscribe

        return Unsubscribe(arguments.channels, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "privacy_deletions":
        from airflow_provider_cdi.destinations.klaviyo.consent.privacy_deletions import PrivacyDeletions

        return PrivacyDeletions(limits, phones, rate_share=rate_share)
    from airflow_provider_cdi.destinations.klaviyo.consent.suppressions import SUPPRESSING, UNSUPPRESSING, Suppressions

    direction = SUPPRESSING if data_type == "suppress" else UNSUPPRESSING
    return Suppressions(direction, limits, rate_share=rate_share)
