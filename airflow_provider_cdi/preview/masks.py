"""What people may not see of a preview: fields by their names, and the values of those wherever else they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from airflow_provider_cdi.engine.rows.plain_row import PlainRow
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.preview.json_pieces import JsonRewriter

#: Stands for what is masked.
HIDDEN = "***"
#: The word that masks every value.
ALL = "all"
#: Words that mask what looks like it too, in whatever field.
_LOOKS: Mapping[str, str] = {
    "email": r"""[^\s@'"`<>()\[\],;:=\\]+@[^\s@'"`<>()\[\],;:=\\]+""",
    "phone": r"\+\d[\d ()./-]{5,}\d",
}
_PHONE = re.compile(r"\+?[\d ()./-]{7,}")
#: What a field about an address or a number may say without naming anybody.
_STATES = frozenset(
    {"true", "false", "yes", "none", "null", "subscribed", "unsubscribed", "opted_in", "never_subscribed"}
)
#: A shorter value is masked only where it stands alone: it is a part of many words.
_LEAST_CHARS = 4


@dataclass(frozen=True, slots=True)
class Mask:
    """The fields that are masked.

    :param words: a field whose name contains one of them, whatever its case and its punctuation, is masked.
    :param hides_all: whether every value is.
    """

    words: tuple[str, ...] = ()
    hides_all: bool = False

    @classmethod
    def of(cls, words: Iterable[str]) -> Mask:
        """Make one of names of fields, such as ``email`` and ``phone``, or ``all``.

        :raises ConfigurationError: when a word names nothing.
        """
        named = [word.strip() for word in words]
        if wrong := [word for word in named if not _plain(word)]:
            raise ConfigurationError(f"A mask is {wrong[0]!r}; name fields such as email and phone, or all.")
        return cls(tuple(word for word in named if word != ALL), ALL in named)

    def __bool__(self) -> bool:
        return self.hides_all or bool(self.words)

    @property
    def told(self) -> list[str]:
        """The words, for whoever reads what is masked."""
        return [ALL] if self.hides_all else list(self.words)

    def hides(self, name: str) -> bool:
        """Whether the value of a field is masked."""
        return self.hides_all or any(_plain(word) in _plain(name) for word in self.words)

    def over(self, rows: Sequence[PlainRow]) -> Cover:
        """Return what covers the masked values of some rows."""
        return Cover(self, rows)


class Cover:
    """Covers what a mask hides: masked fields, and their values in other fields, in reasons and in paths.

    :param mask: which fields.
    :param rows: whose values are looked for.
    """

    def __init__(self, mask: Mask, rows: Sequence[PlainRow]) -> None:
        self._mask = mask
        found = {text for row in rows for text in _texts_below(_all_of(row), mask, hides=False)}
        found = {text for text in found if text.casefold() not in _STATES}
        self._values = {text.casefold() for text in found}
        looks = _LOOKS.values() if mask.hides_all else [_LOOKS[word] for word in mask.words if word in _LOOKS]
        parts = {form for text in found for form in _forms(text) if len(form) >= _LEAST_CHARS}
        patterns = [*map(re.escape, sorted(parts, key=len, reverse=True)), *looks]
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def text(self, text: str) -> str:
        """Cover the values in a text."""
        if text.casefold() in self._values:
            return HIDDEN
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def value(self, name: str, value: Any) -> Any:
        """Cover the value of a column.

        :param name: of the column.
        """
        if value is None or not self._mask:
            return value
        if self._mask.hides(name):
            return HIDDEN
        return self.text(value) if isinstance(value, str) else value

    def json(self, text: str) -> str:
        """Cover the values in a JSON text; every other character of it stays as it is."""
        if not self._mask:
            return text
        return JsonRewriter(self._mask.hides, self.text, self._hidden).rewrite(text)

    def _hidden(self, text: str) -> str:
        """Return what stands for a value of a masked field; a state, such as a consent, names nobody."""
        return text if text.casefold() in _STATES and not self._mask.hides_all else HIDDEN

    def path(self, path: str) -> str:
        """Cover the values in the path of a request, which is shown decoded then."""
        plain = unquote(path)
        covered = self.text(plain)
        return path if covered == plain else covered


def _all_of(row: PlainRow) -> dict[str, Any]:
    return {**row.columns, "PAYLOAD": row.payload, **row.identifier}


def _texts_below(value: Any, mask: Mask, *, hides: bool) -> Iterator[str]:
    """Give the texts and numbers of masked fields."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts_below(inner, mask, hides=hides or mask.hides(str(name)))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts_below(inner, mask, hides=hides)
    elif isinstance(value, str) and (decoded := _decoded(value)) is not None:
        yield from _texts_below(decoded, mask, hides=hides)
    elif hides and isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value):
        yield str(value)


def _decoded(text: str) -> Any:
    """Return what a text holds as JSON, None when it holds no object and no list."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _forms(text: str) -> Iterator[str]:
    """Give the forms in which a value may stand elsewhere: a phone number also without its punctuation."""
    yield text
    if _PHONE.fullmatch(text):
        yield "".join(digit for digit in text if digit.isdigit())


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
