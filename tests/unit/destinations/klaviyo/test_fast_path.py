"""Profiles that are like most are begun many at once, and come out as if each had been looked at closely."""

from __future__ import annotations

from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.klaviyo_rows import NOT_UTF8, make

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.rows.records import Record

LIMITS = KlaviyoLimits(email_chars=12, external_id_chars=4, profile_bytes=150)
OPTIONS = [
    {},
    {"limits": LIMITS},
    {"null_policy": "clear"},
    {"default_region": "DE", "limits": LIMITS},
]
COLUMNS = ("KLAVIYO_ID", "EMAIL", "PHONE_NUMBER", "EXTERNAL_ID", "FIRST_NAME", "TITLE", "CITY", "ZIP", "LATITUDE")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
nasty = texts | st.sampled_from(["", " ", "a b", 'a"b', "a\\b", "é", "\x7f", "\x1f", "\u2028", "a\n", "x" * 5, "😀"])
emails = nasty | st.sampled_from(["a@b.io", "A@B.io", "a@b", "a@b.io ", "ä@b.io", "a@b..io", "longer@mail.io", "@b.io"])
numbers = nasty | st.sampled_from(["+4915112345678", "015112345678", "+0", "+49 151 12345678", "+1"])
payloads = nasty | st.sampled_from(
    ["{}", " {} ", "{ }", '{"a":1}', ' {"a":1.50} ', '{"a":null}', '{"a":null,"b":[]}', '{"$a":1}', '{"":1}',
     '{"\\u0024a":1}', '{"a":"$","b":""}', "[]", "null",
     '{"a":1,"a":2}', '{"a":12345678901234567890123}', '{"a":"%s"}' % ("x" * 120)]
)  # fmt: skip
strategies = {"EMAIL": emails, "PHONE_NUMBER": numbers}
rows = st.fixed_dictionaries(
    {}, optional={name: st.none() | strategies.get(name, nasty) for name in COLUMNS} | {"PAYLOAD": st.none() | payloads}
)
ada = st.fixed_dictionaries(
    {"EMAIL": st.just("a@b.io")}, optional={"FIRST_NAME": nasty, "CITY": nasty, "PAYLOAD": payloads}
)


def batch_of(some_rows):
    columns = {name: pa.array([row.get(name) for row in some_rows], pa.string()) for name in (*COLUMNS, "PAYLOAD")}
    return pa.RecordBatch.from_pydict({"UPDATED_AT": pa.array(range(len(some_rows)), pa.timestamp("us")), **columns})


def plain(entries):
    return [
        (entry.keys, entry.body, entry.group, entry.unique, list(entry.identifiers.items()))
        if isinstance(entry, Record)
        else entry
        for entry in entries
    ]


def closely(destination, batch):
    """Encode each row by itself, with all looks."""
    with mock.patch.object(destination, "_encode_fast", lambda rows, *_: [None] * rows.num_rows):
        return plain(destination.encode(batch))


def text_of(value):
    """Make a text column of bytes, whatever they are."""
    return pa.array([value]).view(pa.string())


@pytest.mark.parametrize("options", OPTIONS)
@settings(max_examples=250, deadline=None)
@given(some_rows=st.lists(rows, min_size=1, max_size=4) | st.lists(ada, min_size=1, max_size=4))
def test_a_short_look_and_a_close_one_give_the_same_entries(options, some_rows):
    destination = make(**options)
    for batch in (batch_of(some_rows), batch_of(some_rows).slice(1)):
        assert plain(destination.encode(batch)) == closely(destination, batch)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("CITY", NOT_UTF8),
        ("CITY", text_of(b"\xed\xa0\x80")),
        ("EXTERNAL_ID", NOT_UTF8),
        ("EXTERNAL_ID", pa.array([b"\xff"])),
        ("FIRST_NAME", pa.array(["Ada"], pa.large_string())),
        ("FIRST_NAME", pa.array(["Ada"]).dictionary_encode()),
        ("LATITUDE", pa.array([52.5])),
        ("ZIP", pa.array([10115])),
    ],
)
def test_columns_of_other_types_come_out_the_same(name, array):
    size = len(array)
    columns = {"EMAIL": pa.array(["a@b.io"] * size), "UPDATED_AT": pa.array([0] * size, pa.timestamp("us"))}
    batch = pa.RecordBatch.from_pydict({**columns, name: array})
    assert plain(make().encode(batch)) == closely(make(), batch)


def test_most_rows_need_no_close_look():
    row = {"EMAIL": "Ada@b.io", "EXTERNAL_ID": "c-1", "FIRST_NAME": "Zoë", "CITY": "New York", "PAYLOAD": '{"a":[{}]}'}
    destination = make()
    with mock.patch.object(destination, "_encode_row") as close_look:
        assert all(isinstance(entry, Record) for entry in destination.encode(batch_of([row, row])))
    close_look.assert_not_called()
