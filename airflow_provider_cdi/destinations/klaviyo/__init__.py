"""Klaviyo as a destination: its data types, each an engine port.

Importing this package imports neither pyarrow nor orjson, so that a DAG file can use :class:`KlaviyoLimits`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_cdi.destinations.klaviyo.consent import CONSENT_TYPES, ConsentArguments, consent_destination
from airflow_provider_cdi.destinations.klaviyo.limits import LIST_ID, KlaviyoLimits
from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination

__all__ = ["CONSENT_TYPES", "DATA_TYPES", "ConsentArguments", "KlaviyoDataType", "KlaviyoLimits", "klaviyo_destination"]

KlaviyoDataType = Literal[
    "profiles", "events", "subscribe", "unsubscribe", "suppress", "unsuppress", "privacy_deletions"
]
#: What a person is and does; what a person allows is apart from it, in ``CONSENT_TYPES``.
DATA_TYPES = ("profiles", "events")
NULL_POLICIES = ("keep", "clear")


def klaviyo_destination(
    data_type: str,
    *,
    limits: KlaviyoLimits = KlaviyoLimits(),  # noqa: B008 - frozen, so one for all calls is fine
    default_region: str | None = None,
    null_policy: str = "keep",
    list_ids: Sequence[str] = (),
    update_only: bool = False,
    metric: str | None = None,
    backfill: bool = False,
    other_columns: bool | None = None,
    consent: ConsentArguments = ConsentArguments(),  # noqa: B008 - frozen too
    rate_share: float = 0.9,
    now: Callable[[], float] = time.time,
) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``DATA_TYPES`` or ``CONSENT_TYPES``.
    :param limits: what Klaviyo allows, where it differs from the documented defaults.
    :param default_region: country of phone numbers without a country code, two letters such as ``DE``. With it, phone
        numbers are brought into E.164 and checked; without it they must be in E.164 already.
    :param null_policy: for ``profiles``: whether a NULL keeps what Klaviyo has (``keep``), or clears it (``clear``:
        such profiles go one by one, at most 750 a minute).
    :param list_ids: for ``profiles``: ids of lists that all profiles are added to. Nobody is subscribed by that.
    :param update_only: for ``profiles``: rows of people whom Klaviyo does not know are passed over. Costs a look-up
        for every 100 rows.
    :param metric: for ``events``: the metric of rows without ``METRIC_NAME``.
    :param backfill: for ``events``: record them without setting off flows.
    :param other_columns: whether columns that the contract does not name become custom properties; None for: if the
        source has no payload.
    :param consent: for the data types of consent.
    :param rate_share: the part of Klaviyo's rate limits to use; other integrations of the account share them.
    :param now: seconds since the epoch.
    :raises ConfigurationError: for an unknown data type, or an argument that makes no sense or does not go with it.
    """
    of_profiles = {"null_policy": null_policy != "keep", "list_ids": bool(list_ids), "update_only": update_only}
    of_events = {"metric": metric is not None, "backfill": backfill}
    of_both = {"other_columns": other_columns is not None}
    owners = {"profiles": of_profiles, "events": of_events, "profiles and events": of_both, **consent.given()}
    _check_data_type(data_type, owners)
    if data_type in CONSENT_TYPES:
        return consent_destination(
            data_type, consent, limits, default_region=default_region, rate_share=rate_share, now=now
        )
    from airflow_provider_cdi.destinations.klaviyo.phones import Phones

    shared: dict[str, Any] = {
        "other_columns": {None: "without_payload", True: "taken", False: "ignored"}[other_columns],
        "rate_share": rate_share,
    }
    phones = Phones(default_region)
    if data_type == "events":
        from airflow_provider_cdi.destinations.klaviyo.events import Events

        _check_metric(metric, limits)
        return Events(limits, phones, metric=metric, backfill=backfill, now=now, **shared)
    from airflow_provider_cdi.destinations.klaviyo.profiles import Profiles

    _check_profile_arguments(null_policy, list_ids)
    return Profiles(
        limits, phones, clears_nulls=null_policy == "clear", list_ids=list_ids, update_only=update_only, **shared
    )


def _check_data_type(data_type: str, arguments: dict[str, dict[str, bool]]) -> None:
    """Refuse an unknown data type, and arguments that belong to another one.

    :param arguments: data types, joined by ``and``, -> argument -> whether it was given.
    """
    known = DATA_TYPES + CONSENT_TYPES
    if data_type not in known:
        raise ConfigurationError(f"Unknown data type {data_type!r} for Klaviyo. Use one of {', '.join(known)}.")
    for owner, given in arguments.items():
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong and data_type not in owner.split(" and "):
            raise ConfigurationError(f"{', '.join(wrong)} go with {owner} only, not with {data_type}.")


def _check_profile_arguments(null_policy: str, list_ids: Sequence[str]) -> None:
    if null_policy not in NULL_POLICIES:
        raise ConfigurationError(f"null_policy is {null_policy!r}; use one of {', '.join(NULL_POLICIES)}.")
    if isinstance(list_ids, str) or not all(LIST_ID.fullmatch(name) for name in list_ids):
        raise ConfigurationError(
            f"list_ids is {list_ids!r}; give a list of list ids, which stand in the list's address in Klaviyo."
        )


def _check_metric(metric: str | None, limits: KlaviyoLimits) -> None:
    if metric is not None and not (metric.strip() and len(metric) <= limits.metric_name_chars):
        raise ConfigurationError(
            f"metric is {metric!r}; give a name of 1 to {limits.metric_name_chars} characters, "
            "or leave it out and name the metric in the column METRIC_NAME."
        )
