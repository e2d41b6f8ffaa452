"""The request examples that Braze and Klaviyo publish, each with its source.

They have the forms of the published ones: the same members, types of values, operators, forms of times and ids. The
words in them are ours. Placeholders of the page (``your_app_identifier``) are kept where the vendor takes any text, and
are real where it does not (the ids of subscription groups).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DOCS = "braze-inc/braze-docs: _docs/"
TRACK = f"{DOCS}_api/endpoints/user_data/post_user_track.md"
ATTRIBUTES = f"{DOCS}_api/objects_filters/user_attributes_object.md"
EVENTS = f"{DOCS}_api/objects_filters/event_object.md"
PURCHASES = f"{DOCS}_api/objects_filters/purchase_object.md"
CUSTOM = f"{DOCS}_user_guide/data/activation/custom_data/custom_attributes/"
NESTED = f"{CUSTOM}nested_custom_attribute_support.md"
OBJECTS = f"{CUSTOM}array_of_objects.md"
INGESTION = f"{DOCS}_user_guide/data/unification/cloud_ingestion/best_practices.md"
SAMPLES = "braze-inc/braze-examples: cloud-data-ingestion/braze-examples/payloads/file_storage/"
TROUBLE = f"{DOCS}_user_guide/audience/segments (a user is assigned to two apps)"
DELETE = f"{DOCS}_api/endpoints/user_data/post_user_delete.md"
ITEMS = f"{DOCS}_api/endpoints/catalogs/catalog_items/asynchronous/"
RECORDED = "jonallured/braze_ruby: spec/fixtures/responses/ (recorded answers of the live API)"
ECOMMERCE = "segmentio/action-destinations: packages/destination-actions/src/destinations/braze/ecommerce"
LABS = "klaviyo-labs/api-examples: "
OPENAPI = "klaviyo/openapi: openapi/stable.json, examples of the request bodies"
GUIDE = "developers.klaviyo.com: guide to API-based events (Placed Order)"


@dataclass(frozen=True)
class Example:
    """One published request.

    :param name: what it shows.
    :param source: where it is published.
    :param body: of the request.
    :param path: where it goes.
    :param method: how.
    :param is_row: whether a row can say it. A row has one identifier, and ids only in their columns.
    :param rows: for Klaviyo: the rows that a user would have.
    :param options: for Klaviyo: how the sync is declared.
    :param data_type: for Klaviyo: of the sync.
    """

    name: str
    source: str
    body: dict[str, Any]
    path: str = "/users/track"
    method: str = "POST"
    is_row: bool = True
    rows: dict[str, list[Any]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    data_type: str = ""


_APP = "11ae5b4b-2445-4440-a04f-bf537764c9ad"
_ALIAS = {"user_alias": {"alias_name": "device123", "alias_label": "my_device_identifier"}}
_GROUPS = [f"7b0c2f52-0000-4000-8000-00000000000{n}" for n in (1, 2, 3)]
_BAG = {"color": "red", "monogram": "ABC", "checkout_duration": 180, "size": "Large", "brand": "Bags and more"}
_BOUGHT = {"app_id": _APP, "currency": "USD"}


def _user(*objects: dict[str, Any], **names: Any) -> dict[str, Any]:
    return {"attributes": [{"external_id": "user1", **one} for one in objects or (names,)]}


BRAZE = [
    Example(
        "all three arrays by e-mail address",
        TRACK,
        {
            "attributes": [
                {
                    "email": "test@braze.com",
                    "string_attribute": "fruit",
                    "boolean_attribute_1": True,
                    "integer_attribute": 26,
                    "array_attribute": ["pear", "plum"],
                }
            ],
            "events": [
                {
                    "email": "test@braze.com",
                    "app_id": "your_app_identifier",
                    "name": "rented_movie",
                    "time": "2022-12-06T19:20:45+01:00",
                    "properties": {
                        "release": {"studio": "A Studio", "year": "2022"},
                        "cast": [{"name": "Somebody"}, {"name": "Nobody"}],
                    },
                },
                {**_ALIAS, "app_id": "your_app_id", "name": "rented_movie", "time": "2013-07-16T19:20:50+01:00"},
            ],
            "purchases": [
                {
                    "email": "test@braze.com",
                    "app_id": "your_app_identifier",
                    "product_id": "product_name",
                    "currency": "USD",
                    "price": 12.12,
                    "quantity": 6,
                    "time": "2017-05-12T18:47:12Z",
                    "properties": _BAG,
                }
            ],
        },
    ),
    Example(
        "attributes by phone number",
        TRACK,
        {"attributes": [{"phone": "+15043277269", "string_attribute": "fruit", "integer_attribute": 25}]},
    ),
    Example(
        "subscription groups and states beside an address",
        TRACK,
        _user(
            email="example@email.com",
            email_subscribe="subscribed",
            subscription_groups=[
                {"subscription_group_id": group, "subscription_state": state}
                for group, state in zip(_GROUPS, ("unsubscribed", "subscribed", "subscribed"), strict=True)
            ],
        ),
    ),
    Example(
        "an alias-only user with an address",
        TRACK,
        {
            "attributes": [
                {
                    "_update_existing_only": False,
                    "user_alias": {"alias_name": "example_name", "alias_label": "example_label"},
                    "email": "email@example.com",
                }
            ]
        },
    ),
    Example(
        "user attributes: date of birth, add and remove at once, push tokens, an alias",
        ATTRIBUTES,
        {
            "attributes": [
                {
                    "external_id": "user1",
                    "first_name": "Jon",
                    "has_profile_picture": True,
                    "dob": "1988-02-14",
                    "videos_favorited": {"add": ["one-summer"], "remove": ["one-winter"]},
                },
                {
                    "external_id": "user2",
                    "first_name": "Jill",
                    "has_profile_picture": False,
                    "push_tokens": [{"app_id": _APP, "token": "abcd", "device_id": "optional_field_value"}],
                },
                {**_ALIAS, "first_name": "Alice", "has_profile_picture": False},
            ]
        },
    ),
    Example(
        "custom attributes of every kind",
        ATTRIBUTES,
        _user(
            my_custom_attribute="value",
            my_custom_attribute_2={"inc": -3},
            my_array_custom_attribute=["Value1", "Value2"],
            gone=None,
            seen_at="2019-07-16T19:20:30:123Z",
            score=0.5,
            current_location={"longitude": -73.991443, "latitude": 40.753824},
            country="US",
            language="en",
            time_zone="America/New_York",
            gender="P",
            facebook={"id": "1", "likes": ["x"], "num_friends": 3},
            twitter={"id": 7, "screen_name": "x", "followers_count": 1, "friends_count": 2, "statuses_count": 3},
            push_subscribe="opted_in",
        ),
    ),
    Example("a value added to an array", ATTRIBUTES, _user(my_array_custom_attribute={"add": ["Value3"]})),
    Example("a value removed from an array", ATTRIBUTES, _user(my_array_custom_attribute={"remove": ["Value1"]})),
    Example("repeated values in an array", ATTRIBUTES, _user(snacks=["hotdog", "hotdog", "hotdog", "pizza"])),
    Example(
        "a push token without a user",
        ATTRIBUTES,
        {"attributes": [{"push_token_import": True, "push_tokens": [{"app_id": _APP, "token": "abcd"}]}]},
        is_row=False,
    ),
    Example(
        "push tokens of users who move from another system",
        TROUBLE,
        _user(push_token_import=False, country="US", language="en", push_tokens=[{"app_id": _APP, "token": "abcd"}]),
    ),
    Example(
        "an event with one digit in the offset of its time",
        TROUBLE,
        {
            "events": [
                {
                    "external_id": "john_doe123",
                    "app_id": "my_web_app_id",
                    "name": "Custom Event",
                    "time": "2025-08-17T19:20:30+1:00",
                }
            ]
        },
    ),
    Example(
        "events with and without properties, by id and alias",
        EVENTS,
        {
            "events": [
                {
                    "external_id": "user1",
                    "app_id": "your-app-id",
                    "name": "watched_trailer",
                    "time": "2013-07-16T19:20:30+01:00",
                },
                {
                    "external_id": "user1",
                    "app_id": "your-app-id",
                    "name": "rented_movie",
                    "time": "2013-07-16T19:20:45+01:00",
                    "properties": {"movie": "An Egg", "director": "A Person"},
                },
                {**_ALIAS, "app_id": "your-app-id", "name": "watched_trailer", "time": "2013-07-16T19:20:50+01:00"},
            ]
        },
    ),
    Example(
        "purchases by id and alias",
        PURCHASES,
        {
            "purchases": [
                {
                    "external_id": "user1",
                    **_BOUGHT,
                    "product_id": "backpack",
                    "price": 40.00,
                    "time": "2013-07-16T19:20:30+01:00",
                    "properties": _BAG,
                },
                {
                    "external_id": "user1",
                    **_BOUGHT,
                    "product_id": "pencil",
                    "price": 2.00,
                    "time": "2013-07-17T19:20:20+01:00",
                    "properties": {"number": 2, "sharpened": True},
                },
                {
                    **_ALIAS,
                    **_BOUGHT,
                    "product_id": "pen",
                    "price": 2.50,
                    "time": "2013-07-17T19:20:20+01:00",
                    "properties": {"color": "blue"},
                },
            ]
        },
    ),
    Example(
        "a purchase at the level of the order",
        PURCHASES,
        {
            "purchases": [
                {
                    "external_id": "user1",
                    **_BOUGHT,
                    "product_id": "Completed Order",
                    "price": 219.98,
                    "time": "2013-07-16T19:20:30+01:00",
                    "properties": {
                        "products": [
                            {"name": "Monitor", "category": "Gaming", "product_amount": 19.99},
                            {"name": "Keyboard", "category": "Gaming ", "product_amount": 199.99},
                        ]
                    },
                }
            ]
        },
    ),
    Example(
        "a nested attribute",
        NESTED,
        _user(most_played={"name": "A Song", "genre": "Jazz", "analytics": {"count": 1000, "top_10_listeners": True}}),
    ),
    Example("a nested attribute merged", NESTED, _user(_merge_objects=True, most_played={"year_released": 1960})),
    Example("a nested attribute deleted", NESTED, _user(most_played=None)),
    Example(
        "dates in a nested attribute",
        NESTED,
        _user(important_dates={"birthday": {"$time": "1980-01-01"}, "wedding_anniversary": {"$time": "2020-05-28"}}),
    ),
    Example(
        "an array of objects",
        OBJECTS,
        _user(pets=[{"id": 1, "type": "dog", "name": "Gus"}, {"id": 2, "type": "cat", "name": "Gerald"}]),
    ),
    Example(
        "objects added to an array", OBJECTS, _user(pets={"$add": [{"id": 3, "type": "dog"}, {"id": 4, "name": "x"}]})
    ),
    Example(
        "objects of an array updated",
        OBJECTS,
        _user(
            _merge_objects=True,
            pets={
                "$update": [
                    {"$identifier_key": "id", "$identifier_value": 4, "$new_object": {"breed": "goldfish"}},
                    {"$identifier_key": "id", "$identifier_value": 5, "$new_object": {"name": "Annette"}},
                ]
            },
        ),
    ),
    Example(
        "objects removed from an array",
        OBJECTS,
        _user(
            pets={
                "$remove": [
                    {"$identifier_key": "id", "$identifier_value": 1},
                    {"$identifier_key": "type", "$identifier_value": "dog"},
                ]
            }
        ),
    ),
    Example(
        "a date in an array of objects",
        OBJECTS,
        _user(bought=[{"item_name": "T-shirt", "price": 19.99, "purchase_time": {"$time": "2020-05-28"}}]),
    ),
    Example(
        "payloads of Cloud Data Ingestion",
        INGESTION,
        _user(
            {
                "attribute_1": "abcdefg",
                "attribute_2": {"attribute_a": "example_value_1", "attribute_b": "example_value_1"},
                "attribute_3": "2019-07-16T19:20:30+1:00",
            },
            {"attribute_1": "abcdefg", "attribute_2": 42, "attribute_3": "2019-07-16T19:20:30+1:00"},
            {"ATTRIBUTE_1": "823", "ATTRIBUTE_2": "blue", "ATTRIBUTE_3": "380", "ATTRIBUTE_4": "FALSE"},
        ),
    ),
    Example(
        "sample of attributes",
        f"{SAMPLES}attributes_sample.json",
        _user(
            name="GT896",
            age=74,
            subscriber=True,
            retention={"previous_purchases": 21, "vip": False},
            last_visit="2023-08-08T16:03:26.600803",
        ),
    ),
    Example(
        "sample of events, its time without a zone",
        f"{SAMPLES}custom_events_sample.json",
        {
            "events": [
                {
                    "external_id": "s3-qa-0",
                    "app_id": "YOUR_APP_ID",
                    "name": "view-206",
                    "time": "2024-04-02T14:34:08",
                    "properties": {"bool_value": False, "preceding_event": "unsubscribe", "important_number": 206},
                }
            ]
        },
    ),
    Example(
        "sample of purchases, with many digits in the price",
        f"{SAMPLES}purchases_sample.json",
        {
            "purchases": [
                {
                    "external_id": "s3-qa-0",
                    "app_id": "YOUR_APP_ID",
                    "product_id": "product-11",
                    "currency": "BSD",
                    "price": 8.511527858335066,
                    "time": "2024-04-02T14:34:08",
                    "quantity": 19,
                    "properties": {"is_a_boolean": True, "important_number": 40, "preceding_event": "click"},
                }
            ]
        },
    ),
    Example(
        "an order placed, as a recommended event",
        ECOMMERCE,
        {
            "events": [
                {
                    "external_id": "user1",
                    "name": "ecommerce.order_placed",
                    "time": "2024-01-15T09:03:45Z",
                    "properties": {
                        "order_id": "o-1",
                        "currency": "USD",
                        "total_value": 90.5,
                        "source": "https://shop.example",
                        "products": [
                            {"product_id": "p", "product_name": "n", "variant_id": "v", "quantity": 1, "price": 90.5}
                        ],
                        "discounts": [{"code": "A", "amount": 1.5}],
                    },
                }
            ]
        },
    ),
    Example(
        "whole numbers as ids, a time with spaces",
        f"{RECORDED}: track_users/with_success",
        {
            "attributes": [{"external_id": 1, "foo": "bar"}],
            "events": [{"external_id": 1, "name": "baz", "time": "2015-02-15 21:04:32 -0500"}],
            "purchases": [
                {
                    "external_id": 1,
                    "product_id": "1",
                    "time": "2015-02-15 21:04:32 -0500",
                    "currency": "CAD",
                    "price": 1.0,
                }
            ],
        },
    ),
    Example(
        "a whole number as product_id",
        f"{RECORDED}: track_users/with_success",
        {
            "purchases": [
                {
                    "external_id": "1",
                    "product_id": 1,
                    "time": "2015-02-15 21:04:32 -0500",
                    "currency": "CAD",
                    "price": 1.0,
                }
            ]
        },
    ),
    # The page's own request has three kinds at once, which its text forbids: here they are one by one.
    Example("users to delete", DELETE, {"external_ids": ["user_id1", "user_id2"]}, "/users/delete"),
    Example("users to delete by Braze's id", DELETE, {"braze_ids": ["braze_id1", "braze_id2"]}, "/users/delete"),
    Example(
        "users to delete by alias", DELETE, {"user_aliases": [dict(_ALIAS["user_alias"])]}, "/users/delete"
    ),
    Example("whole numbers to delete", f"{RECORDED}: delete_users", {"external_ids": [1, 2]}, "/users/delete"),
]  # fmt: skip

#: The catalog of the examples: field -> type.
RESTAURANTS = {
    "Name": "string",
    "City": "string",
    "Cuisine": "string",
    "Rating": "number",
    "Loyalty_Program": "boolean",
    "Location": "object",
    "Open_Time": "time",
    "Created_At": "time",
    "Top_Dishes": "array",
    "product_name": "string",
    "price": "number",
}
_PLACE = {"Latitude": 33.6112, "Longitude": -117.8711}
_FIRST = {"id": "restaurant1", "Name": "A Restaurant", "Loyalty_Program": False, "Location": _PLACE}
_CATALOG = "/catalogs/restaurants/items"

CATALOGS = [
    Example(
        "items replaced",
        f"{ITEMS}put_update_catalog_items.md",
        {
            "items": [
                _FIRST | {"Open_Time": "2021-09-03T09:03:19.967+00:00"},
                {"id": "restaurant3", "City": "A City", "Rating": 2},
            ]
        },
        _CATALOG,
        "PUT",
    ),
    Example(
        "items edited, with operators of an array",
        f"{ITEMS}patch_catalog_items_bulk.md",
        {
            "items": [
                _FIRST | {"Top_Dishes": {"$add": ["Soup", "Salad"], "$remove": ["Fries"]}},
                {"id": "restaurant3", "City": "A City", "Rating": 2, "Top_Dishes": ["Wings", "Steak"]},
            ]
        },
        _CATALOG,
        "PATCH",
    ),
    Example(
        "items created",
        f"{ITEMS}post_create_catalog_items_bulk.md",
        {
            "items": [
                _FIRST | {"id": f"restaurant{n}", "Rating": rating, "Created_At": f"2022-11-0{n}T09:03:19.967+00:00"}
                for n, rating in ((1, 5), (2, 10), (3, 3))
            ]
        },
        _CATALOG,
        "POST",
    ),
    Example(
        "items deleted",
        f"{ITEMS}delete_catalog_items_bulk.md",
        {"items": [{"id": "restaurant1"}, {"id": "restaurant2"}, {"id": "restaurant3"}]},
        _CATALOG,
        "DELETE",
    ),
    Example(
        "sample of a catalog, its ids numbers in the file",
        f"{SAMPLES}catalog_sample.csv",
        {"items": [{"id": "85", "product_name": "Product 85", "price": 85.85}, {"id": "1", "price": 1.01}]},
        _CATALOG,
        "PUT",
    ),
]


def _job(kind: str, attributes: dict[str, Any], listed: str = "") -> dict[str, Any]:
    lists = {"relationships": {"list": {"data": {"type": "list", "id": listed}}}} if listed else {}
    return {"data": {"type": kind, "attributes": attributes, **lists}}


def _people(*attributes: dict[str, Any]) -> dict[str, Any]:
    return {"profiles": {"data": [{"type": "profile", "attributes": each} for each in attributes]}}


def _consent(state: str, *channels: str) -> dict[str, Any]:
    parts = [channel.split("_") for channel in channels]
    return {name: {kind: {"consent": state} for of, kind in parts if of == name} for name, _ in parts}


#: ``{list}`` stands for a list that exists.
LIST = "{list}"
_IMPORT, _SUBSCRIBE = "/api/profile-bulk-import-jobs", "/api/profile-subscription-bulk-create-jobs"
_UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
_SUPPRESS, _UNSUPPRESS = "/api/profile-suppression-bulk-create-jobs", "/api/profile-suppression-bulk-delete-jobs"
_SARAH = {
    "email": "sarah.mason@klaviyo-demo.com",
    "phone_number": "+15005550006",
    "external_id": "63f64a2b-c6bf-40c7-b81f-bed08162edbe",
    "first_name": "Sarah",
    "last_name": "Mason",
    "organization": "Klaviyo",
    "locale": "en-US",
    "title": "Regional Manager",
    "image": "https://images.pexels.com/photos/3760854/pexels-photo-3760854.jpeg",
}
_WHERE = {
    "address1": "89 E 42nd St",
    "address2": "1st floor",
    "city": "New York",
    "country": "United States",
    "latitude": "40.7128",
    "longitude": "74.0060",
    "region": "NY",
    "zip": "10017",
    "timezone": "America/New_York",
    "ip": "127.0.0.1",
}
_ORDER = {
    "OrderId": "1234",
    "Categories": ["Fiction", "Classics"],
    "Discount Code": "Free Shipping",
    "DiscountValue": 5,
    "Items": [{"ProductID": "1111", "Quantity": 1, "ItemPrice": 9.99, "Categories": ["Fiction", "Children"]}],
    "BillingAddress": {"City": "Boston", "Phone": "+15551234567"},
}


def _metric(name: str) -> dict[str, Any]:
    return {"metric": {"data": {"type": "metric", "attributes": {"name": name}}}}


def _happened(profile: dict[str, Any], *events: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "profile": {"data": {"type": "profile", "attributes": profile}},
        "events": {"data": [{"type": "event", "attributes": event} for event in events]},
    }
    return _job(
        "event-bulk-create-job", {"events-bulk-create": {"data": [{"type": "event-bulk-create", "attributes": entry}]}}
    )


KLAVIYO = [
    Example(
        "a profile with all of its fields, imported in bulk",
        OPENAPI,
        _job(
            "profile-bulk-import-job",
            _people(_SARAH | {"location": _WHERE, "properties": {"pseudonym": "Dr. O"}}),
        ),
        _IMPORT,
        data_type="profiles",
        rows={
            **{name.upper(): [value] for name, value in (_SARAH | _WHERE).items()},
            "PAYLOAD": ['{"pseudonym":"Dr. O"}'],
        },
    ),
    Example(
        "a profile with a property whose name has spaces",
        f"{LABS}profiles/create_and_update_profile.sh",
        _job(
            "profile-bulk-import-job",
            _people(
                {
                    "email": "m@klaviyo-demo.com",
                    "location": {"city": "Boston"},
                    "properties": {"A roast": "dark"},
                }
            ),
        ),
        _IMPORT,
        data_type="profiles",
        rows={"EMAIL": ["m@klaviyo-demo.com"], "CITY": ["Boston"], "PAYLOAD": ['{"A roast":"dark"}']},
    ),
    Example(
        "an order placed and refunded, its times without a zone",
        GUIDE,
        _happened(
            {"email": "sarah.mason@klaviyo-demo.com", "phone_number": "+15005550006"},
            *(
                {
                    **_metric(name),
                    "properties": _ORDER,
                    "time": time,
                    "value": 29.98,
                    "value_currency": "USD",
                    "unique_id": "d47aeda5-1751-4483-a81e-6fcc8ad48711",
                }
                for name, time in (("Placed Order", "2022-11-08T00:00:00"), ("Refunded Order", "2022-11-10T00:00:00"))
            ),
        ),
        "/api/event-bulk-create-jobs",
        data_type="events",
        rows={
            "EMAIL": ["sarah.mason@klaviyo-demo.com"] * 2,
            "PHONE_NUMBER": ["+15005550006"] * 2,
            "METRIC_NAME": ["Placed Order", "Refunded Order"],
            "EVENT_TIME": ["2022-11-08T00:00:00", "2022-11-10T00:00:00"],
            "VALUE": [29.98] * 2,
            "VALUE_CURRENCY": ["USD"] * 2,
            "UNIQUE_ID": ["d47aeda5-1751-4483-a81e-6fcc8ad48711"] * 2,
            "PAYLOAD": ['{"OrderId":"1234","Discount Code":"A","Items":[{"Quantity":1,"ItemPrice":9.99}]}'] * 2,
        },
    ),
    Example(
        "an event with properties alone",
        f"{LABS}events/create_event_youtube/create_event.sh",
        # The script has the address among the profile's properties, where it identifies nobody: here it does.
        _happened(
            {"email": "m@klaviyo-demo.com"},
            {
                **_metric("Booked an appointment"),
                "properties": {"Makeup type": "wedding", "Appointment date": "2025-09-07"},
                "value": 100,
                "value_currency": "USD",
            },
        ),
        "/api/event-bulk-create-jobs",
        data_type="events",
        options={"metric": "Booked an appointment"},
        rows={
            "EMAIL": ["m@klaviyo-demo.com"],
            "EVENT_TIME": ["2025-09-01T10:00:00Z"],
            "VALUE": [100],
            "VALUE_CURRENCY": ["USD"],
            "PAYLOAD": ['{"Makeup type":"wedding","Appointment date":"2025-09-07"}'],
        },
    ),
    Example(
        "two people subscribed to mail and text messages",
        f"{LABS}profiles/subscribe_and_unsubscribe.sh",
        _job(
            "profile-subscription-bulk-create-job",
            _people(
                {"email": "jane@klaviyo-demo.com", "subscriptions": _consent("SUBSCRIBED", "email_marketing")},
                {
                    "email": "john@klaviyo-demo.com",
                    "phone_number": "+16175556748",
                    "subscriptions": _consent("SUBSCRIBED", "sms_marketing", "sms_transactional"),
                },
            )
            | {"historical_import": False},
            LIST,
        ),
        _SUBSCRIBE,
        data_type="subscribe",
        options={"channels": ["email_marketing", "sms_marketing"]},
        rows={
            "EMAIL": ["jane@klaviyo-demo.com", "john@klaviyo-demo.com"],
            "PHONE_NUMBER": [None, "+16175556748"],
            "EMAIL_MARKETING": ["SUBSCRIBED", None],
            "SMS_MARKETING": [None, "SUBSCRIBED"],
        },
    ),
    Example(
        "somebody unsubscribed from all of it",
        f"{LABS}profiles/subscribe_and_unsubscribe.sh",
        _job(
            "profile-subscription-bulk-delete-job",
            _people(
                {
                    "email": "jane@klaviyo-demo.com",
                    "phone_number": "+16175554321",
                    "subscriptions": _consent("UNSUBSCRIBED", "email_marketing", "sms_marketing", "sms_transactional"),
                }
            ),
            LIST,
        ),
        _UNSUBSCRIBE,
        data_type="unsubscribe",
        options={"channels": ["email_marketing", "sms_marketing"]},
        rows={"EMAIL": ["jane@klaviyo-demo.com"], "PHONE_NUMBER": ["+16175554321"]},
    ),
    Example(
        "an address suppressed",
        f"{LABS}profiles/suppress_and_unsuppress.sh",
        _job("profile-suppression-bulk-create-job", _people({"email": "jane@klaviyo-demo.com"})),
        _SUPPRESS,
        data_type="suppress",
        rows={"EMAIL": ["jane@klaviyo-demo.com"]},
    ),
    Example(
        "two addresses unsuppressed",
        f"{LABS}profiles/suppress_and_unsuppress.sh",
        _job(
            "profile-suppression-bulk-delete-job",
            _people({"email": "jane@klaviyo-demo.com"}, {"email": "john@klaviyo-demo.com"}),
        ),
        _UNSUPPRESS,
        data_type="unsuppress",
        rows={"EMAIL": ["jane@klaviyo-demo.com", "john@klaviyo-demo.com"]},
    ),
    Example(
        "a profile to delete",
        OPENAPI,
        _job(
            "data-privacy-deletion-job",
            {"profile": {"data": {"type": "profile", "attributes": {"email": "jane@klaviyo-demo.com"}}}},
        ),
        "/api/data-privacy-deletion-jobs",
        data_type="privacy_deletions",
        rows={"EMAIL": ["jane@klaviyo-demo.com"]},
    ),
]
