"""The codes of rejects that only consent and deletions have. ``docs/rejects.md`` shows these tables."""

from __future__ import annotations

from airflow_provider_cdi.destinations.reject_codes import Code

#: Found before sending.
CONSENT_ROW_CODES: dict[str, Code] = {
    "consent_missing": Code(
        "No channel column of the row says what the sync is for: yes for `subscribe`, no for `unsubscribe`.",
        "Leave such rows out in a view or with `sql`, or fill the column.",
        "Cannot be said: a request names the channels (subscribe).",
    ),
    "consent_invalid": Code(
        "A channel column holds something else than yes or no. The other channels of the row go on.",
        "Give a boolean, 1 or 0, or `SUBSCRIBED` or `UNSUBSCRIBED`; NULL says nothing.",
        "Cannot be said: `SUBSCRIBED` or `UNSUBSCRIBED` (subscribe).",
    ),
    "channel_identifier_missing": Code(
        "A channel has nowhere to go: e-mail without `EMAIL`, SMS or WhatsApp without `PHONE_NUMBER`. The other "
        "channels of the row go on.",
        "Fill the identifier, or leave the channel empty.",
        "No: a channel needs its identifier (subscribe).",
    ),
    "push_tokens_missing": Code(
        "`PUSH_MARKETING` says no, and `PUSH_TOKENS` is empty: Klaviyo takes nobody off push without the tokens.",
        "Give the tokens in `PUSH_TOKENS`, or leave the channel out with `channels`.",
        "No: the tokens are required (unsubscribe).",
    ),
    "push_tokens_invalid": Code(
        "`PUSH_TOKENS` is not a list of objects with `token`, `platform` (`ios`, `android`) and `vendor` (`apns`, "
        "`fcm`).",
        "Mend the list in the source.",
        "No: a token has a platform and a vendor (unsubscribe).",
    ),
    "consented_at_missing": Code(
        "`CONSENTED_AT` is NULL, and `historical_import` needs it.",
        "Give the time of the consent.",
        "No: required with `historical_import` (subscribe).",
    ),
    "consented_at_invalid": Code(
        "`CONSENTED_AT` cannot be read as a time without doubt.",
        "Give `2026-01-05T09:30:00Z`.",
        "No: ISO 8601; what can be read in two ways would be read in one of them (subscribe).",
    ),
    "consented_at_in_future": Code(
        "`CONSENTED_AT` lies in the future: nobody has agreed yet.",
        "Mend the time; without a zone it is UTC.",
        "No: it lies in the past (subscribe).",
    ),
    "date_of_birth_invalid": Code(
        "`AGE_GATED_DATE_OF_BIRTH` is no date.", "Give `1990-01-31`.", "No: a date (subscribe)."
    ),
    "several_identifiers": Code(
        "A deletion names its profile by more than one identifier, which Klaviyo refuses.",
        "Leave exactly one of `KLAVIYO_ID`, `EMAIL` and `PHONE_NUMBER` filled.",
        "No: exactly one identifier (privacy deletion).",
    ),
}

#: What Klaviyo answered.
CONSENT_ANSWER_CODES: dict[str, Code] = {
    "klaviyo_age_gate": Code(
        "Klaviyo: the account asks for a date of birth before SMS, and it is missing or too young.",
        "Fill `AGE_GATED_DATE_OF_BIRTH`, or leave the row out.",
    ),
    "klaviyo_region_unsupported": Code(
        "Klaviyo: the account cannot send SMS to the region of the number.",
        "Set up a sending number for it in Klaviyo, or leave the row out.",
    ),
    "klaviyo_consent_invalid": Code(
        "Klaviyo: the consent of the row is not valid for this channel.", "Read the sentence in the reason."
    ),
    "klaviyo_suppression_skipped": Code(
        "Klaviyo skipped the address in its job, and a look afterwards showed that it is not done.",
        "Send the row again; ask Klaviyo's support if it stays so.",
    ),
}

CONSENT_CODES: dict[str, Code] = CONSENT_ROW_CODES | CONSENT_ANSWER_CODES

#: As the sentences in ``codes.py``; these go before them.
CONSENT_SENTENCES: tuple[tuple[str, str, str], ...] = (
    (r"", r"age_gated_date_of_birth$", "klaviyo_age_gate"),
    (r"age.gat|date of birth", r"", "klaviyo_age_gate"),
    (r"sending (phone )?number|(region|country).*(not supported|unsupported)", r"", "klaviyo_region_unsupported"),
    (r"(not supported|unsupported).*(region|country)", r"", "klaviyo_region_unsupported"),
    (r"", r"/subscriptions(/|$)", "klaviyo_consent_invalid"),
)
