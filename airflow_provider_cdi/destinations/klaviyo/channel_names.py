"""The names of the channels of consent. Imports nothing to speak of, so that a DAG file can use it at no cost."""

from __future__ import annotations

from typing import Literal, get_args

#: Medium and purpose, as in Klaviyo's ``subscriptions.email.marketing``.
ChannelName = Literal[
    "email_marketing",
    "email_open_tracking",
    "email_click_tracking",
    "sms_marketing",
    "sms_transactional",
    "whatsapp_marketing",
    "whatsapp_transactional",
    "whatsapp_conversational",
    "push_marketing",
]
CHANNEL_NAMES: tuple[ChannelName, ...] = get_args(ChannelName)
