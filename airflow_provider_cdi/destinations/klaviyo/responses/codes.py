"""Every code a reject can carry: what it means and what mends it. ``docs/rejects.md`` shows these tables.

Codes are stable: people filter their reject files by them. A code may be added, never renamed. Codes that mean the
same as Braze's have the same name.
"""

from __future__ import annotations

import re

from airflow_provider_cdi.destinations.klaviyo.responses.consent_codes import CONSENT_SENTENCES
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import ApiError, sentence
from airflow_provider_cdi.destinations.reject_codes import Code
from airflow_provider_cdi.engine.rows.records import Record, Rejection

#: Found before sending.
ROW_CODES: dict[str, Code] = {
    # identifiers
    "identifier_missing": Code(
        "No identifier column of the row holds a value.",
        "Fill one of the identifier columns.",
        "No: a profile has at least one identifier (profiles).",
    ),
    "identifier_unreadable": Code(
        "An identifier is not valid UTF-8, or a value that identifies nobody (bytes, a list).",
        "Mend the text in the warehouse.",
        "Cannot be said: JSON is UTF-8, and an identifier is a text (profiles).",
    ),
    "identifier_too_long": Code(
        "The e-mail address is over 100 characters, or the external id over 255.",
        "Klaviyo cannot hold it.",
        "No for an address over 100 characters (events). Not documented for external ids: Segment's "
        "connector holds 255 (segment).",
    ),
    "email_invalid": Code(
        "`EMAIL` cannot be an e-mail address; the other identifiers of the row do not save it.",
        "Mend the address, or leave it empty.",
        "No: `Invalid email address` refuses the whole request (bulk import).",
    ),
    "phone_invalid": Code(
        "`PHONE_NUMBER` is not in E.164 (`+4915112345678`); with `default_region`, it is no number that can exist.",
        "Mend the number, leave it empty, or set `default_region` for numbers without a country code; "
        '`on_bad_phone="drop"` sends the row without it.',
        "No: `Invalid phone number format` refuses the whole request (bulk import).",
    ),
    # payload and properties
    "payload_not_json": Code(
        "The payload, or a part that should be JSON, is not valid JSON (or a number in it has no finite value).",
        "Mend the text at the place that the reason names.",
        "No: a request that is no JSON is refused as a whole (errors).",
    ),
    "payload_not_object": Code(
        "The payload is JSON, but not an object.",
        "Wrap it: one object of fields per row.",
        "No: `properties` is an object (bulk import).",
    ),
    "payload_too_large": Code(
        "The payload is larger than Klaviyo takes (a profile 100 KB, a request 5 MB).",
        "Send fewer properties.",
        "No: 100 KB a profile, 5 MB a request (bulk import, bulk events).",
    ),
    "payload_too_deep": Code(
        "Objects and arrays lie deeper than allowed.",
        "Flatten the payload.",
        "No for events: at most 10 levels (events). Not documented for profiles (profiles).",
    ),
    "payload_type_unsupported": Code(
        "A column, which the reason names, holds what JSON cannot say: binary data, NaN, infinity, a date or time "
        "outside the years 1 to 9999, text that is not UTF-8; or `VALUE` holds no number, where the database gives the "
        "column no type.",
        "Cast the column in the source query.",
        "Cannot be said: JSON has no form for it (bulk import).",
    ),
    "property_name_invalid": Code(
        "The name of a property is empty, or starts with `$`: those are Klaviyo's own. Events may have `$extra`.",
        "Rename the property.",
        "As something else: names with `$` are Klaviyo's own (profiles).",
    ),
    "property_twice": Code(
        "The payload and a column give the same property.",
        "Rename one of them, or leave it out in a view.",
        "Cannot be said: a property has one value (profiles).",
    ),
    "profile_too_large": Code(
        "The profile is larger than 100 KB.", "Send fewer properties.", "No: 100 KB a profile (bulk import)."
    ),
    # events
    "event_time_missing": Code(
        "`EVENT_TIME` is NULL.",
        "Give the time of the event.",
        "As something else: the event would happen when it is received (bulk events).",
    ),
    "event_time_invalid": Code(
        "`EVENT_TIME` is text that cannot be read as a time without doubt.",
        "Give `2026-01-05T09:30:00Z`.",
        "No: `time` is ISO 8601; what can be read in two ways would be read in one of them (bulk events).",
    ),
    "event_time_out_of_range": Code(
        "The event happened before 1990, or lies more than a year ahead. Klaviyo does not take such events.",
        "Mend the time.",
        "No: not before 1990 and at most a year ahead (bulk events).",
    ),
    "metric_name_missing": Code(
        "`METRIC_NAME` is empty, and `metric` is not given.",
        "Name the metric, or set `metric` for such rows.",
        "No: an event has a metric with a name (bulk events).",
    ),
    "metric_name_too_long": Code(
        "The metric's name has 128 characters or more.", "Shorten the name.", "No: fewer than 128 characters (events)."
    ),
    "unique_id_too_long": Code(
        "`UNIQUE_ID` has more than 255 characters.",
        "Shorten the id, or leave it empty.",
        "No: 1 to 255 characters (events).",
    ),
    "value_currency_invalid": Code(
        "`VALUE_CURRENCY` is not three letters.",
        "Give an ISO 4217 code such as `EUR`.",
        "No: a code of ISO 4217 (bulk events).",
    ),
    "email_domain_dropped": Code(
        "The address is at `example.com` or `test.com`. Klaviyo takes such events and drops them without an error.",
        "Give the real address, or leave the row out.",
        "Dropped, without an error (events).",
    ),
    "too_many_properties": Code(
        "The event has more than 400 properties.", "Send fewer properties.", "No: at most 400 (events)."
    ),
    "property_too_long": Code(
        "A text among the properties is larger than 100 KB.", "Shorten the text.", "No: at most 100 KB (events)."
    ),
    "property_array_too_long": Code(
        "An array among the properties has more than 4,000 items.",
        "Send fewer items.",
        "No: at most 4,000 items (events).",
    ),
    "property_number_too_large": Code(
        "A whole number among the properties does not fit into 64 bits.",
        "Send it as text.",
        "No: whole numbers have 64 bits (events).",
    ),
}

#: What Klaviyo answered.
ANSWER_CODES: dict[str, Code] = {
    "klaviyo_email_invalid": Code("Klaviyo: the e-mail address is not valid.", "Mend or remove the address."),
    "klaviyo_phone_invalid": Code(
        "Klaviyo: the phone number is not valid.",
        'Mend or remove the number, or send the row without it: `on_bad_phone="drop"`.',
    ),
    "klaviyo_phone_ineligible": Code(
        "Klaviyo: the phone number does not exist, or cannot get text messages.",
        'Mend or remove the number, or send the row without it: `on_bad_phone="drop"`.',
    ),
    "klaviyo_identifier_missing": Code(
        "Klaviyo: the row has no identifier that counts for this account.",
        "Fill `EMAIL`; a phone number alone counts only where SMS is set up.",
    ),
    "klaviyo_identity_conflict": Code(
        "Klaviyo: the identifiers of the row belong to different profiles.",
        "Merge the profiles in Klaviyo, or send one identifier only.",
    ),
    "klaviyo_too_large": Code("Klaviyo refused a request with this row alone as too large (413).", "Send less."),
    "klaviyo_bad_request": Code(
        "Klaviyo refused a request with this row alone (400) and pointed at no row.", "Read the sentence in the reason."
    ),
    "klaviyo_rejected": Code(
        "Klaviyo refused the row with an error that this table does not know.", "Read the sentence in the reason."
    ),
    "klaviyo_import_failed": Code(
        "The import of this row alone counted a failure, and Klaviyo named no reason that fits the row.",
        "Send the row again; ask Klaviyo's support if it stays so.",
    ),
    "job_cancelled": Code(
        "The job was cancelled in Klaviyo. Some of its rows may have been applied before.",
        "Send the rows again: a repeat changes nothing.",
    ),
    "job_failed": Code(
        "The job ended in a state that Klaviyo does not document. Some of its rows may have been applied.",
        "Send the rows again: a repeat changes nothing.",
    ),
}

CODES: dict[str, Code] = ROW_CODES | ANSWER_CODES

#: Of rows that are accepted, of which something was left out.
NOTICE_CODES: dict[str, Code] = {
    "phone_dropped": Code(
        'Klaviyo, with `on_bad_phone="drop"`: the row went without its phone number, which is not in E.164, cannot '
        "exist, or was refused by Klaviyo.",
        "Mend the number, or leave it empty.",
    ),
}

#: Parts of Klaviyo's sentences, in lower case, and of the place they point at -> code; the first that fits counts.
#: Klaviyo publishes no list of its errors: these were seen on the wire.
_SENTENCES: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = tuple(
    (re.compile(said), re.compile(place), code)
    for said, place, code in (
        *CONSENT_SENTENCES,
        (r"different profiles|duplicate (email|phone|profile)|already exists", r"", "klaviyo_identity_conflict"),
        (r"does not exist or is ineligible|ineligible to receive", r"", "klaviyo_phone_ineligible"),
        (r"sms is not set up", r"", "klaviyo_identifier_missing"),
        (r"", r"phone_number$", "klaviyo_phone_invalid"),
        (r"invalid phone number", r"", "klaviyo_phone_invalid"),
        (r"", r"email$", "klaviyo_email_invalid"),
        (r"invalid email", r"", "klaviyo_email_invalid"),
        (r"identifier|needs an id", r"", "klaviyo_identifier_missing"),
    )
)


def klaviyo_rejection(error: ApiError, record: Record | None = None, *, unknown: str = "klaviyo_rejected") -> Rejection:
    """Turn what Klaviyo said about a row into a reject.

    :param record: the row's; its values are taken out of Klaviyo's sentence.
    :param unknown: the code for what the table does not know.
    :return: a reject whose reason is Klaviyo's own text without personal data, cut short.
    """
    return Rejection(_code_of(error) or unknown, f"Klaviyo: {sentence(error, record)}")


def _code_of(error: ApiError) -> str | None:
    detail = error.detail.lower()
    for said, place, code in _SENTENCES:
        if said.search(detail) and place.search(error.pointer):
            return code
    return None
