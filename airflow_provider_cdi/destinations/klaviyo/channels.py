"""The channels of consent, as data, and what the rows say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.channel_names import CHANNEL_NAMES
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.engine.records import Rejection
from airflow_provider_cdi.exceptions import SourceError


class Channel(NamedTuple):
    """One thing that a person can agree to.

    :param medium: its name in a request, as in ``subscriptions.email.marketing``, with the **purpose**.
    :param shown_as: the medium's name in a profile that Klaviyo shows.
    :param identifier: that it goes to; None when any will do.
    :param has_moment: whether the consent may say when it was given.
    """

    medium: str
    purpose: str
    shown_as: str
    identifier: str | None
    has_moment: bool = True

    @property
    def column(self) -> str:
        """The column that says whether a person agreed to it."""
        return f"{self.medium}_{self.purpose}".upper()


# Klaviyo's OpenAPI description of 2026-07-15, and the client of 2026-10-15 for click_tracking.
_CHANNELS = (
    Channel("email", "marketing", "email", "email"),
    Channel("email", "open_tracking", "email", "email", has_moment=False),
    Channel("email", "click_tracking", "email", "email", has_moment=False),
    Channel("sms", "marketing", "sms", "phone_number"),
    Channel("sms", "transactional", "sms", "phone_number"),
    Channel("whatsapp", "marketing", "whatsapp", "phone_number"),
    Channel("whatsapp", "transactional", "whatsapp", "phone_number"),
    Channel("push", "marketing", "mobile_push", None),
)
#: Name as an argument (``email_marketing``) -> channel.
CHANNELS: Mapping[str, Channel] = dict(zip(CHANNEL_NAMES, _CHANNELS, strict=True))

_YES = frozenset({"true", "t", "1", "yes", "y", "subscribed"})
_NO = frozenset({"false", "f", "0", "no", "n", "unsubscribed"})
#: Klaviyo's own word for somebody who was never asked.
_NOTHING = frozenset({"", "never_subscribed"})

_MISSING = "None of the channels of the row says {wanted}, so there is nothing to {verb}."


class ChannelReader:
    """Reads for which channels a row is.

    A channel column says yes or no, as a table of consent does. A row is for the channels that say what the sync is
    for; one table can feed a sync that subscribes and one that unsubscribes.

    :param names: the channels that the sync is about; empty for those that the source has a column of. A channel
        without a column is taken for all rows.
    :param wants: what a column must say: yes (True) to subscribe, no (False) to unsubscribe.
    """

    def __init__(self, names: Sequence[str], *, wants: bool) -> None:
        self._names = tuple(names)
        self._wants = wants
        wanted, verb = ("yes", "subscribe to") if wants else ("no", "unsubscribe from")
        self._missing = Rejection("consent_missing", _MISSING.format(wanted=wanted, verb=verb))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read where the source has them."""
        return tuple(CHANNELS[name].column for name in self._names or CHANNELS)

    def read(self, rows: pa.RecordBatch) -> list[tuple[Channel, ...] | Rejection]:
        """Give the channels that each row is for, never none.

        :raises SourceError: when neither an argument nor a column names a channel.
        """
        present = [name for name in self._names or CHANNELS if CHANNELS[name].column in rows.schema.names]
        always = tuple(CHANNELS[name] for name in self._names if name not in present)
        if not present and not always:
            raise SourceError(
                "Nothing says which channels the consent is for. Name them with channels=[...], for example "
                f"email_marketing, or give the source a column for each: {', '.join(self.columns)}."
            )
        columns = [text_column(rows, CHANNELS[name].column) for name in present]
        chosen = [CHANNELS[name] for name in present]
        return [
            self._read_row(chosen, tuple(values[row] for values in columns), always) for row in range(rows.num_rows)
        ]

    def _read_row(
        self, channels: Sequence[Channel], values: Sequence[str | Rejection | None], always: tuple[Channel, ...]
    ) -> tuple[Channel, ...] | Rejection:
        found = []
        for channel, value in zip(channels, values, strict=True):
            said = _read_value(value, channel)
            if isinstance(said, Rejection):
                return said
            if said is self._wants:
                found.append(channel)
        return (*found, *always) or self._missing


def _read_value(value: str | Rejection | None, channel: Channel) -> bool | Rejection | None:
    if value is None or isinstance(value, Rejection):
        return value
    said = value.strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    return None if said in _NOTHING else Rejection("consent_invalid", f"{channel.column} is neither yes nor no.")
