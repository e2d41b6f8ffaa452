"""Times as text: one list of forms, for all destinations and for the sandboxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.destinations.times import is_usual_time, read_time, sent_time
from cdi_sandbox.braze.track.objects import check_event, check_purchase
from cdi_sandbox.times import read_moment

#: How a time is written -> how it is sent.
READ = {
    # as it stands: ISO 8601, and the forms that Braze documents
    "2026-01-05T09:30:00Z": "2026-01-05T09:30:00Z",
    "2026-01-05T09:30:00.123456789+09:00": "2026-01-05T09:30:00.123456789+09:00",
    "2026-01-05T09:30Z": "2026-01-05T09:30Z",
    "2026-01-05T09:30:00:123+0900": "2026-01-05T09:30:00:123+0900",
    "2026-01-05 09:30:00": "2026-01-05 09:30:00",
    "2026-01-05": "2026-01-05",
    "20260105T093000Z": "20260105T093000Z",
    # Braze, /users/track: the example of an event
    "2025-08-17T19:20:30+1:00": "2025-08-17T18:20:30Z",
    # taken by live Braze (braze_ruby, a recording of 2020)
    "2019-02-15 00:00:00 -0500": "2019-02-15T05:00:00Z",
    # Snowflake, TIMESTAMP_TZ and TIMESTAMP_LTZ as text
    "2024-05-01 12:34:56.000 +0000": "2024-05-01T12:34:56.000Z",
    "2024-05-01 12:34:56.000 Z": "2024-05-01T12:34:56.000Z",
    "2024-05-01 12:34:56.789 -0330": "2024-05-01T16:04:56.789Z",
    # BigQuery, Trino, PostgreSQL and Redshift, SQL Server, Python
    "2024-05-01 12:34:56 UTC": "2024-05-01T12:34:56Z",
    "2024-05-01 12:34:56.123 utc": "2024-05-01T12:34:56.123Z",
    "2024-05-01 12:34:56.5+00": "2024-05-01T12:34:56.5Z",
    "2024-05-01 12:34:56-08": "2024-05-01T20:34:56Z",
    "2024-05-01 12:34:56.1234567 +05:30": "2024-05-01T07:04:56.1234567Z",
    "2024-05-01 12:34:56+00:00": "2024-05-01T12:34:56Z",
    # and what lies between them
    "2024-05-01t12:34:56z": "2024-05-01T12:34:56Z",
    " 2024-05-01T12:34:56Z ": "2024-05-01T12:34:56Z",
    "2024-05-01 12:34:56.000": "2024-05-01T12:34:56.000Z",
    "2024-05-01T12:34:56,5Z": "2024-05-01T12:34:56.5Z",
    "2024-05-01T12:34:56 GMT": "2024-05-01T12:34:56Z",
    "2024-05-01 12:34": "2024-05-01T12:34:00Z",
    "2024-05-01T12:34:56-9:30": "2024-05-01T22:04:56Z",
    "2024-05-01T12:34:56+00:00:30": "2024-05-01T12:34:26Z",
    "2026-W02-1T09:30:00Z": "2026-01-05T09:30:00Z",
    "0999-05-01 00:00:00Z": "0999-05-01T00:00:00Z",
    "9999-12-31 23:59:59.999999999Z": "9999-12-31T23:59:59.999999999Z",
}
DOUBTFUL = [
    "",
    "soon",
    "01/02/2024",
    "01.02.2024 12:00",
    "1767605400",
    "2024-05-01 12:34:56 EST",
    "2024-05-01 12:34:56 Asia/Seoul",
    "2024-05-01 12:34:56 +100",
    "2024-05-01 12:34:56 +100:00",
    "2024-05-01T12:34:56+24:00",
    "2024-05-01T12:34:56+09:60",
    "2024-05-01T12:34:56 PM",
    "2024-05-01X12:34:56",
    "2024-02-30T12:34:56Z",
    "2024-05-01T25:00:00Z",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-10:00",
    "infinity",
    "\uff12\uff10\uff12\uff14-05-01",
]


@pytest.mark.parametrize(("text", "sent"), READ.items())
def test_a_time_that_can_be_read_is_sent_in_a_form_that_vendors_read(text, sent):
    assert sent_time(text) == sent


@pytest.mark.parametrize("text", DOUBTFUL)
def test_a_time_that_is_in_doubt_is_not_sent(text):
    assert sent_time(text) is None
    assert read_time(text) is None


@pytest.mark.parametrize("text", [*READ, *DOUBTFUL, 7, None, ["2026-01-05"]])
def test_the_sandbox_reads_what_the_destination_reads(text):
    time = read_time(text) if isinstance(text, str) else None
    moment = read_moment(text)
    if time is None:
        assert moment is None
    else:
        assert moment == pytest.approx(time.seconds + float(f"0.{time.fraction or 0}"), abs=0.002)


@pytest.mark.parametrize("text", READ)
def test_the_sandbox_takes_events_and_purchases_with_such_a_time(text, encoded):
    event = encoded("events", {"EXTERNAL_ID": "c", "PAYLOAD": {"name": "n", "time": text}})
    assert check_event(event) is None
    bought = {"product_id": "p", "currency": "USD", "price": 1, "time": text}
    assert check_purchase(encoded("purchases", {"EXTERNAL_ID": "c", "PAYLOAD": bought})) is None


MOMENTS = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - the zone comes with the form
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@st.composite
def written_times(draw):
    moment = draw(MOMENTS).replace(microsecond=0)
    sign, minutes = ("-", -moment.utcoffset()) if moment.utcoffset() < timedelta() else ("+", moment.utcoffset())
    hours, minutes = divmod(minutes.seconds // 60, 60)
    zones = [f"{hours:02}:{minutes:02}", f"{hours:02}{minutes:02}", f"{hours}:{minutes:02}"]
    zones = [sign + zone for zone in zones] + ([f"{sign}{hours:02}"] if minutes == 0 else [])
    zones += ["Z", "z", "UTC", "Gmt"] if (hours, minutes) == (0, 0) else []
    date, clock = moment.replace(tzinfo=None).isoformat().split("T")
    fraction = draw(st.sampled_from(["", ".", ",", ":"]))
    fraction += draw(st.text("0123456789", min_size=1, max_size=9)) if fraction else ""
    parts = date, draw(st.sampled_from("T ")), clock, fraction, draw(st.sampled_from(["", " "]))
    return "".join([*parts, draw(st.sampled_from(zones))]), moment


@settings(max_examples=300, deadline=None)
@given(written_times())
def test_whatever_the_form_the_moment_stays_the_same(written):
    text, moment = written
    sent = sent_time(text)
    assert sent is not None
    assert datetime.fromtimestamp(read_moment(sent) // 1, UTC) == moment
    assert read_time(sent).seconds == read_time(text).seconds


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789-:.,+ TtZzWUCG", max_size=32) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[ +-]\d{1,6}"))
def test_what_is_sent_is_taken_by_the_sandbox(text):
    sent = sent_time(text)
    assert (sent is None) == (read_time(text) is None) == (read_moment(text) is None)
    if sent is not None:
        assert read_moment(sent) == read_moment(text)
    if is_usual_time(text):
        assert sent == text
