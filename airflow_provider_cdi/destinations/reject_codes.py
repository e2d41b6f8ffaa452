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
