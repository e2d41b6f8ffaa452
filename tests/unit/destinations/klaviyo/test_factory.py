"""Making a Klaviyo destination: arguments, contracts, limits, rates."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from support.klaviyo_rows import make

from airflow_provider_cdi.destinations.klaviyo import DATA_TYPES, KlaviyoLimits
from airflow_provider_cdi.engine.abilities import JobDestination
from airflow_provider_cdi.engine.ports import Destination, Rate
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError

LIMITS = [limit.name for limit in dataclasses.fields(KlaviyoLimits) if limit.name != "silent_domains"]


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_the_contract_carries_the_data_type(data_type):
    destination: Destination = make(data_type)
    assert destination.contract.data_type == data_type
    assert destination.contract.identifiers == ("KLAVIYO_ID", "EMAIL", "PHONE_NUMBER", "EXTERNAL_ID")


def test_profiles_are_worked_on_as_jobs_and_events_are_not():
    assert isinstance(make("profiles"), JobDestination)
    assert not isinstance(make("events"), JobDestination)


@pytest.mark.parametrize(
    ("data_type", "options", "words"),
    [
        ("profile", {}, "profiles, events"),
        ("events", {"null_policy": "clear"}, "null_policy goes with profiles only"),
        ("events", {"list_ids": ["A"], "update_only": True}, "list_ids goes with profiles only"),
        ("profiles", {"metric": "M"}, "metric goes with events only"),
        ("profiles", {"backfill": True}, "backfill goes with events only"),
        ("profiles", {"null_policy": "drop"}, "keep, clear"),
        ("profiles", {"list_ids": "LiSt01"}, "list of list ids"),
        ("profiles", {"list_ids": ["a/b"]}, "list of list ids"),
        ("events", {"metric": " "}, "1 to 127"),
        ("events", {"metric": "x" * 128}, "1 to 127"),
        ("events", {"rate_share": 0}, "rate_share"),
        ("profiles", {"rate_share": 1.1}, "rate_share"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(data_type, options, words):
    with pytest.raises(ConfigurationError, match=words):
        make(data_type, **options)


@pytest.mark.parametrize(("data_type", "records"), [("profiles", 10_000), ("events", 1_000)])
def test_batches_keep_to_klaviyos_documented_limits(data_type, records):
    limits = make(data_type).limits
    assert limits.records == records
    assert limits.body_bytes < 5_000_000


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "75", None])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_must_be_a_whole_number_above_zero(name, value):
    with pytest.raises(ConfigurationError, match=name):
        KlaviyoLimits(**{name: value})


def test_nesting_stays_within_what_can_be_measured():
    with pytest.raises(ConfigurationError, match="200"):
        KlaviyoLimits(event_nesting=201)


def test_each_endpoint_has_budgets_of_its_own_on_both_clocks():
    rates = make("profiles").rates
    assert rates["POST /api/profile-bulk-import-jobs"] == (Rate(9, 1), Rate(135, 60))
    assert rates["GET /api/profiles"] == (Rate(67, 1), Rate(675, 60))
    assert make("events", rate_share=1).rates == {
        "POST /api/event-bulk-create-jobs": (Rate(10, 1), Rate(150, 60)),
        "GET /api/profiles": (Rate(75, 1), Rate(750, 60)),
    }


def test_a_small_share_still_lets_one_request_through():
    assert make("events", rate_share=0.01).rates["POST /api/event-bulk-create-jobs"] == (Rate(1, 1), Rate(1, 60))


@pytest.mark.parametrize("update_only", [False, True])
def test_every_request_counts_against_a_budget(update_only):
    destination = make("profiles", update_only=update_only)
    records = destination.encode(_one_row())
    assert destination.request(records).family in destination.rates
    assert destination.attach("J", records).request.family in destination.rates


def _one_row():
    from support.klaviyo_rows import rows_of

    return rows_of(EMAIL=["a@b.io"])


# --- contracts and tables -------------------------------------------------------------------------------


def columns_of(available, data_type="profiles", options=None, **kwargs):
    return select_columns(make(data_type, **(options or {})).contract, available.split(), **kwargs)


def test_a_table_of_columns_needs_no_payload():
    selection = columns_of("UPDATED_AT EMAIL FIRST_NAME LOCATION___CITY LOYALTY___TIER visits")
    assert selection.optional == {
        "FIRST_NAME": "FIRST_NAME",
        "CITY": "LOCATION___CITY",
        "LOYALTY___TIER": "LOYALTY___TIER",
        "visits": "visits",
    }


@pytest.mark.parametrize(
    ("other_columns", "taken"), [(None, []), (False, []), (True, ["visits"])], ids=["default", "ignored", "taken"]
)
def test_a_table_with_a_payload_gives_its_other_columns_only_when_asked(other_columns, taken):
    selection = columns_of("UPDATED_AT EMAIL PROPERTIES visits", options={"other_columns": other_columns})
    assert (selection.payload, list(selection.optional)) == ("PROPERTIES", taken)


def test_other_columns_can_be_ignored():
    assert columns_of("UPDATED_AT EMAIL visits", options={"other_columns": False}).optional == {}


def test_events_need_a_time_of_their_own():
    with pytest.raises(SourceError, match="no EVENT_TIME column"):
        columns_of("UPDATED_AT EMAIL METRIC_NAME", "events")
    with pytest.raises(SourceError, match="cannot be both"):
        columns_of("UPDATED_AT EMAIL METRIC_NAME", "events", columns={"EVENT_TIME": "UPDATED_AT"})


def test_importing_the_limits_is_cheap():
    program = (
        "import sys; from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits, klaviyo_destination; "
        "sys.exit(bool({'pyarrow', 'orjson', 'airflow', 'phonenumbers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
