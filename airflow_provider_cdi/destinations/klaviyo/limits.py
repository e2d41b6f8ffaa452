"""What Klaviyo allows, as settings: limits have changed before, some within one revision.

Imports nothing to speak of, so that a DAG file can use it at no cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_cdi.argument_rules import check_limits

#: Klaviyo: ids of lists, such as ``Y6nRLr``.
LIST_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KlaviyoLimits:
    """Limits with the documented defaults. A row above one becomes a reject before it is sent.

    Characters are Unicode code points, bytes are those of the JSON text in UTF-8. Sources: Klaviyo's OpenAPI
    description of 2026-07-15 and its Events API overview.

    :param import_profiles: profiles a bulk import. Klaviyo: 10,000.
    :param events: events a bulk request. Klaviyo: 1,000.
    :param subscribe_profiles: profiles a request that subscribes. Klaviyo: 1,000.
    :param unsubscribe_profiles: profiles a request that unsubscribes. Klaviyo: 100.
    :param suppress_emails: addresses a request that suppresses, or takes that back. Klaviyo: 100.
    :param body_bytes: bytes that a request body must stay below. Klaviyo: 5 MB; it does not say whether that is
        5,000,000 or 5,242,880, so the smaller one is kept.
    :param profile_bytes: bytes of one profile; of one that clears a field, of the payload around it too. Klaviyo: 100
        KB.
    :param email_chars: characters of an e-mail address. Klaviyo: 100.
    :param external_id_chars: characters of an external id. 255, as other integrations check it.
    :param lookup_ids: identifiers that one lookup asks about. Klaviyo: pages of at most 100 profiles.
    :param metric_name_chars: characters of a metric's name. Klaviyo: fewer than 128.
    :param unique_id_chars: characters of an event's unique id. Klaviyo: 255.
    :param event_properties: properties of one event. Klaviyo: 400 (an older page says 300).
    :param event_text_bytes: bytes of one text in an event's properties. Klaviyo: 100 KB.
    :param event_array_items: items of one array in an event's properties. Klaviyo: 4,000.
    :param event_nesting: levels of objects and arrays, the properties' own object included. Klaviyo: 10.
    :param event_first_year: year before which no event may have happened. Klaviyo: 1990 (2000 before the revision
        2026-07-15).
    :param event_days_ahead: days that an event may lie in the future. Klaviyo: one year.
    :param silent_domains: e-mail domains whose events Klaviyo takes and drops without an error.
    :raises ConfigurationError: when a limit is not a whole number above zero, or the nesting is above 200.
    """

    import_profiles: int = 10_000
    events: int = 1_000
    subscribe_profiles: int = 1_000
    unsubscribe_profiles: int = 100
    suppress_emails: int = 100
    body_bytes: int = 5_000_000
    profile_bytes: int = 100_000
    email_chars: int = 100
    external_id_chars: int = 255
    lookup_ids: int = 100
    metric_name_chars: int = 127
    unique_id_chars: int = 255
    event_properties: int = 400
    event_text_bytes: int = 100_000
    event_array_items: int = 4_000
    event_nesting: int = 10
    event_first_year: int = 1990
    event_days_ahead: int = 365
    silent_domains: frozenset[str] = field(default=frozenset({"example.com", "test.com"}))

    def __post_init__(self) -> None:
        check_limits(self, "event_nesting")
