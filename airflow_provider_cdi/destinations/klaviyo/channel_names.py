"""The names of the channels of consent. Imports nothing, so that a DAG file can check its arguments at no cost."""

from __future__ import annotations

#: Medium and purpose, as in Klaviyo's ``subscriptions.email.marketing``.
CHANNEL_NAMES = (
    "email_marketing",
    "email_open_tracking",
    "email_click_tracking",
    "sms_marketing",
    "sms_transactional",
    "whatsapp_marketing",
    "whatsapp_transactional",
    "push_marketing",
)
