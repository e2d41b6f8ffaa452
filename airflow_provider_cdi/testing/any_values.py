"""Rows and answers of every kind, for Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract
from airflow_provider_cdi.engine.verdicts import Response

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS
)
_NAMES = _TEXTS | st.sampled_from(["data", "errors", "message", "type", "index", "id", "time", "name", "properties"])
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)
_JSON = st.builds(json.dumps, _VALUES, ensure_ascii=st.booleans())

#: Arrow's type -> values of it, as warehouses have them.
_COLUMNS = st.sampled_from(
    [
        (pa.string(), _TEXTS | _JSON),
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.bool_(), st.booleans()),
        (pa.binary(), st.binary(max_size=4)),
        (pa.timestamp("us"), st.integers(-(2**62), 2**62)),
        (pa.timestamp("s", tz="UTC"), st.integers(-(2**40), 2**40)),
        (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.decimal128(30, 5), st.decimals(-(10**20), 10**20, places=5)),
        (pa.list_(pa.string()), st.lists(_TEXTS, max_size=3)),
        (
            pa.struct([("a", pa.int64()), ("b", pa.string())]),
            st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": _TEXTS}),
        ),
    ]
)


@st.composite
def any_rows(draw: st.DrawFn, contract: TableContract, good: Mapping[str, Any]) -> pa.RecordBatch:
    """Draw rows as a source may return them, with anything in their columns.

    :param contract: says which columns there are. Identifiers are texts, which may be no UTF-8; payloads are texts or
        structs; the others are of any type, also those that it does not name where it takes such.
    :param good: a row that is good: its values stand in between.
    """
    size = draw(st.integers(1, 4))
    columns: dict[str, pa.Array] = {"UPDATED_AT": pa.array([0] * size, pa.timestamp("us"))}
    others = () if contract.other_columns == "ignored" else ("another", "a___b", "a___c")
    for name in (*contract.names, *others):
        if name == UPDATED_AT or not draw(st.booleans() if name not in good else st.just(value=True)):
            continue
        columns[name] = draw(_column(name, contract, good, size))
    return pa.RecordBatch.from_pydict(columns)


def _column(name: str, contract: TableContract, good: Mapping[str, Any], size: int) -> st.SearchStrategy[pa.Array]:
    if name in contract.identifiers:
        found = st.lists(st.none() | _TEXTS.map(str.encode) | st.binary(max_size=4), min_size=size, max_size=size)
        column = found.map(lambda values: pa.array(values, pa.binary()).view(pa.string()))
    elif name == PAYLOAD:
        structs = pa.struct([("a", pa.int64()), ("time", pa.string())])
        column = _array(pa.string(), _TEXTS | _JSON, size) | _array(
            structs, st.fixed_dictionaries({"a": st.integers(0, 9), "time": _TEXTS}), size
        )
    else:
        column = _COLUMNS.flatmap(lambda kind: _array(kind[0], kind[1], size))
    return column | st.just(pa.array([good[name]] * size)) if name in good else column


def _array(kind: pa.DataType, values: st.SearchStrategy[Any], size: int) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | values, min_size=size, max_size=size).map(lambda some: pa.array(some, kind))


def any_responses(known: Sequence[Response]) -> st.SearchStrategy[Response]:
    """Return answers of any status, with any headers and any body.

    :param known: answers that a service gives: their bodies come with any status, and cut off.
    """
    statuses = st.sampled_from([*{answer.status for answer in known}, 200, 207, 304, 400, 401, 404, 413, 422, 429, 500])
    waits = st.sampled_from(["", "0", "7", "-1", "nan", "1e999", "soon", "Mon, 05 Jan 2026 12:00:10 GMT"]) | _TEXTS
    bodies = st.sampled_from([answer.body for answer in known])
    cut = st.builds(lambda body, end: body[:end], bodies, st.integers(0, 200))
    return st.builds(
        lambda status, wait, body: Response(status, {} if wait is None else {"retry-after": wait}, body),
        statuses,
        st.none() | waits,
        bodies | cut | _JSON.map(str.encode) | st.binary(max_size=20),
    )
