from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.rows.value_text import TEXTS_FIELD, VALUES_FIELD
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.arrow.column_types import MYSQL_FIELD_TYPES, ColumnType, column_type_of
from airflow_provider_cdi.hooks.arrow.cursor_values import identifier_text
from airflow_provider_cdi.hooks.arrow.rows import RowShape

ATTRIBUTES = TableContract("attributes", ("EXTERNAL_ID", "EMAIL"), optional=("DELETED",))
THEN = datetime.fromisoformat("2026-01-01T12:00:00")


def convert(values: Sequence[Any], kind: ColumnType = ColumnType.UNKNOWN, *, payload: bool = False) -> pa.RecordBatch:
    """Rows with one more column ``x``: the payload, or a field of a built one."""
    available = ["updated_at", "external_id", "x"]
    named: dict[str, Any] = {"columns": {"PAYLOAD": "x"}} if payload else {"payload_columns": {"x": "deep.x"}}
    shape = RowShape(
        select_columns(ATTRIBUTES, available, **named), lambda name: kind if name == "x" else ColumnType.UNKNOWN
    )
    return shape.from_rows([(THEN, "a", value) for value in values])


def field(batch: pa.RecordBatch) -> tuple[pa.DataType, dict[bytes, bytes] | None, list[Any]]:
    deep = batch.schema.field("PAYLOAD").type.field("deep").type.field("x")
    return deep.type, deep.metadata, [row["deep"]["x"] for row in batch["PAYLOAD"].to_pylist()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("a", "a"),
        (7, "7"),
        (True, "true"),
        (7.0, "7"),
        (7.5, "7.5"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (Decimal("7.00"), "7"),
        (Decimal("12345678901234567890123"), "12345678901234567890123"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_an_identifier_is_written_as_a_person_would(value: Any, text: str | None) -> None:
    assert identifier_text(value) == text


@pytest.mark.parametrize("value", [b"a", [1], {"a": 1}])
def test_an_identifier_of_no_plain_type_is_a_reject_and_its_neighbours_go_on(value: Any) -> None:
    shape = RowShape(
        select_columns(ATTRIBUTES, ["updated_at", "external_id", "payload"]), lambda _name: ColumnType.UNKNOWN
    )
    batch = shape.from_rows([(THEN, "a", "{}"), (THEN, value, "{}"), (THEN, 7, "{}")])
    one, other, third = braze_destination("attributes").encode(batch)
    assert isinstance(other, Rejection)
    assert (one.key, other.code, third.key) == ("external_id:a", "identifier_unreadable", "external_id:7")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"a":1}', '{"a":1}'),
        ({"a": Decimal("1.50"), "b": [None]}, '{"a":1.50,"b":[null]}'),
        ({"big": 2**70}, '{"big": 1180591620717411303424}'),
        (["a"], '["a"]'),
        (7, "7"),
        (b'{"a":1}', '{"a":1}'),
        (b"\xff", "\\xff"),
        (None, None),
    ],
)
def test_a_payload_becomes_json_text(value: Any, text: str | None) -> None:
    assert convert([value], payload=True)["PAYLOAD"].to_pylist() == [text]


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        (THEN, ColumnType.TIMESTAMP),
        (THEN.replace(tzinfo=UTC), ColumnType.TIMESTAMP_TZ),
        (THEN.replace(hour=14, tzinfo=timezone(timedelta(hours=2))), ColumnType.TIMESTAMP_TZ),
        (THEN.replace(hour=14, tzinfo=timezone(timedelta(hours=2))), ColumnType.UNKNOWN),
    ],
)
def test_updated_at_is_in_utc_without_a_zone(moment: datetime, kind: ColumnType) -> None:
    shape = RowShape(select_columns(ATTRIBUTES, ["updated_at", "email", "payload"]), lambda _name: kind)
    shape = RowShape(shape._selection, lambda name: kind if name == "updated_at" else ColumnType.UNKNOWN)
    batch = shape.from_rows([(moment, "a", "{}")])
    assert batch.schema.field("UPDATED_AT").type == pa.timestamp("us")
    assert batch["UPDATED_AT"].to_pylist() == [THEN]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None], ColumnType.UNKNOWN, (pa.int64(), None, [1, None])),
        ([1, 2.5], ColumnType.UNKNOWN, (pa.string(), VALUES_FIELD, ["1", "2.5"])),
        ([Decimal("1.50")], ColumnType.OTHER, (pa.string(), VALUES_FIELD, ["#1.50"])),
        (
            [Decimal("1.5"), Decimal("NaN")],
            ColumnType.OTHER,
            (pa.string(), VALUES_FIELD, ["#1.5", "!is NaN or infinite|NaN"]),
        ),
        (
            [Decimal("1.50"), "NaN"],
            ColumnType.NUMBER,
            (pa.string(), VALUES_FIELD, ["#1.50", "!is NaN or infinite|NaN"]),
        ),
        ([THEN, THEN.date()], ColumnType.OTHER, (pa.string(), VALUES_FIELD, ["@2026-01-01T12:00:00", "@2026-01-01"])),
        (["a", None], ColumnType.UNKNOWN, (pa.string(), TEXTS_FIELD, ["a", None])),
        ([None], ColumnType.TEXT, (pa.string(), None, [None])),
        ([2**63], ColumnType.INTEGER, (pa.string(), VALUES_FIELD, ["9223372036854775808"])),
        ([[1, 2]], ColumnType.OTHER, (pa.string(), VALUES_FIELD, ["[1,2]"])),
        ([1, "a"], ColumnType.UNKNOWN, (pa.string(), VALUES_FIELD, ["1", '"a"'])),
        ([{"a": 1}, None], ColumnType.OTHER, (pa.string(), VALUES_FIELD, ['{"a":1}', None])),
        (['{"a": 1.0}'], ColumnType.JSON, (pa.string(), {b"cdi": b"json"}, ['{"a": 1.0}'])),
        ([uuid.UUID(int=1)], ColumnType.UUID, (pa.string(), None, [str(uuid.UUID(int=1))])),
    ],
)
def test_a_column_of_the_payload_keeps_its_type(values: list[Any], kind: ColumnType, expected: Any) -> None:
    assert field(convert(values, kind)) == expected


@pytest.mark.parametrize("kind", [ColumnType.BINARY, ColumnType.INTERVAL])
def test_a_column_of_a_type_without_a_form_in_json_is_refused(kind: ColumnType) -> None:
    with pytest.raises(SourceError, match=r"'x'.*no form in JSON"):
        convert([None], kind)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"x", "binary data"),
        (timedelta(days=1), "an interval"),
        (float("-inf"), "NaN or infinite"),
        ([1.0, float("nan")], "NaN or infinite"),
        ([1, [b"x"]], "binary data"),
        ("\udc80", "text that is not UTF-8"),
    ],
)
def test_a_value_without_a_form_in_json_is_a_reject_that_names_the_column(value: Any, what: str) -> None:
    one, other = braze_destination("attributes").encode(convert(["fine", value]))
    assert isinstance(one, Record)
    assert isinstance(other, Rejection)
    assert other.code == "payload_type_unsupported"
    assert re.search(rf"^PAYLOAD\.deep\.x .*{what}", other.reason)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (None, ColumnType.UNKNOWN),
        (12, ColumnType.TIMESTAMP),
        ("timestamp(3) with time zone", ColumnType.TIMESTAMP_TZ),
        ("varchar(255)", ColumnType.TEXT),
        (datetime, ColumnType.TIMESTAMP),
        (bytes, ColumnType.UNKNOWN),
        ("hyperloglog", ColumnType.OTHER),
    ],
)
def test_type_codes_of_any_style_are_understood(code: object, kind: ColumnType) -> None:
    assert column_type_of(code, MYSQL_FIELD_TYPES) is kind
