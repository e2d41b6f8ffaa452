"""Commands of a shell with what a person knows, and with gaps that stop them until they are filled."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError

#: Stands for a gap while JSON is made, which leaves it as it is; no name may hold it.
_HOLE = "\x7f"


@dataclass(frozen=True, slots=True)
class Gap:
    """A variable of the shell. The command stops when it is not set.

    :param name: of the variable.
    :param meaning: what to set it to; plain words, for they stand in the command.
    """

    name: str
    meaning: str

    def __post_init__(self) -> None:
        if not (re.fullmatch(r"[A-Z][A-Z_]*", self.name) and re.fullmatch(r"[\w ,./:<>()-]+", self.meaning)):
            raise ValueError(f"{self.name}: {self.meaning!r} is no plain text.")

    def __str__(self) -> str:
        return f'"${{{self.name}:?{self.meaning}}}"'


def word(value: str | Gap) -> str:
    """Return one argument of a command.

    :raises ConfigurationError: when the command would take it for an option.
    """
    if isinstance(value, str) and value.startswith("-"):
        raise ConfigurationError(
            f"{value!r} begins with a dash, so a command would take it for an option: name another."
        )
    return str(value) if isinstance(value, Gap) else shlex.quote(value)


@dataclass(frozen=True, slots=True)
class Joined:
    """A text of several parts, gaps among them, as a value of :func:`json_word`."""

    parts: tuple[str | Gap, ...]


def json_word(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return JSON as one argument of a command.

    :param value: its values may be a :class:`Gap`, or :class:`Joined`.
    :param indent: as of ``json.dumps``.
    """
    gaps: list[Gap] = []

    def marked(found: Any) -> str:
        parts = found.parts if isinstance(found, Joined) else (found,)
        gaps.extend(part for part in parts if isinstance(part, Gap))
        return "".join(_HOLE if isinstance(part, Gap) else part for part in parts)

    text = json.dumps(value, default=marked, indent=indent, ensure_ascii=False)
    first, *others = map(shlex.quote, text.split(_HOLE))
    return first + "".join(f"{gap}{piece}" for gap, piece in zip(gaps, others, strict=True))
