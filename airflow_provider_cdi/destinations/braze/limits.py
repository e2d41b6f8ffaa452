"""What Braze allows, as settings: every limit here has changed before, or differs between contracts.

Imports nothing to speak of, so that a DAG file can use it at no cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cdi.argument_rules import check_limits

#: Room in a body for what stands around the records: ``{"attributes":[…]}``.
ENVELOPE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BrazeLimits:
    """Limits with the documented defaults. A row above one becomes a reject before it is sent.

    Characters are Unicode code points, bytes are those of the JSON text in UTF-8.

    :param track_objects: objects a request of ``/users/track``. Braze: 75 in total (before 2026, 75 of each
        kind; some contracts 50; a cut to 5 was announced once).
    :param delete_ids: ids a request of ``/users/delete``. Braze: 50.
    :param catalog_items: items a request of ``/catalogs/{name}/items``. Braze: 50.
    :param body_bytes: bytes a request body. Braze: 4 MB, answers 413 above; it does not say whether that is
        4,000,000 or 4,194,304, so the smaller one is kept.
    :param payload_bytes: bytes of one row's payload. Braze CDI: 1 MB, "Payload was greater than 1MB".
    :param payload_keys: top-level keys of one row's payload; not applied to catalog items, whose fields the
        catalog itself bounds. Braze CDI: 250, an array or object counts as one.
    :param nesting: levels of objects and arrays inside the payload's own object. Braze documents none for
        users; this is its bound for catalogs, far above what a profile can use.
    :param external_id_bytes: bytes of an external id. Braze: "must be fewer than 988 bytes".
    :param property_chars: characters of the name of an event or purchase property, and of a text value that
        is a property itself. Braze: 255.
    :param properties_bytes: bytes of ``properties``. Braze: 100 KB (50 KB in older documents).
    :param event_properties: properties of an event. Braze: only the first 256 are captured, without an error.
    :param nested_bytes: bytes of one nested attribute (object or array of objects). Braze: 100 KB; an update
        above it is dropped without an error.
    :param nested_chars: characters of keys and texts in a nested attribute. Braze: 255; one that is longer
        drops the whole nested update without an error.
    :param array_elements: elements of an array of plain values. Braze: 500 (25 to 100 in older documents);
        what exceeds it is cut off without an error.
    :param product_id_chars: characters of a purchase's ``product_id``. Braze: 255.
    :param purchase_quantity: greatest ``quantity`` of a purchase. Braze: 100.
    :param catalog_id_chars: characters of an item id. Braze: 250.
    :param catalog_value_chars: characters of a text in an item. Braze: 5,000.
    :param catalog_array_elements: elements of an array in an item. Braze: 100, and all of them text.
    :param catalog_nesting: levels of objects and arrays inside an item. Braze: 50.
    :raises ConfigurationError: when a limit is not a whole number above zero, or a nesting is above 200.
    """

    track_objects: int = 75
    delete_ids: int = 50
    catalog_items: int = 50
    body_bytes: int = 4_000_000
    payload_bytes: int = 1_048_576
    payload_keys: int = 250
    nesting: int = 50
    external_id_bytes: int = 987
    property_chars: int = 255
    properties_bytes: int = 102_400
    event_properties: int = 256
    nested_bytes: int = 102_400
    nested_chars: int = 255
    array_elements: int = 500
    product_id_chars: int = 255
    purchase_quantity: int = 100
    catalog_id_chars: int = 250
    catalog_value_chars: int = 5_000
    catalog_array_elements: int = 100
    catalog_nesting: int = 50

    def __post_init__(self) -> None:
        check_limits(self, "nesting", "catalog_nesting")
