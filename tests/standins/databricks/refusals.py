"""DuckDB's complaints in the words and with the SQLSTATE of Databricks."""

from __future__ import annotations

import re

from standins.databricks.engine import StatementRefused

_MISSING = (
    "TABLE_OR_VIEW_NOT_FOUND",
    "The table or view {} cannot be found. Verify the spelling and correctness of the schema and catalog.\n"
    "If you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with "
    "the correct schema and catalog.\nTo tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.",
    "42P01",
)
_UNRESOLVED = ("UNRESOLVED_COLUMN.WITH_SUGGESTION", "A column with name {} cannot be resolved.", "42703")
_ROUTINE = (
    "UNRESOLVED_ROUTINE",
    "Cannot resolve routine {} on search path [`system`.`builtin`, `system`.`session`, `workspace`.`default`].",
    "42883",
)
_ARGUMENTS = (
    "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
    "Cannot resolve {} due to data type mismatch: a parameter requires another type.",
    "42K09",
)
_COUNT = ("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "A function got {} parameters, which are more than it takes.", "42605")
_SYNTAX = ("PARSE_SYNTAX_ERROR", "Syntax error at or near {}.", "42601")
_CAST = (
    "CAST_INVALID_INPUT",
    'The value {} of the type "STRING" cannot be cast to another type because it is malformed.',
    "22018",
)

#: A pattern of DuckDB's text -> (error class, text with the pattern's first group, SQLSTATE).
_MAPPED = (
    (r"Table with name (.+?) does not exist", _MISSING),
    (r"Catalog \"?([^\"!\s]+)\"? does not exist", _MISSING),
    (r"[Ss]chema with name \"?([^\"\s]+)\"? (?:does not exist|not found)", _MISSING),
    (r"Referenced column (\S+) (?:was )?not found", _UNRESOLVED),
    (r"Function with name (\S+) does not exist", _ROUTINE),
    (r"No function matches the given name and argument types '(.+?)'", _ARGUMENTS),
    (r"number of provided arguments \((\d+)\)", _COUNT),
    (r"Could not convert string ('.*?') to", _CAST),
    (r"(?i)(syntax error|invalid expression|required keyword|expecting)", _SYNTAX),
)


def refused(error: Exception) -> StatementRefused:
    """Say a complaint as Databricks says it."""
    for pattern, (condition, text, state) in _MAPPED:
        found = re.search(pattern, str(error))
        if found:
            return StatementRefused.of(condition, text.format(found[1]), state)
    return StatementRefused.of("INTERNAL_ERROR", f"{type(error).__name__}: {str(error).splitlines()[0]}", "XX000")
