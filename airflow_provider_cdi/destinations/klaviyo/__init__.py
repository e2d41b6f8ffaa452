"""Klaviyo as a destination: its data types, each an engine port.

Importing this package imports neither pyarrow nor orjson, so that a DAG file can use :class:`KlaviyoLimits`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.destinations.klaviyo.arguments import (
    CONSENT_TYPES,
    DATA_TYPES,
    KlaviyoDataType,
    check_klaviyo_arguments,
)
from airflow_provider_cdi.destinations.klaviyo.consent.arguments import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.consent.consent import consent_destination
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.revision_fields import refuse_missing

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination

__all__ = ["CONSENT_TYPES", "DATA_TYPES", "ConsentArguments", "KlaviyoDataType", "KlaviyoLimits", "klaviyo_destination"]


def klaviyo_destination(
    data_type: str,
    *,
    limits: KlaviyoLimits = KlaviyoLimits(),  # noqa: B008 - frozen, so one for all calls is fine
    default_region: str | None = None,
    on_bad_phone: str = "reject",
    null_policy: str = "keep",
    list_ids: Sequence[str] = (),
    update_only: bool = False,
    metric: str | None = None,
    backfill: bool = False,
    other_columns: bool | None = None,
    consent: ConsentArguments = ConsentArguments(),  # noqa: B008 - frozen too
    revision: str | None = None,
    rate_share: float = 0.9,
    now: Callable[[], float] = time.time,
) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``DATA_TYPES`` or ``CONSENT_TYPES``.
    :param limits: what Klaviyo allows, where it differs from the documented defaults.
    :param default_region: country of phone numbers without a country code, two letters such as ``DE``. With it, phone
        numbers are brought into E.164 and checked; without it they must be in E.164 already.
    :param on_bad_phone: for ``profiles`` and ``events``: what a phone number costs that is bad, or that Klaviyo
        refuses: the row (``reject``), or only itself (``drop``), unless nothing else says whose row it is.
    :param null_policy: for ``profiles``: whether a NULL keeps what Klaviyo has (``keep``), or clears it (``clear``:
        such profiles go one by one, at most 750 a minute).
    :param list_ids: for ``profiles``: ids of lists that all profiles are added to. Nobody is subscribed by that.
    :param update_only: for ``profiles``: rows of people whom Klaviyo does not know are passed over. Costs a lookup
        for every 100 rows.
    :param metric: for ``events``: the metric of rows without ``METRIC_NAME``.
    :param backfill: for ``events``: record them without setting off flows.
    :param other_columns: whether columns that the contract does not name become custom properties; None for: if the
        source has no payload.
    :param consent: for the data types of consent.
    :param revision: of the API, that is asked for; None for the newest. What it does not have is refused here, and a
        channel of a column with the first rows.
    :param rate_share: the part of Klaviyo's rate limits to use; other integrations of the account share them.
    :param now: seconds since the epoch.
    :raises ConfigurationError: for an unknown data type, or an argument that makes no sense or does not go with it.
    """
    own = {
        "data_type": data_type,
        "limits": limits,
        "default_region": default_region,
        "on_bad_phone": on_bad_phone,
        "null_policy": null_policy,
        "list_ids": list_ids,
        "update_only": update_only,
        "metric": metric,
        "backfill": backfill,
        "other_columns": other_columns,
        "rate_share": rate_share,
    }
    check_klaviyo_arguments(own | asdict(consent))
    if data_type in CONSENT_TYPES:
        return consent_destination(
            data_type,
            consent,
            limits,
            default_region=default_region,
            revision=revision,
            rate_share=rate_share,
            now=now,
        )
    from airflow_provider_cdi.destinations.klaviyo.phones import Phones

    shared: dict[str, Any] = {
        "other_columns": {None: "without_payload", True: "taken", False: "ignored"}[other_columns],
        "rate_share": rate_share,
    }
    phones = Phones(default_region, drops_bad=on_bad_phone == "drop")
    if data_type == "events":
        from airflow_provider_cdi.destinations.klaviyo.events.events import Events

        if backfill:
            refuse_missing(revision, "backfill", "backfill (on by itself for history)", "set backfill=False")
        return Events(limits, phones, metric=metric, backfill=backfill, now=now, **shared)
    from airflow_provider_cdi.destinations.klaviyo.profiles.profiles import Profiles

    return Profiles(
        limits, phones, clears_nulls=null_policy == "clear", list_ids=list_ids, update_only=update_only, **shared
    )
