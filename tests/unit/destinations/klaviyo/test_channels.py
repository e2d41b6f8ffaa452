"""The channels of one row do not share a refusal: what can be delivered is, and the row says what could not."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from support.klaviyo_rows import ADA, encode_row, make, rows_of
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.consent.channels import CHANNELS
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, FollowUp, Response, Throttled
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.testing.virtual_time import NOON

ROWS = "/data/attributes/profiles/data"
NUMBER = "+4915112345678"
BOTH = {**ADA, "PHONE_NUMBER": NUMBER}
TOKEN = {"token": "t-1", "platform": "ios", "vendor": "apns"}
NO = ConsentArguments()
LEAVE = "POST /api/profile-subscription-bulk-delete-jobs"


def sent(record):
    """Say what a record sends: its identifiers, and its channels as ``email.marketing``."""
    assert isinstance(record, Record), record
    attributes = json.loads(record.body)["attributes"]
    choices = attributes.pop("subscriptions")
    return set(attributes), {f"{medium}.{purpose}" for medium, purposes in choices.items() for purpose in purposes}


def leave(row, **options):
    return encode_row(row, "unsubscribe", **options)


def refusing(*errors):
    """Give the answer that points at parts of rows: place, rest of the pointer, sentence."""
    told = [
        {"detail": detail, "source": {"pointer": f"{ROWS}/{place}/attributes/{part}"}} for place, part, detail in errors
    ]
    return Response(400, {}, json.dumps({"errors": told}).encode())


ACCEPTED = Response(202, {}, b"")


# --- found before sending -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code", "identifiers", "channels"),
    [
        ({**ADA, "EMAIL_MARKETING": False, "PUSH_MARKETING": False}, "push_tokens_missing", {"email"}, {"email"}),
        (
            {**ADA, "EMAIL_MARKETING": False, "PUSH_MARKETING": False, "PUSH_TOKENS": "none"},
            "push_tokens_invalid",
            {"email"},
            {"email"},
        ),
        (
            {**ADA, "EMAIL_MARKETING": False, "SMS_MARKETING": False},
            "channel_identifier_missing",
            {"email"},
            {"email"},
        ),
        (
            {**ADA, "PHONE_NUMBER": "0151", "EMAIL_MARKETING": False, "SMS_MARKETING": False},
            "phone_invalid",
            {"email"},
            {"email"},
        ),
        (
            {"EMAIL": "nobody", "PHONE_NUMBER": NUMBER, "EMAIL_MARKETING": False, "SMS_MARKETING": False},
            "email_invalid",
            {"phone_number"},
            {"sms"},
        ),
        (
            {**BOTH, "EMAIL": "x" * 99 + "@acme-demo.io", "EMAIL_MARKETING": "no", "SMS_MARKETING": "no"},
            "identifier_too_long",
            {"phone_number"},
            {"sms"},
        ),
        ({**BOTH, "EMAIL_MARKETING": "perhaps", "SMS_MARKETING": "no"}, "consent_invalid", {"phone_number"}, {"sms"}),
    ],
)
def test_a_channel_that_cannot_be_left_holds_up_no_other(row, code, identifiers, channels):
    record = leave(row)
    assert sent(record) == (identifiers, {f"{channel}.marketing" for channel in channels})
    why = record.consent.shortfall
    assert why.code == code
    assert why.reason.endswith(f"Delivered all the same: {', '.join(channels).upper()}_MARKETING.")


def test_the_reason_holds_no_value_of_the_row():
    reason = leave({**BOTH, "EMAIL_MARKETING": "perhaps", "SMS_MARKETING": False}).consent.shortfall.reason
    assert "perhaps" not in reason
    assert NUMBER not in reason


def test_a_row_of_which_nothing_can_be_delivered_is_rejected_as_before():
    assert leave({**ADA, "PUSH_MARKETING": False}).code == "push_tokens_missing"
    assert leave({**ADA, "SMS_MARKETING": False}).code == "channel_identifier_missing"
    assert leave({"EMAIL": "nobody", "PHONE_NUMBER": "0151", "EMAIL_MARKETING": False}).code == "email_invalid"
    assert leave({**ADA, "EMAIL_MARKETING": True}).code == "consent_missing"


def test_a_number_that_no_channel_of_the_row_needs_does_not_matter():
    record = leave({**ADA, "PHONE_NUMBER": "0151", "EMAIL_MARKETING": False})
    assert (sent(record), record.consent.shortfall) == (({"email"}, {"email.marketing"}), None)


def test_a_bad_date_of_birth_holds_up_sms_only():
    row = {**BOTH, "EMAIL_MARKETING": True, "SMS_MARKETING": True, "AGE_GATED_DATE_OF_BIRTH": "31.1.1990"}
    record = encode_row(row, "subscribe")
    assert sent(record) == ({"email"}, {"email.marketing"})
    assert record.consent.shortfall.code == "date_of_birth_invalid"
    assert encode_row({**row, "EMAIL_MARKETING": None}, "subscribe").code == "date_of_birth_invalid"


# --- push and its tokens --------------------------------------------------------------------------------


def tokens_of(value, data_type="unsubscribe"):
    said = data_type == "subscribe"
    record = encode_row({**ADA, "PUSH_MARKETING": said, "PUSH_TOKENS": value}, data_type)
    if isinstance(record, Rejection):
        return record.code
    return json.loads(record.body)["attributes"]["subscriptions"]["push"].get("tokens")


STRUCTS = pa.list_(pa.struct([("token", pa.string()), ("platform", pa.string()), ("vendor", pa.string())]))


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (json.dumps([TOKEN]), [TOKEN]),
        (pa.array([[TOKEN]], STRUCTS), [TOKEN]),
        (json.dumps([TOKEN | {"enablement_status": "DENIED"}]), [TOKEN | {"enablement_status": "DENIED"}]),
        *((empty, "push_tokens_missing") for empty in ("", "  ", "[]", "null", pa.nulls(1, pa.string()))),
        *(
            (wrong, "push_tokens_invalid")
            for wrong in (
                "t-1",
                '"t-1"',
                '["t-1"]',
                json.dumps(TOKEN),
                json.dumps([TOKEN | {"platform": "windows"}]),
                json.dumps([TOKEN | {"token": ""}]),
                json.dumps([TOKEN | {"user": "x"}]),
                json.dumps([{"token": "t-1"}]),
                pa.array([["t-1"]], pa.list_(pa.string())),
                pa.array([b"\xff"], pa.binary()),
            )
        ),
    ],
)
def test_push_is_left_with_its_tokens_or_refused_for_itself(value, tokens):
    assert tokens_of(value) == tokens


def test_who_subscribes_to_push_may_name_tokens():
    assert tokens_of(json.dumps([TOKEN]), "subscribe") == [TOKEN]
    assert tokens_of("", "subscribe") is None
    assert tokens_of("t-1", "subscribe") == "push_tokens_invalid"


def test_two_rows_of_a_person_leave_with_the_tokens_of_both():
    other = TOKEN | {"token": "t-2"}
    older, newer = make("unsubscribe").encode(
        rows_of(
            EMAIL=["ada@acme-demo.io"] * 2,
            PUSH_MARKETING=[False] * 2,
            PUSH_TOKENS=[json.dumps([TOKEN]), json.dumps([other])],
        )
    )
    merge = make("unsubscribe").merge(older, newer)
    assert json.loads(merge.kept.body)["attributes"]["subscriptions"]["push"]["tokens"] == [TOKEN, other]


def test_a_row_of_which_a_part_is_refused_keeps_an_outcome_of_its_own():
    older, newer = make("unsubscribe").encode(
        rows_of(EMAIL=["ada@acme-demo.io"] * 2, EMAIL_MARKETING=["no", "no"], SMS_MARKETING=["no", None])
    )
    assert older.consent.refused
    assert make("unsubscribe").merge(older, newer) is None


# --- WhatsApp -------------------------------------------------------------------------------------------


def test_a_no_to_everything_reaches_every_channel():
    row = {**BOTH, "PUSH_TOKENS": json.dumps([TOKEN])} | {channel.column: False for channel in CHANNELS.values()}
    record = leave(row)
    named = {f"{channel.medium}.{channel.purpose}" for channel in CHANNELS.values()}
    assert sent(record) == ({"email", "phone_number"}, named | {"push.tokens"})
    assert "whatsapp.conversational" in named
    assert record.consent.shortfall is None


def test_nobody_is_subscribed_to_whatsapp_conversations():
    row = {**BOTH, "EMAIL_MARKETING": True, "WHATSAPP_CONVERSATIONAL": True}
    assert sent(encode_row(row, "subscribe"))[1] == {"email.marketing"}
    with pytest.raises(ConfigurationError, match="only unsubscribed"):
        make("subscribe", consent=ConsentArguments(channels=["whatsapp_conversational"]))
    record = leave(BOTH, consent=ConsentArguments(channels=["whatsapp_conversational"]))
    assert sent(record) == ({"phone_number"}, {"whatsapp.conversational"})


# --- what Klaviyo refuses -------------------------------------------------------------------------------


def three():
    """Three people who leave e-mail and SMS."""
    destination = make("unsubscribe")
    emails, numbers = [f"p{n}@acme-demo.io" for n in range(3)], [f"+491511234560{n}" for n in range(3)]
    rows = rows_of(EMAIL=emails, PHONE_NUMBER=numbers, EMAIL_MARKETING=["no"] * 3, SMS_MARKETING=["no"] * 3)
    return destination, destination.encode(rows)


@pytest.mark.parametrize(
    ("part", "refused", "left"),
    [
        ("phone_number", "SMS", {"email"}),
        ("subscriptions/sms", "SMS", {"email"}),
        ("subscriptions/sms/marketing/consent", "SMS", {"email"}),
        ("email", "EMAIL", {"phone_number"}),
        ("subscriptions/email/marketing", "EMAIL", {"phone_number"}),
    ],
)
def test_a_channel_that_klaviyo_refuses_is_left_out_and_the_rest_of_the_row_is_sent_again(part, refused, left):
    destination, records = three()
    step = destination.interpret_response(refusing((1, part, "Not so")), records)
    assert isinstance(step, FollowUp)
    profiles = json.loads(step.request.body)["data"]["attributes"]["profiles"]["data"]
    assert [set(profile["attributes"]) - {"subscriptions"} for profile in profiles] == [
        {"email", "phone_number"},
        left,
        {"email", "phone_number"},
    ]
    verdict = step.read(ACCEPTED)
    assert list(verdict.rejected) == [1]
    delivered = ({"SMS", "EMAIL"} - {refused}).pop()
    assert verdict.rejected[1].reason.startswith(f"{refused}_MARKETING: Klaviyo: Not so")
    assert verdict.rejected[1].reason.endswith(f"Delivered all the same: {delivered}_MARKETING.")


def test_a_row_of_which_klaviyo_refuses_everything_is_rejected_beside_one_that_goes_in_part():
    destination, records = three()
    step = destination.interpret_response(refusing((0, "phone_number", "No."), (2, "nothing", "All of it")), records)
    verdict = step.read(refusing((0, "email", "Neither")))
    assert isinstance(verdict, FollowUp)
    verdict = verdict.read(ACCEPTED)
    assert {place: each.code for place, each in verdict.rejected.items()} == {
        0: "klaviyo_email_invalid",
        2: "klaviyo_rejected",
    }


def test_whole_rows_that_klaviyo_refuses_are_named_to_the_engine():
    destination, records = three()
    verdict = destination.interpret_response(refusing((1, "nothing", "All of it")), records)
    assert isinstance(verdict, BatchRejected)
    assert set(verdict.named) == {1}


def test_what_points_at_nothing_that_was_sent_refuses_the_row_and_ends():
    record = leave({**ADA, "EMAIL_MARKETING": False})
    verdict = make("unsubscribe").interpret_response(refusing((0, "phone_number", "It is missing")), [record])
    assert set(verdict.named) == {0}


def test_trouble_with_the_second_request_is_trouble():
    destination, records = three()
    step = destination.interpret_response(refusing((1, "phone_number", "No.")), records)
    assert isinstance(step.read(Response(502, {}, b"<html>")), Ambiguous)
    assert isinstance(step.read(Response(400, {}, b"<html>")), Throttled)
    assert isinstance(step.read(ACCEPTED), Completed)


# --- whole syncs ----------------------------------------------------------------------------------------


async def consents(side):
    found = await side.control("GET", "/klaviyo/profiles?limit=1000")
    return {profile["email"] or profile["phone_number"]: profile["consent"] for profile in found["profiles"]}


def test_the_opt_out_from_mail_arrives_though_push_lacks_its_tokens():
    table = {
        "EMAIL": [f"p{n}@acme-demo.io" for n in range(250)],
        "EMAIL_MARKETING": [False] * 250,
        "PUSH_MARKETING": [False] * 250,
        "PUSH_TOKENS": [json.dumps([TOKEN]) if n % 2 else None for n in range(250)],
    }
    outcome = sync_into_klaviyo(table, "unsubscribe", look=consents)
    assert outcome.error is None
    totals = outcome.totals
    assert (totals.rows_read, totals.accepted, totals.rejected) == (250, 125, 125)
    assert totals.rejects == {"push_tokens_missing": 125}
    assert all(held["email.marketing"] == "UNSUBSCRIBED" for held in outcome.seen.values())
    assert sum(held.get("push.marketing") == "UNSUBSCRIBED" for held in outcome.seen.values()) == 125
    assert all("Delivered all the same: EMAIL_MARKETING." in reject.reason for reject in outcome.journal.rejects)


def test_the_opt_outs_from_mail_all_arrive_where_no_row_has_tokens():
    """The gate for runs whose first rows are all rejected must not hold up what is delivered in part."""
    count = 1_200
    table = {
        "EMAIL": [f"p{n}@acme-demo.io" for n in range(count)],
        "EMAIL_MARKETING": [False] * count,
        "PUSH_MARKETING": [False] * count,
    }
    outcome = sync_into_klaviyo(table, "unsubscribe", look=consents)
    assert (outcome.error, outcome.totals.rejects) == (None, {"push_tokens_missing": count})
    assert sum(held["email.marketing"] == "UNSUBSCRIBED" for held in outcome.seen.values()) == 1_000  # one page


def test_the_opt_out_from_mail_arrives_though_klaviyo_refuses_the_number():
    table = {
        "EMAIL": [f"p{n}@acme-demo.io" for n in range(150)],
        "PHONE_NUMBER": ["+15551234567" if n in (3, 77, 149) else f"+4915112345{n:03}" for n in range(150)],
        "EMAIL_MARKETING": [False] * 150,
        "SMS_MARKETING": [False] * 150,
    }
    outcome = sync_into_klaviyo(table, "unsubscribe", look=consents)
    assert (outcome.error, outcome.totals.accepted, outcome.totals.rejected) == (None, 147, 3)
    assert all(outcome.seen[f"p{n}@acme-demo.io"]["email.marketing"] == "UNSUBSCRIBED" for n in range(150))
    # Each batch with a bad number goes once more without it: there is nothing to search for.
    assert len(outcome.side.family(LEAVE)) == outcome.side.answers[202] + outcome.side.answers[400]
    assert outcome.side.answers[400] <= 3


def test_a_redrive_of_a_row_that_went_in_part_changes_nothing_that_was_delivered():
    side = KlaviyoSide()
    table = {**{name: [value] for name, value in ADA.items()}, "EMAIL_MARKETING": [False], "PUSH_MARKETING": [False]}
    first = sync_into_klaviyo(table, "unsubscribe", side=side, look=consents)
    assert (first.totals.rejected, first.seen["ada@acme-demo.io"]["email.marketing"]) == (1, "UNSUBSCRIBED")
    mended = {**table, "PUSH_TOKENS": [json.dumps([TOKEN])]}
    again = sync_into_klaviyo(mended, "unsubscribe", look=consents)
    assert again.totals.accepted == 1
    assert again.seen["ada@acme-demo.io"] == {"email.marketing": "UNSUBSCRIBED", "push.marketing": "UNSUBSCRIBED"}


def test_a_yes_to_mail_is_not_held_up_by_a_bad_number():
    table = {
        "EMAIL": ["ada@acme-demo.io"],
        "PHONE_NUMBER": ["0151"],
        "EMAIL_MARKETING": [True],
        "SMS_MARKETING": [True],
    }
    outcome = sync_into_klaviyo(table, "subscribe", look=consents, now=NOON.timestamp)
    assert outcome.totals.rejects == {"phone_invalid": 1}
    assert outcome.seen["ada@acme-demo.io"] == {"email.marketing": "SUBSCRIBED"}
