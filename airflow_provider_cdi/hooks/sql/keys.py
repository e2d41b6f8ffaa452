"""Rows by their keys: what an identifier's text is compared with, so that the database finds the row that had it.

An identifier is text to us whatever its column holds: 12, 12.0 and ``'12'`` are the text ``12``. The database compares
numbers as numbers, and text as it stands, so that it can use what it has (an index, a sort key, a cluster).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.cursor_values import Column
from airflow_provider_cdi.hooks.sql.dialects import Dialect

#: The contract's names of identifiers -> the text that the row has under each; all of them hold at once.
Key: TypeAlias = Mapping[str, str]


class Lookup(NamedTuple):
    """What one query looks for.

    :param keys: of the rows, with :data:`MOST_VALUES` of values at most.
    :param bounds: of ``UPDATED_AT``.
    """

    keys: Sequence[Key]
    bounds: Bounds


#: Values of one statement: Databricks binds 256 at most, the others thousands.
MOST_VALUES = 200
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL, ColumnType.FLOAT})
_LARGEST = 2**63


def key_test(keys: Sequence[Key], columns: Mapping[str, Column], dialect: Dialect, hole: str) -> tuple[str, list[str]]:
    """Return the test for rows that have one of the keys, and its bound values.

    :param keys: at least one; a name that the source does not have matches nothing.
    :param columns: the contract's names of the identifiers -> the source's columns.
    :param dialect: how the database wants it.
    :param hole: stands for a bound value.
    """
    tests, values = [], []
    for left, right, bound in _comparisons(keys, columns, dialect, hole):
        if len(left) == 1:
            tests.append(f"{left[0]} in ({', '.join(right * len(bound))})")
        else:
            one = " and ".join(f"{column} = {value}" for column, value in zip(left, right, strict=True))
            tests.append(" or ".join([f"({one})"] * len(bound)))
        values += [value for group in bound for value in group]
    return " or ".join(tests) or "1 = 0", values


def _comparisons(
    keys: Sequence[Key], columns: Mapping[str, Column], dialect: Dialect, hole: str
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], list[tuple[str, ...]]]]:
    """Give what is compared alike: the columns, what stands for their values, and the values of each key."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[str, ...]]] = {}
    for key in keys:
        if not key or not key.keys() <= columns.keys():
            continue
        sides = [_sides(columns[name], text, dialect, hole) for name, text in key.items()]
        form = tuple(left for left, _ in sides), tuple(right for _, right in sides)
        alike.setdefault(form, []).append(tuple(key.values()))
    for (left, right), bound in alike.items():
        yield left, right, bound


def _sides(column: Column, text: str, dialect: Dialect, hole: str) -> tuple[str, str]:
    quoted = dialect.quoted(column.name)
    if column.kind is ColumnType.TEXT:
        return quoted, hole
    if column.kind in _NUMBERS and _is_whole(text):
        return quoted, dialect.whole.format(hole)
    return dialect.text.format(quoted), hole


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and -_LARGEST <= int(text) < _LARGEST
