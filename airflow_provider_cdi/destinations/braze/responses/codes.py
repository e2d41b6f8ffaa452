"""Every code a reject can carry: what it means and what mends it. ``docs/rejects.md`` shows these tables.

Codes are stable: people filter their reject files by them. A code may be added, never renamed.
"""

from __future__ import annotations

from airflow_provider_cdi.destinations.reject_codes import Code

#: Found before sending.
ROW_CODES: dict[str, Code] = {
    # identifiers
    "identifier_missing": Code(
        "No identifier column of the row holds a value.",
        "Fill one of the identifier columns.",
        "No: an object without an identifier is an error of the answer (user track).",
    ),
    "several_identifiers": Code(
        "More than one of external id, alias and Braze id is given.",
        "Leave exactly one of them filled.",
        "No: of external id, alias and Braze id an object has exactly one (user track).",
    ),
    "alias_incomplete": Code(
        "`ALIAS_NAME` is given without `ALIAS_LABEL`.",
        "Fill `ALIAS_LABEL`, or clear `ALIAS_NAME`.",
        "No: an alias has a name and a label (user alias object).",
    ),
    "identifier_too_long": Code(
        "The external id has more bytes than Braze accepts (987).",
        "Shorten the id; Braze cannot hold it.",
        "No: `EXTERNAL_USER_ID_TOO_LARGE` (user track).",
    ),
    "identifier_unreadable": Code(
        "An identifier is not valid UTF-8, or a value that identifies nobody (bytes, a list).",
        "Mend the text in the warehouse.",
        "Cannot be said: JSON is UTF-8, and an id is a text (user track).",
    ),
    "identifier_in_payload": Code(
        "The payload names an identifier, which belongs into its own column.",
        "Take it out of the payload; put it into `EXTERNAL_ID`, `ALIAS_NAME` and so on.",
        "No: the payload has no id of any kind, and an object has one (cloud ingestion, user track).",
    ),
    # payload
    "payload_missing": Code(
        "The payload is NULL, empty, or the JSON text `null`.",
        "Give a JSON object; `{}` is allowed.",
        "Cannot be said: there is nothing to send (cloud ingestion).",
    ),
    "payload_not_json": Code(
        "The payload, or a part that should be JSON, is not valid JSON (or a number in it has no finite value).",
        "Mend the text at the place that the reason names.",
        "No: `Error while parsing request body` refuses the whole request (errors).",
    ),
    "payload_not_object": Code(
        "The payload is JSON, but not an object.",
        "Wrap it: one object of fields per row.",
        "No: the arrays of a request hold objects (user track).",
    ),
    "payload_too_large": Code(
        "The payload is larger than 1 MB.",
        "Split the row, or send fewer fields.",
        "No by Braze's own ingestion: `Payload was greater than 1MB`. The API documents 4 MB for a request "
        "and nothing for an object: `BrazeLimits` can allow more (cloud ingestion, user track).",
    ),
    "payload_too_many_keys": Code(
        "The payload has more than 250 top-level keys.",
        "Split the row, or send only what changed.",
        "No by Braze's own ingestion: at most 250. The API documents no number: `BrazeLimits` can allow "
        "more (cloud ingestion).",
    ),
    "payload_too_deep": Code(
        "Objects and arrays lie deeper than allowed (50).",
        "Flatten the payload.",
        "Not documented for users; catalogs take 50 levels (catalog items).",
    ),
    "payload_type_unsupported": Code(
        "A column of the payload, which the reason names, holds what JSON cannot say: binary data, NaN, infinity, an "
        "interval, a date or time outside the years 1 to 9999, text that is not UTF-8.",
        "Cast the column in the source query.",
        "Cannot be said: JSON has no form for it (cloud ingestion).",
    ),
    # attributes
    "nested_value_invalid": Code(
        "A nested attribute, or a `$time` in `properties`, breaks a rule for which Braze would drop the whole nested "
        "update without an error, and perhaps those of its neighbours: a null (but with `_merge_objects: true`), a "
        "`$time` that is no time or lies after the year 3000, a key with a dot, a dollar or a space, a key or text "
        "over 255 characters, over 100 KB.",
        "Leave the null out, mend the time, rename the key, shorten the text or split the object.",
        "Dropped, and with it all nested updates of the request, without an error (array of objects, "
        "nested attributes).",
    ),
    "array_too_long": Code(
        'With `on_long_array="reject"`: an array has more different elements than Braze keeps (500).',
        "Send fewer elements, or `add`/`remove`.",
        "In part: Braze keeps the latest 500 elements (custom attributes).",
    ),
    "subscription_state_invalid": Code(
        "A subscription state is none of those that Braze knows.",
        "`email_subscribe`, `push_subscribe`: `opted_in`, `subscribed`, `unsubscribed`; "
        "groups: `subscribed`, `unsubscribed`.",
        "No: `BAD_EMAIL_SUBSCRIPTION_STATE` and its like (user track).",
    ),
    # events and purchases
    "event_name_missing": Code(
        "The event has no `name`, or it is not a text.",
        "Give the event a name.",
        "No: `name` is required (event object).",
    ),
    "time_invalid": Code(
        "`time` cannot be read without doubt, or is missing and `UPDATED_AT` cannot stand in.",
        "Give `2026-01-05T09:30:00Z`, or leave it out: `UPDATED_AT` stands in.",
        "No: it is an error of the answer; what can be read in two ways would be read in one of them (event object).",
    ),
    "properties_invalid": Code(
        "`properties` is not an object.",
        "Give an object, or leave it out.",
        "Not documented: `properties` is an object, and what becomes of anything else is not said (event object).",
    ),
    "property_name_invalid": Code(
        "The name of a property is empty, over 255 characters, starts with `$`, or is `time` or `event_name`.",
        "Rename the property.",
        "No: such names are not allowed, and `time` and `event_name` are an error (event object).",
    ),
    "property_value_too_long": Code(
        "The text of a property is over 255 characters.",
        "Shorten the text.",
        "Not documented: texts have 255 characters or fewer, and what becomes of longer ones is not said "
        "(event object).",
    ),
    "properties_too_large": Code(
        "`properties` are larger than 100 KB.",
        "Send fewer properties.",
        "Not documented: at most 100 KB, and what becomes of more is not said (event object).",
    ),
    "product_id_missing": Code(
        "The purchase has no `product_id`, or it is neither text nor a whole number.",
        "Give the product's id as text.",
        "No: `product_id` is required (purchase object).",
    ),
    "product_id_too_long": Code(
        "`product_id` is over 255 characters.",
        "Shorten the id.",
        "Not documented: up to 255 characters, and what becomes of more is not said (purchase object).",
    ),
    "currency_invalid": Code(
        "`currency` is missing or not three letters.",
        "Give an ISO 4217 code such as `KRW` or `USD`.",
        "No: a code of ISO 4217 is required (purchase object).",
    ),
    "price_invalid": Code(
        "`price` is missing or not a number.",
        "Give a number, not a text, in the currency's base unit.",
        "No: a number is required (purchase object).",
    ),
    "quantity_invalid": Code(
        "`quantity` is not a whole number from 1 to 100.",
        "Split the purchase, or leave it out for 1.",
        "No: `'quantity' is not valid` (purchase object).",
    ),
    # catalog items
    "catalog_id_invalid": Code(
        "The item id holds more than letters, digits, `_` and `-`, or is over 250 characters.",
        "Change the id in the source.",
        "No: `invalid-ids`, `ids-too-large` (catalog items).",
    ),
    "catalog_value_too_long": Code(
        "A text of the item is over 5,000 characters.", "Shorten the text.", "No: `items-too-large` (catalog items)."
    ),
    "catalog_field_unknown": Code(
        'With `on_unknown_field="reject"`: the item has fields that the catalog does not have. With `"drop"`: it has '
        "no other fields. The reason names them.",
        "Add the fields to the catalog in Braze, or leave them out of the payload.",
        "No: `invalid-fields` (catalog items).",
    ),
    "catalog_array_invalid": Code(
        "An array of the item has more than 100 elements, or one that is not text. Two numbers pass: they may be the "
        "place of a geo field.",
        "Make text of every element, and send at most 100.",
        "No: an array of a catalog holds texts only, at most 100 (data types).",
    ),
    "catalog_key_invalid": Code(
        "A key in an object of the item holds a dot or a dollar.",
        "Rename the key.",
        "No: `invalid-keys-in-value-object` (catalog items).",
    ),
    "deleted_invalid": Code(
        "`DELETED` is neither true nor false, so nobody knows whether to delete the item.",
        "Make `DELETED` a boolean column.",
        "Cannot be said: a request writes an item or deletes it (cloud ingestion).",
    ),
}

#: What Braze answered.
ANSWER_CODES: dict[str, Code] = {
    "braze_external_id_too_large": Code("Braze: the external id is over 987 bytes.", "Shorten the id."),
    "braze_external_id_blocked": Code(
        "Braze: the external id is on its list of blocked (dummy) users.",
        "Leave the row out; ask Braze about the list if the user is real.",
    ),
    "braze_email_invalid": Code("Braze: `email` is not a valid address.", "Mend or remove the address."),
    "braze_identifier_missing": Code("Braze: the object has no identifier.", "Fill an identifier column."),
    "braze_quantity_invalid": Code("Braze: `quantity` is not valid.", "Give a whole number from 1 to 100."),
    "braze_email_subscription_invalid": Code(
        "Braze: `email_subscribe` is not a state.", "`opted_in`, `subscribed` or `unsubscribed`."
    ),
    "braze_push_subscription_invalid": Code(
        "Braze: `push_subscribe` is not a state.", "`opted_in`, `subscribed` or `unsubscribed`."
    ),
    "braze_location_invalid": Code("Braze: `current_location` is incomplete.", "Give `longitude` and `latitude`."),
    "braze_subscription_groups_invalid": Code(
        "Braze: `subscription_groups` is not an array.", "Give an array of objects."
    ),
    "braze_subscription_group_keys_invalid": Code(
        "Braze: an entry of `subscription_groups` has the wrong keys.",
        "Each needs `subscription_group_id` and `subscription_state`.",
    ),
    "braze_subscription_group_id_invalid": Code(
        "Braze: a `subscription_group_id` is not the id of a group.", "Copy the id from the dashboard."
    ),
    "braze_subscription_group_state_invalid": Code(
        "Braze: a `subscription_state` is not a state.", "`subscribed` or `unsubscribed`."
    ),
    "braze_push_token_value_invalid": Code("Braze: a push token has a bad value.", "Mend `push_tokens`."),
    "braze_push_token_string_invalid": Code("Braze: a push token is not a text.", "Mend `push_tokens`."),
    "braze_push_token_app_id_invalid": Code(
        "Braze: a push token's `app_id` is not an app of the workspace.", "Copy the id from the dashboard."
    ),
    "braze_push_token_import_invalid": Code(
        "Braze: `push_token_import` does not fit the object.", "Mend `push_token_import`."
    ),
    "braze_device_id_invalid": Code("Braze: a `device_id` is not valid.", "It has 8 to 255 bytes."),
    "braze_email_subscription_info_invalid": Code(
        "Braze: `email_subscription_info` is not an attribute.", "Take it out of the payload."
    ),
    "braze_catalog_id_invalid": Code(
        "Braze: the item id is missing, not a text, too long or has other characters.",
        "Letters, digits, `_`, `-`, up to 250.",
    ),
    "braze_catalog_item_too_large": Code("Braze: a value of the item is too long.", "Texts up to 5,000 characters."),
    "braze_catalog_field_unknown": Code(
        "Braze, with `on_unknown_field`: the item has a field that does not exist in the catalog.",
        "Add the field to the catalog in Braze, or leave it out of the payload.",
    ),
    "braze_catalog_key_invalid": Code(
        "Braze: an object of the item has a key with a dot or a dollar.", "Rename the key."
    ),
    "braze_catalog_too_deep": Code("Braze: an object of the item is nested too deeply.", "Flatten it."),
    "braze_catalog_type_invalid": Code(
        "Braze: a value does not fit the type of the catalog's field.",
        "Send the field's type; or change the catalog.",
    ),
    "braze_too_large": Code("Braze refused a request with this row alone as too large (413).", "Send fewer fields."),
    "braze_bad_request": Code(
        "Braze refused a request with this row alone (400) and named no error of its list.",
        "Read the sentence in the reason.",
    ),
    "braze_rejected": Code(
        "Braze refused the row with an error that this table does not know.",
        "Read the sentence in the reason.",
    ),
}

CODES: dict[str, Code] = ROW_CODES | ANSWER_CODES

#: Braze's codes in ``errors[].type`` (2026 page of /users/track) and ``errors[].id`` (catalogs) -> ours.
BRAZE_NAMES: dict[str, str] = {
    "EXTERNAL_USER_ID_TOO_LARGE": "braze_external_id_too_large",
    "BLACKLISTED_EXTERNAL_USER_ID": "braze_external_id_blocked",
    "EMAIL_BAD_FORMAT": "braze_email_invalid",
    "BAD_EMAIL_SUBSCRIPTION_STATE": "braze_email_subscription_invalid",
    "BAD_PUSH_SUBSCRIPTION_STATE": "braze_push_subscription_invalid",
    "BAD_LOCATION_UPDATE": "braze_location_invalid",
    "BAD_SUBSCRIPTION_GROUP_ARRAY": "braze_subscription_groups_invalid",
    "BAD_SUBSCRIPTION_GROUP_HASH": "braze_subscription_group_keys_invalid",
    "BAD_SUBSCRIPTION_GROUP_ID": "braze_subscription_group_id_invalid",
    "BAD_SUBSCRIPTION_GROUP_STATE": "braze_subscription_group_state_invalid",
    "BAD_PUSH_TOKEN_VALUE": "braze_push_token_value_invalid",
    "BAD_PUSH_TOKEN_STRING": "braze_push_token_string_invalid",
    "BAD_PUSH_TOKEN_APP_ID": "braze_push_token_app_id_invalid",
    "BAD_PUSH_TOKEN_IMPORT": "braze_push_token_import_invalid",
    "BAD_DEVICE_ID": "braze_device_id_invalid",
    "INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO": "braze_email_subscription_info_invalid",
    "ids-not-strings": "braze_catalog_id_invalid",
    "ids-too-large": "braze_catalog_id_invalid",
    "invalid-ids": "braze_catalog_id_invalid",
    "items-missing-ids": "braze_catalog_id_invalid",
    "items-too-large": "braze_catalog_item_too_large",
    "invalid-keys-in-value-object": "braze_catalog_key_invalid",
    "too-deep-nesting-in-value-object": "braze_catalog_too_deep",
    "unable-to-coerce-value": "braze_catalog_type_invalid",
    # These concern the request, not an item: the engine's halves mend them.
    "ids-not-unique": "braze_bad_request",
    "request-includes-too-many-items": "braze_bad_request",
}
