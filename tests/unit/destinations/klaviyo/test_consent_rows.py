"""Rows of consent and deletion: contracts, channels, moments, what is sent of a row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from support.klaviyo_rows import ADA, AT, code_of, encode_row, make, rows_of

from airflow_provider_cdi.destinations.klaviyo import CONSENT_TYPES, ConsentArguments, KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.responses.consent_codes import (
    CONSENT_ANSWER_CODES,
    CONSENT_CODES,
    CONSENT_ROW_CODES,
)
from airflow_provider_cdi.engine.abilities import JobDestination
from airflow_provider_cdi.engine.ports import Destination, Rate
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError

DOCS = Path(__file__).parents[4] / "docs" / "rejects.md"
PHONE = {"PHONE_NUMBER": "+4915112345678"}
LONG_AGO = datetime(2025, 3, 1, 12, tzinfo=UTC)
EMAIL, SMS = ConsentArguments(channels=["email_marketing"]), ConsentArguments(channels=["sms_marketing"])
HISTORICAL = ConsentArguments(channels=["email_marketing"], historical_import=True)


def attributes(row, data_type="subscribe", consent=EMAIL, **options):
    record = encode_row(row, data_type, consent=consent, **options)
    assert isinstance(record, Record), record
    return json.loads(record.body)["attributes"]


def channels(row, data_type="subscribe", consent=None):
    found = attributes(row, data_type, consent or ConsentArguments())["subscriptions"]
    return {f"{medium}.{purpose}" for medium, purposes in found.items() for purpose in purposes}


# --- contracts and arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_the_contract_carries_the_data_type(data_type):
    destination: Destination = make(data_type)
    assert destination.contract.data_type == data_type


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_a_table_with_a_payload_is_refused(data_type):
    with pytest.raises(SourceError, match="PAYLOAD"):
        select_columns(make(data_type).contract, ["UPDATED_AT", "EMAIL", "PAYLOAD"])


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_only_suppressions_are_worked_on_as_jobs(data_type):
    assert isinstance(make(data_type), JobDestination) is (data_type in ("suppress", "unsuppress"))


@pytest.mark.parametrize(
    ("data_type", "records", "rate"),
    [
        ("subscribe", 100, (67, 675)),
        ("unsubscribe", 100, (67, 675)),
        ("suppress", 100, (67, 675)),
        ("unsuppress", 100, (67, 675)),
        ("privacy_deletions", 1, (2, 54)),
    ],
)
def test_batches_and_rates_keep_to_klaviyos_documented_limits(data_type, records, rate):
    destination = make(data_type)
    assert (destination.limits.records, destination.limits.body_bytes < 5_000_000) == (records, True)
    sent = [rates for family, rates in destination.rates.items() if family.startswith("POST")]
    assert sent == [(Rate(rate[0], 1), Rate(rate[1], 60))]


def test_where_nobody_is_looked_up_a_thousand_people_fit_into_a_request():
    assert make("subscribe", consent=ConsentArguments(allow_resubscribe=True)).limits.records == 1_000


@pytest.mark.parametrize(
    ("data_type", "records"), [("subscribe", 50), ("unsubscribe", 40), ("suppress", 30), ("unsuppress", 30)]
)
def test_the_limits_can_be_chosen(data_type, records):
    limits = KlaviyoLimits(subscribe_profiles=50, unsubscribe_profiles=40, suppress_emails=30)
    assert make(data_type, limits=limits).limits.records == records


@pytest.mark.parametrize(
    ("data_type", "options", "words"),
    [
        ("profiles", {"consent": EMAIL}, "channels goes with subscribe and unsubscribe only"),
        ("suppress", {"consent": EMAIL}, "channels goes with subscribe and unsubscribe only"),
        ("unsubscribe", {"consent": ConsentArguments(list_id="LiSt01")}, "list_id goes with subscribe only"),
        ("unsubscribe", {"consent": ConsentArguments(allow_resubscribe=True)}, "allow_resubscribe goes with subscribe"),
        ("subscribe", {"list_ids": ["LiSt01"]}, "list_ids goes with profiles only"),
        ("subscribe", {"other_columns": True}, "other_columns goes with profiles and events only"),
        ("subscriptions", {}, "subscribe, unsubscribe"),
    ],
)
def test_arguments_of_other_data_types_are_refused(data_type, options, words):
    with pytest.raises(ConfigurationError, match=words):
        make(data_type, **options)


@pytest.mark.parametrize("arguments", [{"channels": "email_marketing"}, {"channels": ["fax"]}, {"list_id": "a/b"}])
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ConfigurationError, match="give"):
        ConsentArguments(**arguments)


def test_a_historical_import_needs_a_column_for_the_time_of_the_consent():
    contract = make("subscribe", consent=HISTORICAL).contract
    with pytest.raises(SourceError, match="no CONSENTED_AT column"):
        select_columns(contract, ["UPDATED_AT", "EMAIL"])


@pytest.mark.parametrize("data_type", ["subscribe", "unsubscribe"])
def test_a_source_that_names_no_channel_is_refused(data_type):
    with pytest.raises(SourceError, match="channels="):
        make(data_type).encode(rows_of(EMAIL=["a@b.io"]))


# --- channels -------------------------------------------------------------------------------------------


def test_a_fixed_channel_is_for_every_row():
    assert channels(ADA, consent=EMAIL) == {"email.marketing"}


@pytest.mark.parametrize("said", [True, 1, "1", "true", "Yes", "SUBSCRIBED"])
def test_a_channel_column_that_says_yes_subscribes(said):
    assert channels({**ADA, "EMAIL_MARKETING": said}) == {"email.marketing"}
    assert code_of({**ADA, "EMAIL_MARKETING": said}, "unsubscribe") == "consent_missing"


@pytest.mark.parametrize("said", [False, 0, "0", "false", "No", "UNSUBSCRIBED"])
def test_a_channel_column_that_says_no_unsubscribes(said):
    assert channels({**ADA, "EMAIL_MARKETING": said}, "unsubscribe") == {"email.marketing"}
    assert code_of({**ADA, "EMAIL_MARKETING": said}, "subscribe") == "consent_missing"


@pytest.mark.parametrize("said", [pa.nulls(1, pa.bool_()), " ", "NEVER_SUBSCRIBED"])
@pytest.mark.parametrize("data_type", ["subscribe", "unsubscribe"])
def test_a_channel_column_can_say_nothing(data_type, said):
    assert code_of({**ADA, "EMAIL_MARKETING": said}, data_type) == "consent_missing"


def test_a_row_is_for_all_channels_that_say_yes():
    row = {**ADA, **PHONE, "EMAIL_MARKETING": True, "EMAIL_OPEN_TRACKING": False, "SMS_MARKETING": "yes"}
    assert channels(row) == {"email.marketing", "sms.marketing"}


def test_a_column_goes_before_what_is_assumed_for_a_fixed_channel():
    assert code_of({**ADA, "EMAIL_MARKETING": False}, "subscribe", consent=EMAIL) == "consent_missing"


def test_channels_that_a_sync_is_not_about_are_not_looked_at():
    assert channels({**ADA, "EMAIL_MARKETING": True, "SMS_MARKETING": True}, consent=EMAIL) == {"email.marketing"}
    assert "SMS_MARKETING" not in make("subscribe", consent=EMAIL).contract.optional


# --- what is sent of a row ------------------------------------------------------------------------------


def test_a_consent_names_only_the_identifiers_that_its_channels_need():
    assert "phone_number" not in attributes({**ADA, **PHONE})
    assert "email" not in attributes({**ADA, **PHONE}, consent=SMS)
    push = ConsentArguments(channels=["push_marketing"])
    assert {"email", "phone_number"} <= attributes({**ADA, **PHONE}, consent=push).keys()


def test_rows_of_a_person_keep_their_order_whatever_is_sent_of_them():
    keys = {encode_row({**ADA, **PHONE}, "subscribe", consent=consent).key for consent in (EMAIL, SMS)}
    assert keys == {"email:ada@acme-demo.io"}


def test_a_historical_import_says_when_the_consent_was_given():
    said = attributes({**ADA, "CONSENTED_AT": LONG_AGO}, consent=HISTORICAL)["subscriptions"]["email"]["marketing"]
    assert said == {"consent": "SUBSCRIBED", "consented_at": "2025-03-01T12:00:00+00:00"}


def test_tracking_has_no_time_of_its_own():
    both = ConsentArguments(channels=["email_marketing", "email_open_tracking"], historical_import=True)
    said = attributes({**ADA, "CONSENTED_AT": LONG_AGO}, consent=both)["subscriptions"]["email"]
    assert ("consented_at" in said["marketing"], "consented_at" in said["open_tracking"]) == (True, False)


def test_without_a_historical_import_no_time_is_sent():
    said = attributes({**ADA, "CONSENTED_AT": LONG_AGO})["subscriptions"]["email"]["marketing"]
    assert said == {"consent": "SUBSCRIBED"}


@pytest.mark.parametrize("born", [date(1990, 1, 31), "1990-01-31", " 1990-01-31 "])
def test_a_date_of_birth_goes_along_for_the_age_gate(born):
    assert attributes({**ADA, "AGE_GATED_DATE_OF_BIRTH": born})["age_gated_date_of_birth"] == "1990-01-31"


def test_a_request_carries_the_list_and_the_source():
    arguments = ConsentArguments(
        channels=["email_marketing"], list_id="LiSt01", custom_source="Shop till", historical_import=True,
        allow_resubscribe=True,
    )  # fmt: skip
    destination = make("subscribe", consent=arguments)
    records = destination.encode(
        rows_of(**{name: [value] for name, value in {**ADA, "CONSENTED_AT": LONG_AGO}.items()})
    )
    data = json.loads(destination.request(records).body)["data"]
    assert data["type"] == "profile-subscription-bulk-create-job"
    assert (data["attributes"]["custom_source"], data["attributes"]["historical_import"]) == ("Shop till", True)
    assert data["relationships"] == {"list": {"data": {"type": "list", "id": "LiSt01"}}}
    assert len(data["attributes"]["profiles"]["data"]) == 1


def test_an_unsubscription_names_no_list():
    destination = make("unsubscribe", consent=EMAIL)
    data = json.loads(destination.request(destination.encode(rows_of(EMAIL=["a@b.io"]))).body)["data"]
    assert "relationships" not in data
    (profile,) = data["attributes"]["profiles"]["data"]
    assert profile["attributes"]["subscriptions"] == {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        (ADA, {"type": "profile", "attributes": {"email": "ada@acme-demo.io"}}),
        (PHONE, {"type": "profile", "attributes": {"phone_number": "+4915112345678"}}),
        ({"KLAVIYO_ID": "01K"}, {"type": "profile", "id": "01K", "attributes": {}}),
    ],
)
def test_a_deletion_names_its_profile_by_one_identifier(row, sent):
    destination = make("privacy_deletions")
    body = destination.request([encode_row(row, "privacy_deletions")]).body
    assert json.loads(body)["data"]["attributes"]["profile"]["data"] == sent


# --- two rows of one person -----------------------------------------------------------------------------


def merged(data_type, consent, *rows):
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    destination = make(data_type, consent=consent)
    older, newer = destination.encode(rows_of(**columns))
    older.row, newer.row = 0, 1
    return destination.merge(older, newer), older


def test_the_newer_of_two_consents_counts_channel_by_channel():
    merge, older = merged(
        "subscribe",
        ConsentArguments(),
        {**ADA, **PHONE, "EMAIL_MARKETING": True, "SMS_MARKETING": None},
        {**ADA, **PHONE, "EMAIL_MARKETING": None, "SMS_MARKETING": True},
    )
    assert (merge.dropped, merge.reason, merge.kept.row) == (older, "superseded", 1)
    sent = json.loads(merge.kept.body)["attributes"]
    assert sent["subscriptions"].keys() == {"email", "sms"}
    assert {"email", "phone_number"} <= sent.keys()


def test_consents_to_two_numbers_of_one_person_are_both_sent():
    both = ConsentArguments(channels=["email_marketing", "sms_marketing"])
    merge, _ = merged("subscribe", both, {**ADA, **PHONE}, {**ADA, "PHONE_NUMBER": "+4915187654321"})
    assert merge is None


@pytest.mark.parametrize("data_type", ["suppress", "unsuppress"])
def test_an_address_is_suppressed_once(data_type):
    merge, older = merged(data_type, ConsentArguments(), ADA, {"EMAIL": "Ada@acme-demo.io"})
    assert (merge.dropped, merge.reason) == (older, "superseded")


# --- repeats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data_type", "consent", "harmless"),
    [
        ("subscribe", EMAIL, False),
        ("subscribe", HISTORICAL, True),
        ("unsubscribe", EMAIL, True),
        ("suppress", ConsentArguments(), True),
        ("privacy_deletions", ConsentArguments(), True),
    ],
)
def test_only_a_subscription_that_may_send_mails_must_not_be_repeated(data_type, consent, harmless):
    assert make(data_type, consent=consent).repeat_is_harmless([]) is harmless


# --- rejects --------------------------------------------------------------------------------------------

#: code, data type, arguments, a row that gets it
ROWS = [
    ("consent_missing", "subscribe", ConsentArguments(), {**ADA, "EMAIL_MARKETING": False}),
    ("consent_invalid", "subscribe", ConsentArguments(), {**ADA, "EMAIL_MARKETING": "secret-value"}),
    ("channel_identifier_missing", "subscribe", SMS, ADA),
    ("consented_at_missing", "subscribe", HISTORICAL, {**ADA, "CONSENTED_AT": pa.nulls(1, pa.timestamp("us"))}),
    ("consented_at_invalid", "subscribe", EMAIL, {**ADA, "CONSENTED_AT": "secret-value"}),
    ("consented_at_in_future", "subscribe", EMAIL, {**ADA, "CONSENTED_AT": datetime(2026, 1, 6, tzinfo=UTC)}),
    ("push_tokens_missing", "unsubscribe", ConsentArguments(channels=["push_marketing"]), ADA),
    (
        "push_tokens_invalid",
        "unsubscribe",
        ConsentArguments(channels=["push_marketing"]),
        {**ADA, "PUSH_TOKENS": "secret-value"},
    ),
    ("date_of_birth_invalid", "subscribe", SMS, {**PHONE, "AGE_GATED_DATE_OF_BIRTH": "31.1.1990 secret-value"}),
    ("several_identifiers", "privacy_deletions", ConsentArguments(), {**ADA, **PHONE}),
]


@pytest.mark.parametrize(("code", "data_type", "consent", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_that_cannot_be_sent_is_named_with_its_code_and_without_its_values(code, data_type, consent, row):
    result = encode_row(row, data_type, consent=consent)
    assert isinstance(result, Rejection)
    assert (result.code, "secret-value" in result.reason) == (code, False)


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_a_bad_address_is_named_before_anything_is_sent(data_type):
    consent = EMAIL if data_type.endswith("subscribe") else ConsentArguments()
    assert code_of({"EMAIL": "nobody"}, data_type, consent=consent) == "email_invalid"
    assert code_of({"EMAIL": None}, data_type, consent=consent) == "identifier_missing"


def test_a_consent_of_the_year_infinity_is_named():
    infinity = pa.array([2**62], pa.timestamp("us"))
    assert code_of({**ADA, "CONSENTED_AT": infinity}, "subscribe", consent=EMAIL) == "consented_at_in_future"
    past = pa.array([-(2**62)], pa.timestamp("us"))
    assert code_of({**ADA, "CONSENTED_AT": past}, "subscribe", consent=EMAIL) == "consented_at_invalid"


def test_the_time_of_a_consent_must_be_a_time():
    with pytest.raises(SourceError, match="CONSENTED_AT"):
        make("subscribe", consent=EMAIL).encode(rows_of(EMAIL=["a@b.io"], CONSENTED_AT=[5]))


def test_a_consent_is_as_old_as_it_says_or_as_the_row():
    def moment(row):
        (found,) = encode_row(row, "subscribe", consent=EMAIL).consent.moments.values()
        return found

    assert moment(ADA) == int(AT.timestamp())
    assert moment({**ADA, "CONSENTED_AT": LONG_AGO}) == int(LONG_AGO.timestamp())
    assert moment({**ADA, "CONSENTED_AT": "2025-03-01T13:00:00+01:00"}) == int(LONG_AGO.timestamp())
    assert moment({**ADA, "CONSENTED_AT": date(2025, 3, 1)}) == int(LONG_AGO.timestamp()) - 43_200


def test_the_tests_know_every_code_that_is_found_before_sending():
    assert {code for code, *_ in ROWS} == set(CONSENT_ROW_CODES)


def test_the_docs_list_every_code_once_with_its_meaning_and_cure():
    section = DOCS.read_text().partition("## Consent and deletions in Klaviyo")[2].partition("\n## ")[0]
    listed = [line for line in section.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{name}` | {code.cells()} |" for name, code in CONSENT_CODES.items()]
    assert all(name.startswith("klaviyo_") for name in CONSENT_ANSWER_CODES)
