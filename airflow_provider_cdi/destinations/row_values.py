"""What the rows of a request hold, taken out of what an answer says about them: that text goes into the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson

from airflow_provider_cdi.destinations.reject_codes import SENTENCE_CHARS
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.rejects import without_personal_data

_HIDDEN = "…"
_WORD = re.compile(r"\w+")
#: Of a longer sentence nothing behind it is kept, whatever is hidden before.
_LONGEST = 4 * SENTENCE_CHARS
#: A text at the ends of which nothing of a word stands is compared without it: ``+49 151`` as ``49 151``.
_EDGES = re.compile(r"^\W+|\W+$")


def values_of(records: Sequence[Record], more: Iterable[Any] = ()) -> frozenset[str]:
    """Gather what must not stand in a sentence about a request.

    :param records: those of the request, whose bodies are JSON.
    :param more: further values, as decoded JSON.
    """
    bodies = (orjson.loads(record.body) for record in records)
    return frozenset(_EDGES.sub("", value).lower() for body in chain(bodies, more) for value in leaves(body))


def without_values(said: str, values: frozenset[str]) -> str:
    """Take the values of rows out of a sentence of the other side; and what looks like an address, a number, a quote.

    :param values: from :func:`values_of`.
    :return: the sentence, cut short.
    """
    said = _hide(said.strip(), values)[:SENTENCE_CHARS]
    return without_personal_data(f"Answer: {said}").removeprefix("Answer: ")


def without_the_rows(said: str, records: Sequence[Record]) -> str:
    """Take the values of rows out of a sentence of the other side, and nothing else: for the reason of a reject."""
    return _hide(said, values_of(records)) if records else said


def leaves(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts and numbers in decoded JSON; a member ``type`` names a kind and is left out."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, name)
    elif isinstance(value, str) and name != "type":
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _hide(said: str, values: frozenset[str]) -> str:
    """Hide every run of whole words that is a value; a sentence has few words, a request may have many values."""
    said = said[:_LONGEST]
    words = [found.span() for found in _WORD.finditer(said)]
    parts, shown_to, word = [], 0, 0
    while word < len(words):
        start = words[word][0]
        last = next(
            (end for end in range(len(words) - 1, word - 1, -1) if said[start : words[end][1]].lower() in values), None
        )
        if last is not None:
            parts += [said[shown_to:start], _HIDDEN]
            shown_to, word = words[last][1], last
        word += 1
    return "".join([*parts, said[shown_to:]])
