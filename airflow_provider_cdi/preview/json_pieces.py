"""A JSON text with some of its values replaced: every other character stays where it is, also the form of numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|\s+|"', re.DOTALL)


class JsonRewriter:
    """Replaces values in JSON texts.

    :param hides: whether the values of a member of an object are hidden, all below it too; asked by its name.
    :param text_of: what to show for a text, a number or a name that is not hidden.
    :param hidden_of: what to show for one that is.
    """

    def __init__(
        self, hides: Callable[[str], bool], text_of: Callable[[str], str], hidden_of: Callable[[str], str]
    ) -> None:
        self._hides = hides
        self._text_of = text_of
        self._hidden_of = hidden_of
        #: Of each open object or list: whether it is an object, and whether what is in it is hidden.
        self._open: list[tuple[bool, bool]] = []
        #: Whether the next text is the name of a member, and whether the next value is hidden.
        self._is_name = self._is_hidden = False

    def rewrite(self, text: str) -> str:
        """Return a text with values replaced.

        :param text: JSON; anything else is read as far as it looks like it.
        """
        self._open = [(False, self._hides(""))]
        self._is_name, self._is_hidden = self._open[-1]
        return "".join(map(self._shown, _PIECES.findall(text)))

    def _shown(self, piece: str) -> str:
        if piece in "{[}],:":
            self._step(piece)
            return piece
        if self._is_name and piece.startswith('"'):
            self._is_hidden = self._open[-1][1] or self._hides(_decoded(piece))
            return _changed(piece, self._text_of)
        if piece.isspace() or piece == "null":
            return piece
        return _changed(piece, self._hidden_of if self._is_hidden else self._text_of)

    def _step(self, mark: str) -> None:
        if mark in "{[":
            self._open.append((mark == "{", self._is_hidden))
            self._is_name = mark == "{"
        elif mark == ",":
            self._is_name, self._is_hidden = self._open[-1]
        elif mark == ":":
            self._is_name = False
        elif len(self._open) > 1:
            self._open.pop()


def _changed(piece: str, shown_of: Callable[[str], str]) -> str:
    plain = _decoded(piece)
    shown = shown_of(plain)
    return piece if shown == plain else json.dumps(shown, ensure_ascii=False)


def _decoded(piece: str) -> str:
    if not piece.startswith('"'):
        return piece
    try:
        return str(json.loads(piece, strict=False))
    except ValueError:
        return piece
