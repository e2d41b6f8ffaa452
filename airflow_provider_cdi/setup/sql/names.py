"""Names that come from outside, as SQL that can only be a name, and as ``source=`` of a sync; and the usual ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.sql.dialects import Dialect
from airflow_provider_cdi.hooks.sql.statements import table_path

#: Control characters, invisible ones, line ends, halves of characters: a name with one could end a comment or hide
#: what it is.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Klaviyo's own import reads from a schema of this name, and works in the other (facts of its set-up pages).
_SCHEMAS = {"braze": "ingestion", "klaviyo": "KLAVIYO_IMPORT_FROM_DWH"}
KLAVIYO_TMP = "KLAVIYO_TMP"
#: The names that Braze's pages use; those of Klaviyo's tables are free.
_TABLES = {
    ("braze", "attributes"): "users_attributes_sync",
    ("braze", "events"): "users_events_sync",
    ("braze", "purchases"): "users_purchases_sync",
    ("braze", "user_deletes"): "users_deletes_sync",
    ("braze", "catalog_items"): "catalog_items_sync",
}


def usual_schema(destination: str) -> str:
    """Return the schema of a sync's table when none is said.

    :param destination: ``braze`` or ``klaviyo``.
    """
    return _SCHEMAS[destination]


def usual_table(destination: str, data_type: str) -> str:
    """Return the name of a sync's table when none is said.

    :param destination: ``braze`` or ``klaviyo``.
    :param data_type: of the sync.
    """
    return _TABLES.get((destination, data_type), data_type)


@dataclass(frozen=True, slots=True)
class Blank:
    """What only a person can fill in. Its text is SQL that no warehouse runs.

    :param mark: what stands there until then.
    """

    mark: str

    def __str__(self) -> str:
        return f"<{self.mark}>"


def printable(text: str, option: str) -> str:
    """Return a text that stands in one line and shows what it is.

    :raises ConfigurationError: when it is empty or has characters that nobody sees.
    """
    if not text.strip():
        raise ConfigurationError(f"{option} is empty: name it, or leave the option out.")
    for sign in text:
        if unicodedata.category(sign) in _REFUSED:
            raise ConfigurationError(
                f"{option} holds the character U+{ord(sign):04X}, which nobody sees: take it out of the name."
            )
    return text


def path_of(text: str, dialect: Dialect, option: str, *, parts: int) -> tuple[str, ...]:
    """Take a name apart as ``source=`` does: plain parts are folded as the warehouse folds them, quoted ones are kept.

    :param parts: how many it may have.
    :raises ConfigurationError: when it is no such name.
    """
    path = table_path(printable(text, option), dialect)
    if len(path) > parts:
        wanted = "one name" if parts == 1 else f"a name of at most {parts} parts"
        raise ConfigurationError(
            f"{option} has {len(path)} parts, with points between them; give {wanted}. A point that belongs to a name "
            "stands in double quotes, within those of the shell."
        )
    return path


def as_source(path: Sequence[str], dialect: Dialect) -> str:
    """Return a path as the text that ``source=`` reads it back from."""
    return ".".join(_source_part(part, dialect) for part in path)


def _source_part(part: str, dialect: Dialect) -> str:
    # In backquotes and double quotes names are taken as they are, and both are doubled inside.
    quoted = '"' + part.replace('"', '""') + '"'
    if not part.replace("_", "").isalnum():
        return quoted
    return part if table_path(part, dialect) == (part,) else quoted


def inert(text: str) -> str:
    """Return a text that stays what it is when names are put between braces."""
    return text.replace("{", "{{").replace("}", "}}")


def as_sql(path: Sequence[str], dialect: Dialect) -> str:
    """Return a path as quoted SQL."""
    return ".".join(dialect.quoted(part) for part in path)


def as_text(value: str, dialect: Dialect) -> str:
    """Return a value as a text of SQL."""
    escaped = value.replace("\\", "\\\\") if dialect.has_backslashes else value
    doubled = escaped.replace("'", "\\'" if dialect.quote == "`" else "''")
    return f"'{doubled}'"
