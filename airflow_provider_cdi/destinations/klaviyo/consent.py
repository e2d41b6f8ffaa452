"""Consent and deletion, kept apart from the other data types: their arguments, and how each is made.

Importing this module imports neither pyarrow nor orjson.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airflow_provider_cdi.destinations.klaviyo.arguments import check_klaviyo_arguments
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentArguments:
    """The arguments that only consent has.

    :param channels: for ``subscribe`` and ``unsubscribe``: what the consent is for, out of ``CHANNEL_NAMES``; empty
        for the channels that the source has a column of.
    :param list_id: for ``subscribe``: the list that the people are put on; None for no list.
    :param custom_source: for ``subscribe``: what Klaviyo shows as the source of the consent.
    :param historical_import: for ``subscribe``: the consent was given before, outside of Klaviyo. Each row says when
        (``CONSENTED_AT``), nobody is asked to confirm, and no flow for new subscribers starts.
    :param allow_resubscribe: for ``subscribe``: also people who said no after the row's consent was given.
    :raises ConfigurationError: when one of them makes no sense.
    """

    channels: Sequence[str] = ()
    list_id: str | None = None
    custom_source: str | None = None
    historical_import: bool = False
    allow_resubscribe: bool = False

    def __post_init__(self) -> None:
        check_klaviyo_arguments(asdict(self))


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
        from airflow_provider_cdi.destinations.klaviyo.subscribe import Subscribe

        return Subscribe(arguments, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "unsubscribe":
        from airflow_provider_cdi.destinations.klaviyo.unsubscribe import Unsubscribe

        return Unsubscribe(arguments.channels, limits, phones, revision=revision, rate_share=rate_share, now=now)
    if data_type == "privacy_deletions":
        from airflow_provider_cdi.destinations.klaviyo.privacy_deletions import PrivacyDeletions

        return PrivacyDeletions(limits, phones, rate_share=rate_share)
    from airflow_provider_cdi.destinations.klaviyo.suppressions import SUPPRESSING, UNSUPPRESSING, Suppressions

    direction = SUPPRESSING if data_type == "suppress" else UNSUPPRESSING
    return Suppressions(direction, limits, rate_share=rate_share)
