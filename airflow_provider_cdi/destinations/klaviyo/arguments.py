"""The arguments that only Klaviyo has, and with which data types each goes. Imports nothing to speak of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from airflow_provider_cdi.argument_rules import (
    Rule,
    an,
    check_arguments,
    flag,
    list_of,
    never,
    number,
    one_of,
    text,
    whole,
)
from airflow_provider_cdi.destinations.klaviyo.channel_names import CHANNEL_NAMES
from airflow_provider_cdi.destinations.klaviyo.limits import LIST_ID, KlaviyoLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.exceptions import ConfigurationError

KlaviyoDataType = Literal[
    "profiles", "events", "subscribe", "unsubscribe", "suppress", "unsuppress", "privacy_deletions"
]
NullPolicy = Literal["keep", "clear"]
OnBadPhone = Literal["reject", "drop"]
#: What a person is and does; what a person allows is apart from it, in ``CONSENT_TYPES``.
DATA_TYPES: tuple[KlaviyoDataType, ...] = ("profiles", "events")
CONSENT_TYPES: tuple[KlaviyoDataType, ...] = tuple(one for one in get_args(KlaviyoDataType) if one not in DATA_TYPES)

_PROFILES, _EVENTS, _SUBSCRIBE = ("profiles",), ("events",), ("subscribe",)
_WITH_PHONES = (*DATA_TYPES, "subscribe", "unsubscribe", "privacy_deletions")
_METRIC = f"a name of 1 to {KlaviyoLimits().metric_name_chars} characters, or name it in the column METRIC_NAME"
_YES_NO_OR_USUAL = Rule("give True, False or None", lambda value: isinstance(value, bool))
_LIST_ID = "the id that stands in the list's address in Klaviyo"

KLAVIYO_RULES: Mapping[str, Rule] = {
    "klaviyo_conn_id": text("give the id of an Airflow connection", unset=()),
    "data_type": one_of(*DATA_TYPES, *CONSENT_TYPES, unset=()),
    "list_ids": list_of(f"give a list of list ids, each {_LIST_ID}", LIST_ID.fullmatch, data_types=_PROFILES),
    "null_policy": one_of(*get_args(NullPolicy), unset=("keep",), data_types=_PROFILES),
    "update_only": flag(data_types=_PROFILES),
    "metric": text(f"give {_METRIC}", data_types=_EVENTS),
    "backfill": Rule(
        "give True, False or None", lambda value: isinstance(value, bool), unset=(None, False), data_types=_EVENTS
    ),
    "other_columns": Rule("give True, False or None", lambda value: isinstance(value, bool), data_types=DATA_TYPES),
    "payload_columns": Rule("", lambda value: True, data_types=DATA_TYPES, unset=((), [], {})),
    "default_region": text(
        "give a country as two letters of ISO 3166, such as DE",
        re.compile(r"[A-Z]{2}", re.ASCII).fullmatch,
        data_types=_WITH_PHONES,
    ),
    # Of consent a bad number costs only what needs it, always; who is to be deleted must be said without doubt.
    "on_bad_phone": one_of(*get_args(OnBadPhone), unset=("reject",), data_types=DATA_TYPES),
    "channels": list_of(
        f"give a list out of {', '.join(CHANNEL_NAMES)}",
        CHANNEL_NAMES.__contains__,
        data_types=("subscribe", "unsubscribe"),
    ),
    "list_id": text(f"give {_LIST_ID}", LIST_ID.fullmatch, data_types=_SUBSCRIBE),
    "custom_source": text("give the text that Klaviyo shows as the source of the consent", data_types=_SUBSCRIBE),
    "historical_import": flag(data_types=_SUBSCRIBE),
    "allow_resubscribe": flag(data_types=_SUBSCRIBE),
    "delete_cap": an(DeleteCap, data_types=("privacy_deletions",)),
    "max_data_points": never("leave it out: only Braze counts data points"),
    "max_new_profiles": whole(0, data_types=(*DATA_TYPES, *_SUBSCRIBE)),
    "rate_share": number("give a number above 0 and up to 1", lambda share: 0 < share <= 1),
    "limits": an(KlaviyoLimits),
    "deferrable": _YES_NO_OR_USUAL,
    "poll_seconds": number("give a number of seconds above 0", lambda seconds: seconds > 0, unset=()),
}


def check_klaviyo_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that make no sense, or that do not go with the data type.

    :param given: name -> value, ``data_type`` among them; what is not known yet is left out.
    :raises ConfigurationError: it names the argument and what to give instead.
    """
    check_arguments(given, KLAVIYO_RULES, given.get("data_type"))
    metric, limits = given.get("metric"), given.get("limits") or KlaviyoLimits()
    if metric is not None and len(metric) > limits.metric_name_chars:
        raise ConfigurationError(
            f"metric has {len(metric)} characters; give a name of 1 to {limits.metric_name_chars} characters."
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KlaviyoArguments:
    """What a destination is made with, beside its data type.

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
    """

    limits: KlaviyoLimits = field(default_factory=KlaviyoLimits)
    default_region: str | None = None
    on_bad_phone: str = "reject"
    null_policy: str = "keep"
    list_ids: Sequence[str] = ()
    update_only: bool = False
    metric: str | None = None
    backfill: bool = False
    other_columns: bool | None = None
    consent: ConsentArguments = field(default_factory=ConsentArguments)
    revision: str | None = None
    rate_share: float = 0.9
    now: Callable[[], float] = time.time

    def check(self, data_type: str) -> None:
        """Refuse what makes no sense, or does not go with a data type.

        :raises ConfigurationError: it names the argument and what to give instead.
        """
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name in KLAVIYO_RULES}
        check_klaviyo_arguments({"data_type": data_type} | own | asdict(self.consent))
