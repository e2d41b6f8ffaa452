"""The channels of consent, as data, and what the rows say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.channel_names import CHANNEL_NAMES
from airflow_provider_cdi.destinations.klaviyo.revision_fields import refuse_missing
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError


class Channel(NamedTuple):
    """One thing that a person can agree to.

    :param medium: its name in a request, as in ``subscriptions.email.marketing``, with the **purpose**.
    :param shown_as: the medium's name in a profile that Klaviyo shows.
    :param identifier: that it goes to; None when any will do.
    :param since: what the revision must have for it, a member of ``revision_fields.SINCE``; empty for nothing.
    :param has_moment: whether the consent may say when it was given.
    :param takes_yes: whether one can subscribe to it too, not only unsubscribe from it.
    """

    medium: str
    purpose: str
    shown_as: str
    identifier: str | None
    since: str = ""
    has_moment: bool = True
    takes_yes: bool = True

    @property
    def name(self) -> str:
        """As an argument names it."""
        return f"{self.medium}_{self.purpose}"

    @property
    def column(self) -> str:
        """The column that says whether a person agreed to it."""
        return self.name.upper()


# Klaviyo's OpenAPI description of 2026-07-15, and the client of 2026-10-15 for click_tracking and what only
# unsubscribing has.
_CHANNELS = (
    Channel("email", "marketing", "email", "email"),
    Channel("email", "open_tracking", "email", "email", "open_tracking", has_moment=False),
    Channel("email", "click_tracking", "email", "email", "click_tracking", has_moment=False),
    Channel("sms", "marketing", "sms", "phone_number"),
    Channel("sms", "transactional", "sms", "phone_number"),
    Channel("whatsapp", "marketing", "whatsapp", "phone_number", "whatsapp"),
    Channel("whatsapp", "transactional", "whatsapp", "phone_number", "whatsapp"),
    Channel("whatsapp", "conversational", "whatsapp", "phone_number", "whatsapp", takes_yes=False),
    Channel("push", "marketing", "mobile_push", None, "push"),
)
#: Name as an argument (``email_marketing``) -> channel.
CHANNELS: Mapping[str, Channel] = dict(zip(CHANNEL_NAMES, _CHANNELS, strict=True))

_YES = frozenset({"true", "t", "1", "yes", "y", "subscribed"})
_NO = frozenset({"false", "f", "0", "no", "n", "unsubscribed"})
#: Klaviyo's own word for somebody who was never asked.
_NOTHING = frozenset({"", "never_subscribed"})

_MISSING = "None of the channels of the row says {wanted}, so there is nothing to {verb}."


class Choice(NamedTuple):
    """What a row says about the channels of a sync.

    :param channels: those that it is for.
    :param refused: column -> why what it says about its channel cannot be read. The others go on without it.
    """

    channels: tuple[Channel, ...]
    refused: Mapping[str, Rejection]


class ChannelReader:
    """Reads for which channels a row is.

    A channel column says yes or no, as a table of consent does. A row is for the channels that say what the sync is
    for; one table can feed a sync that subscribes and one that unsubscribes.

    :param names: the channels that the sync is about; empty for those that the source has a column of. A channel
        without a column is taken for all rows.
    :param wants: what a column must say: yes (True) to subscribe, no (False) to unsubscribe.
    :param revision: of Klaviyo's API, that is asked for; None for the newest.
    :raises ConfigurationError: when the revision lacks one of the channels, or nobody can subscribe to it.
    """

    def __init__(self, names: Sequence[str], *, wants: bool, revision: str | None = None) -> None:
        self._wants = wants
        self._revision = revision
        self._named = tuple(CHANNELS[name] for name in names)
        #: The channels that may have a column.
        self._channels = self._named or tuple(one for one in CHANNELS.values() if one.takes_yes or not wants)
        wanted, verb = ("yes", "subscribe to") if wants else ("no", "unsubscribe from")
        self._missing = Rejection("consent_missing", _MISSING.format(wanted=wanted, verb=verb))
        for channel in self._named:
            self._check(channel, f"channels={channel.name!r}", "leave the channel out")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read where the source has them."""
        return tuple(channel.column for channel in self._channels)

    def read(self, rows: pa.RecordBatch) -> list[Choice | Rejection]:
        """Give the channels that each row is for, never none.

        :raises SourceError: when neither an argument nor a column names a channel.
        :raises ConfigurationError: when there is a column of a channel that the revision lacks.
        """
        present = [channel for channel in self._channels if channel.column in rows.schema.names]
        always = tuple(channel for channel in self._named if channel not in present)
        if not present and not always:
            raise SourceError(
                "Nothing says which channels the consent is for. Name them with channels=[...], for example "
                f"email_marketing, or give the source a column for each: {', '.join(self.columns)}."
            )
        for channel in present:
            self._check(channel, f"The column {channel.column}", "name the other channels with channels=[...]")
        columns = [text_column(rows, channel.column) for channel in present]
        return [
            self._read_row(present, tuple(values[row] for values in columns), always) for row in range(rows.num_rows)
        ]

    def _check(self, channel: Channel, asked_by: str, instead: str) -> None:
        if self._wants and not channel.takes_yes:
            raise ConfigurationError(f"{asked_by}: Klaviyo lets nobody be subscribed to it, only unsubscribed from it.")
        refuse_missing(self._revision, channel.since, asked_by, instead)

    def _read_row(
        self, channels: Sequence[Channel], values: Sequence[str | Rejection | None], always: tuple[Channel, ...]
    ) -> Choice | Rejection:
        found, refused = [], {}
        for channel, value in zip(channels, values, strict=True):
            said = _read_value(value, channel)
            if isinstance(said, Rejection):
                refused[channel.column] = said
            elif said is self._wants:
                found.append(channel)
        return Choice((*found, *always), refused) if found or always or refused else self._missing


def _read_value(value: str | Rejection | None, channel: Channel) -> bool | Rejection | None:
    if value is None or isinstance(value, Rejection):
        return value
    said = value.strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    return None if said in _NOTHING else Rejection("consent_invalid", f"{channel.column} is neither yes nor no.")
