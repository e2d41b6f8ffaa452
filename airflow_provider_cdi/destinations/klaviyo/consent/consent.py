"""Consent and deletion, kept apart from the other data types: how each is made.

Importing this module imports neither pyarrow nor orjson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.destinations.klaviyo.arguments import KlaviyoArguments

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination


def consent_destination(data_type: str, arguments: KlaviyoArguments) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``CONSENT_TYPES``.
    """
    from airflow_provider_cdi.destinations.klaviyo.phones import Phones

    limits, consent, rate_share = arguments.limits, arguments.consent, arguments.rate_share
    phones, revision, now = Phones(arguments.default_region), arguments.revision, arguments.now
    if data_type == "subscribe":
        from airflow_provider_cdi.destinations.klaviyo.consent.subscribe import Subscribe

        return Subscribe(consent, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "unsubscribe":
        from airflow_provider_cdi.destinations.klaviyo.consent.unsubscribe import Unsubscribe

        return Unsubscribe(consent.channels, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "privacy_deletions":
        from airflow_provider_cdi.destinations.klaviyo.consent.privacy_deletions import PrivacyDeletions

        return PrivacyDeletions(limits, phones, rate_share=rate_share)
    from airflow_provider_cdi.destinations.klaviyo.consent.suppressions import SUPPRESSING, UNSUPPRESSING, Suppressions

    direction = SUPPRESSING if data_type == "suppress" else UNSUPPRESSING
    return Suppressions(direction, limits, rate_share=rate_share)
