"""The arguments that only consent has.

Importing this module imports neither pyarrow nor orjson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from airflow_provider_cdi.destinations.klaviyo.arguments import check_klaviyo_arguments


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
