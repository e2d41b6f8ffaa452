"""What a code of a reject consists of; the tables are the destinations'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: The other side's own sentences are kept in the reject file up to this length.
SENTENCE_CHARS = 300


class Code(NamedTuple):
    """What a code means, and what to do about it.

    :param taken: for what is found before sending: whether the vendor would have taken it, with the page that says so
        in brackets (:data:`BRAZE_SOURCES`, :data:`KLAVIYO_SOURCES`). Empty for what the vendor itself refused.
    """

    meaning: str
    cure: str
    taken: str = ""

    def cells(self) -> str:
        """Give the cells of the table in ``docs/rejects.md``, behind that of the code."""
        return " | ".join(filter(None, self))


#: What is found before sending whatever the destination is, in words that hold for all of them.
KIT_CODES: dict[str, Code] = {
    "identifier_missing": Code("The identifier column of the row holds no value.", "Fill it."),
    "identifier_unreadable": Code(
        "The identifier is not valid UTF-8, or a value that identifies nobody (bytes, a list).",
        "Mend the text in the warehouse.",
    ),
    "identifier_in_payload": Code(
        "The payload names the identifier, which comes from its own column.", "Take it out of the payload."
    ),
    "payload_missing": Code(
        "The payload is NULL, empty, or the JSON text `null`.", "Give a JSON object; `{}` is allowed."
    ),
    "payload_not_json": Code(
        "The payload, or a part that should be JSON, is not valid JSON (or a number in it has no finite value).",
        "Mend the text at the place that the reason names.",
    ),
    "payload_not_object": Code("The payload is JSON, but not an object.", "Wrap it: one object of fields per row."),
    "payload_too_large": Code("The row is larger than one request may be.", "Send fewer fields."),
    "payload_too_many_keys": Code("The payload has too many top-level keys.", "Send only what changed."),
    "payload_too_deep": Code("Objects and arrays lie deeper than allowed.", "Flatten the payload."),
    "payload_type_unsupported": Code(
        "A column of the payload, which the reason names, holds what JSON cannot say: binary data, NaN, infinity, an "
        "interval, a date or time outside the years 1 to 9999, text that is not UTF-8.",
        "Cast the column in the source query.",
    ),
}

_BRAZE = "https://www.braze.com/docs/"
BRAZE_SOURCES: Mapping[str, str] = {
    "user track": f"{_BRAZE}api/endpoints/user_data/post_user_track/",
    "user alias object": f"{_BRAZE}api/objects_filters/user_alias_object/",
    "event object": f"{_BRAZE}api/objects_filters/event_object/",
    "purchase object": f"{_BRAZE}api/objects_filters/purchase_object/",
    "errors": f"{_BRAZE}api/errors/",
    "custom attributes": f"{_BRAZE}user_guide/data/activation/custom_data/custom_attributes/",
    "nested attributes": f"{_BRAZE}nested_custom_attribute_support/",
    "array of objects": f"{_BRAZE}array_of_objects/",
    "catalog items": f"{_BRAZE}api/endpoints/catalogs/catalog_items/asynchronous/put_update_catalog_items/",
    "data types": f"{_BRAZE}user_guide/data/activation/custom_data/data_types/",
    "cloud ingestion": f"{_BRAZE}user_guide/data/unification/cloud_ingestion/best_practices/",
}
_KLAVIYO = "https://developers.klaviyo.com/en/"
KLAVIYO_SOURCES: Mapping[str, str] = {
    "profiles": f"{_KLAVIYO}reference/profiles_api_overview",
    "bulk import": f"{_KLAVIYO}reference/bulk_import_profiles",
    "events": f"{_KLAVIYO}reference/events_api_overview",
    "bulk events": f"{_KLAVIYO}reference/bulk_create_events",
    "subscribe": f"{_KLAVIYO}reference/bulk_subscribe_profiles",
    "unsubscribe": f"{_KLAVIYO}reference/bulk_unsubscribe_profiles",
    "privacy deletion": f"{_KLAVIYO}reference/request_profile_deletion",
    "errors": f"{_KLAVIYO}docs/rate_limits_and_error_handling",
    "segment": "https://github.com/segmentio/action-destinations (its Klaviyo destination)",
}
