"""Fields that not every revision has are sent only under one that has them; else nothing is sent at all."""

from __future__ import annotations

import pytest
from support.klaviyo_rows import ADA, encode_row, make
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.revision_fields import SINCE
from airflow_provider_cdi.exceptions import ConfigurationError, DestinationRefused

BOTH = {**ADA, "PHONE_NUMBER": "+4915112345678"}
TOKENS = '[{"token": "t", "platform": "ios", "vendor": "apns"}]'
#: field -> the revision before it, the channel that needs it
CHANNELS = {
    "whatsapp": ("2025-04-15", "whatsapp_marketing"),
    "push": ("2025-10-15", "push_marketing"),
    "open_tracking": ("2026-01-15", "email_open_tracking"),
    "click_tracking": ("2026-07-15", "email_click_tracking"),
}


def test_the_table_names_what_the_specifications_differ_in():
    assert SINCE == {
        "historical_import": "2024-07-15",
        "whatsapp": "2025-07-15",
        "push": "2026-01-15",
        "backfill": "2026-04-15",
        "open_tracking": "2026-04-15",
        "click_tracking": "2026-10-15",
    }


@pytest.mark.parametrize("data_type", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("field", CHANNELS)
def test_a_channel_that_the_revision_lacks_is_refused_when_it_is_named(data_type, field):
    before, channel = CHANNELS[field]
    consent = ConsentArguments(channels=[channel])
    with pytest.raises(ConfigurationError, match=f"channels='{channel}' needs '{field}'.*{SINCE[field]}.*{before}"):
        make(data_type, consent=consent, revision=before)
    for revision in (SINCE[field], f"{SINCE[field]}.pre", None):
        make(data_type, consent=consent, revision=revision)


@pytest.mark.parametrize("field", CHANNELS)
def test_a_column_that_the_revision_lacks_stops_the_sync_before_anything_is_sent(field):
    before, channel = CHANNELS[field]
    side = KlaviyoSide()
    row = {**BOTH, "EMAIL_MARKETING": False, channel.upper(): False, "PUSH_TOKENS": TOKENS}
    outcome = sync_into_klaviyo(
        {name: [value] for name, value in row.items()}, "unsubscribe", side=side, revision=before
    )
    assert isinstance(outcome.error, ConfigurationError)
    assert f"column {channel.upper()} needs {field!r}" in str(outcome.error)
    assert side.requests == []


def test_backfill_is_refused_under_a_revision_that_lacks_it_and_left_out_where_it_is_not_wanted():
    with pytest.raises(ConfigurationError, match=r"backfill .* 2026-04-15, and the connection asks for 2026-01-15"):
        make("events", metric="Visit", backfill=True, revision="2026-01-15")
    make("events", metric="Visit", backfill=True, revision="2026-04-15")
    row = {**ADA, "EVENT_TIME": "2026-01-05T09:30:00Z"}
    record = encode_row(row, "events", metric="Visit", revision="2026-01-15")
    assert b"backfill" not in record.body


def test_a_historical_import_needs_its_revision():
    consent = ConsentArguments(channels=["email_marketing"], historical_import=True)
    with pytest.raises(ConfigurationError, match="historical_import"):
        make("subscribe", consent=consent, revision="2024-05-15")


class Older(KlaviyoSide):
    """A Klaviyo that serves an older revision than the one that the destination was told."""

    def __init__(self, revision):
        super().__init__()
        self.revision = revision

    async def call(self, method, path, body, **_):
        return await super().call(method, path, body, revision=self.revision)


def test_fifty_events_with_a_field_that_klaviyo_does_not_take_are_no_rejects():
    table = {
        "EMAIL": [f"p{n}@acme-demo.io" for n in range(50)],
        "EVENT_TIME": ["2026-01-05T09:30:00Z"] * 50,
    }
    outcome = sync_into_klaviyo(table, "events", side=Older("2026-01-15"), metric="Visit", backfill=True)
    assert isinstance(outcome.error, DestinationRefused)
    assert "'backfill'" in str(outcome.error)
    assert "2026-01-15" in str(outcome.error)
    assert outcome.journal.rejects == []
