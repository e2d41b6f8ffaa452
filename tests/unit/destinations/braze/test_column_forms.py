"""Payloads that are built from columns: ids become text, whole numbers whole, prices numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

BUY = {"product_id": "p", "currency": "USD", "price": 1}


def built(values, **kinds):
    """Make a struct of one row, as ``payload_columns`` do."""
    arrays = [pa.array([value], kinds.get(name)) for name, value in values.items()]
    return pa.StructArray.from_arrays(arrays, list(values))


def marked(name, text, mark):
    """Make a struct with one field whose text says what it is: JSON, or a value of its own type."""
    field = pa.field(name, pa.string(), metadata={b"cdi": mark})
    return pa.StructArray.from_arrays([pa.array([text])], fields=[field])


@pytest.fixture(name="sent")
def _sent(encode_row):
    def sent(data_type, payload):
        """Encode a row, and give the text of its payload's members, or the code of its reject."""
        result = encode_row(data_type, {"EXTERNAL_ID": "c", "PAYLOAD": payload})
        return getattr(result, "code", None) or result.body.removeprefix(b'{"external_id":"c",').decode()[:-1]

    return sent


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("quantity", 2.0, "2"),
        ("quantity", Decimal("2.00"), "2"),
        ("quantity", Decimal("2"), "2"),
        ("quantity", 2, "2"),
        ("quantity", " 2 ", "2"),
        ("quantity", "2.0", "2"),
        ("product_id", 12345678901, '"12345678901"'),
        ("product_id", 7.0, '"7"'),
        ("product_id", Decimal("12345678901234567890123.00"), '"12345678901234567890123"'),
        ("product_id", "07", '"07"'),
        ("price", "19.90", "19.90"),
        ("price", " 0.1000000000000000055 ", "0.1000000000000000055"),
        ("price", Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        ("price", "-5", "-5"),
        ("currency", "krw", '"KRW"'),
        ("currency", " usd ", '"USD"'),
        ("app_id", 7, '"7"'),
        ("_update_existing_only", 1, "true"),
    ],
)
def test_a_member_of_a_purchase_gets_the_form_that_braze_wants(member, value, text, sent):
    members = sent("purchases", built({**BUY, member: value, "time": "2026-01-05"}))
    assert f'"{member}":{text}' in members.split(',"time"')[0].split("{")[-1]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("quantity", 2.5, "quantity_invalid"),
        ("quantity", Decimal("2.50"), "quantity_invalid"),
        ("quantity", "two", "quantity_invalid"),
        ("quantity", "101", "quantity_invalid"),
        ("product_id", 7.5, "product_id_missing"),
        ("product_id", True, "product_id_missing"),
        ("price", "1,299.00", "price_invalid"),
        ("price", "free", "price_invalid"),
        ("price", "", "price_invalid"),
        ("currency", 410, "currency_invalid"),
    ],
)
def test_what_is_not_one_thing_without_doubt_stays_a_reject(member, value, code, sent):
    assert sent("purchases", built({**BUY, member: value})) == code


def test_a_map_is_built_like_a_struct(sent):
    payload = pa.array(
        [[("product_id", "7"), ("currency", "usd"), ("price", "1.10"), ("quantity", "2"), ("time", "2026-01-05")]],
        pa.map_(pa.string(), pa.string()),
    )
    assert (
        sent("purchases", payload) == '"product_id":"7","currency":"USD","price":1.10,"quantity":2,"time":"2026-01-05"'
    )


@pytest.mark.parametrize(
    ("text", "mark", "said"),
    [("7", b"json", '"7"'), ('"x"', b"json", '"x"'), ("#7.00", b"values", '"7"'), ('"7"', b"values", '"7"')],
)
def test_values_that_are_json_already_get_their_form_too(text, mark, said, sent):
    assert sent("events", marked("name", text, mark)).startswith(f'"time":"2026-01-05T09:30:00.123Z","name":{said}')


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("phone", 821012345678, '"821012345678"'),
        ("dob", datetime(1990, 1, 31, tzinfo=UTC), '"1990-01-31"'),
        ("dob", date(1990, 1, 31), '"1990-01-31"'),
        ("dob", "1990-01-31 00:00:00", '"1990-01-31"'),
        ("dob", "1990-01-31 10:00:00", '"1990-01-31 10:00:00"'),
        ("_merge_objects", "true", "true"),
        ("_merge_objects", 0.0, "false"),
        ("push_token_import", Decimal("1"), "true"),
        ("email_open_tracking_disabled", "Y", "true"),
        ("email_click_tracking_disabled", 2, "2"),
        ("plan", 7.0, "7.0"),
        ("quantity", "2", '"2"'),
        ("dob", None, "null"),
        ("_merge_objects", None, "null"),
    ],
)
def test_a_member_of_attributes_gets_its_form_and_custom_ones_stay(member, value, text, sent):
    assert sent("attributes", built({member: value})) == f'"{member}":{text}'


def test_json_that_was_written_by_hand_stays(sent, encode_row):
    written = '{"product_id": 7, "currency": "krw", "price": 1.10, "time": "2026-01-05"}'
    assert sent("purchases", pa.array([written])) == written[1:-1]
    assert sent("purchases", pa.array(['{"product_id":"p","currency":"USD","price":"1"}'])) == "price_invalid"


@pytest.mark.parametrize(
    "number", [42, 42.0, Decimal("42.00"), Decimal("42"), pa.array([42.0], pa.float32()), pa.array([42], pa.uint8())]
)
@pytest.mark.parametrize("data_type", ["attributes", "user_deletes"])
def test_a_whole_number_is_an_external_id(data_type, number, encode_row):
    ids = number if isinstance(number, pa.Array) else pa.array([number])
    row = {"EXTERNAL_ID": ids} | ({} if data_type == "user_deletes" else {"PAYLOAD": "{}"})
    assert encode_row(data_type, row).key == "external_id:42"


@pytest.mark.parametrize(
    ("number", "key"),
    [(123456789012.0, "123456789012"), (1e15, "1000000000000000"), (7.5, "7.5"), (Decimal("7.50"), "7.50")],
)
def test_an_id_is_written_with_all_its_digits(number, key, encode_row):
    assert encode_row("attributes", {"EXTERNAL_ID": pa.array([number]), "PAYLOAD": "{}"}).key == f"external_id:{key}"


def test_an_id_that_is_no_number_is_missing(code_of):
    assert code_of("attributes", {"EXTERNAL_ID": pa.array([float("nan")]), "PAYLOAD": "{}"}) == "identifier_missing"
