"""Klaviyo as a destination: its data types, each an engine port.

Importing this package imports neither pyarrow nor orjson, so that a DAG file can use :class:`KlaviyoLimits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.destinations.klaviyo.arguments import (
    CONSENT_TYPES,
    DATA_TYPES,
    ConsentArguments,
    KlaviyoArguments,
    KlaviyoDataType,
)
from airflow_provider_cdi.destinations.klaviyo.consent.consent import consent_destination
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.revision_fields import refuse_missing

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination

__all__ = [
    "CONSENT_TYPES",
    "DATA_TYPES",
    "ConsentArguments",
    "KlaviyoArguments",
    "KlaviyoDataType",
    "KlaviyoLimits",
    "klaviyo_destination",
]


def klaviyo_destination(
    data_type: str,
    arguments: KlaviyoArguments = KlaviyoArguments(),  # noqa: B008 - frozen, so one for all calls is fine
) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``DATA_TYPES`` or ``CONSENT_TYPES``.
    :raises ConfigurationError: for an unknown data type, or an argument that makes no sense or does not go with it.
    """
    arguments.check(data_type)
    if data_type in CONSENT_TYPES:
        return consent_destination(data_type, arguments)
    from airflow_provider_cdi.destinations.klaviyo.phones import Phones

    shared: dict[str, Any] = {
        "other_columns": {None: "without_payload", True: "taken", False: "ignored"}[arguments.other_columns],
        "rate_share": arguments.rate_share,
    }
    phones = Phones(arguments.default_region, drops_bad=arguments.on_bad_phone == "drop")
    if data_type == "events":
        from airflow_provider_cdi.destinations.klaviyo.events.events import Events

        if arguments.backfill:
            refuse_missing(arguments.revision, "backfill", "backfill (on by itself for history)", "set backfill=False")
        return Events(
            arguments.limits, phones, metric=arguments.metric, backfill=arguments.backfill, now=arguments.now, **shared
        )
    from airflow_provider_cdi.destinations.klaviyo.profiles.profiles import Profiles

    return Profiles(
        arguments.limits,
        phones,
        clears_nulls=arguments.null_policy == "clear",
        list_ids=arguments.list_ids,
        update_only=arguments.update_only,
        **shared,
    )
