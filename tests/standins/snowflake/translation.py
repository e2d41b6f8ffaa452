"""Snowflake's SQL in DuckDB's words, with the types that Snowflake would give to every column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SchemaError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.schema import MappingSchema

from standins.snowflake import faults
from standins.snowflake.column_types import is_semi_structured
from standins.snowflake.engine_sql import MOMENTS, engine_sql
from standins.snowflake.names import Path

#: Columns of every object: what a statement is checked and typed against.
Catalog = Mapping[Path, Mapping[str, exp.DataType]]


@dataclass(frozen=True, slots=True)
class Context:
    """What an unqualified name and a time without zone mean in a session."""

    database: str | None
    schema: str | None
    zone: str = "UTC"


@dataclass(slots=True)
class Translated:
    """One statement for the engine.

    :param tree: as Snowflake means it, names complete.
    :param sql: for DuckDB.
    :param reads: the objects that it reads or changes.
    :param kinds: Snowflake's types of a query's columns, by name, as far as they are known.
    """

    tree: exp.Expression
    sql: str
    reads: list[Path] = field(default_factory=list)
    kinds: dict[str, exp.DataType | None] = field(default_factory=dict)


def parse(text: str) -> exp.Expression:
    """Parse one statement.

    :raises SnowflakeError: when it is none.
    """
    try:
        return sqlglot.parse_one(text, read="snowflake")
    except (ParseError, TokenError) as error:
        words = re.sub(r"\x1b\[\d*m", "", str(error))
        raise faults.bad_syntax(f"syntax error line 1 at position 0 unexpected: {words}") from None


def bind(tree: exp.Expression, bindings: Mapping[str, Mapping[str, Any]] | None) -> exp.Expression:
    """Put the values that came beside the statement into it, as literals."""
    values = iter(sorted((bindings or {}).items(), key=lambda item: int(item[0])))
    for hole in list(tree.find_all(exp.Placeholder, bfs=False)):
        _, bound = next(values)
        value = bound["value"]
        hole.replace(exp.Literal.number(value) if bound["type"] == "FIXED" else exp.Literal.string(value))
    return tree


def table_path(tree: exp.Expression, context: Context) -> Path:
    """Return the complete name of the one table of a statement.

    :raises SnowflakeError: when nothing completes it.
    """
    return _complete(tree, context)[0]


def translate(tree: exp.Expression, context: Context, catalog: Catalog) -> Translated:
    """Complete the names, find the types, and say it in DuckDB's words.

    :raises SnowflakeError: when an object or column is missing.
    """
    if isinstance(tree, exp.Query):
        return _query(tree, context, catalog, outermost=True)
    return _change(tree, context, catalog)


def _query(tree: exp.Query, context: Context, catalog: Catalog, *, outermost: bool) -> Translated:
    _name_outputs(tree)
    paths = _complete(tree, context)
    _check_known(paths, catalog)
    try:
        tree = qualify(tree, dialect="snowflake", schema=_schema(catalog, paths), quote_identifiers=True)
    except (OptimizeError, SchemaError) as error:
        found = re.search(r"'([^']*)'", str(error))
        raise faults.unknown_column(found[1] if found else str(error)) from None
    tree = annotate_types(tree, schema=_schema(catalog, paths), dialect="snowflake")
    kinds = {column.alias_or_name: column.type for column in tree.selects}
    sql = engine_sql(_with_json(tree.copy(), "shown_json" if outermost else "kept_json"), context.zone)
    return Translated(tree, sql, paths, kinds)


def _with_json(tree: exp.Query, function: str) -> exp.Query:
    """Put a function around VARIANT and its kin: they are shown on several lines, as the service does, or kept."""
    for column in tree.selects if isinstance(tree, exp.Select) else []:
        if is_semi_structured(column.type):
            text = exp.Anonymous(this=function, expressions=[column.unalias().copy()])
            column.replace(exp.alias_(text, column.alias, quoted=True))
    return tree


def _change(tree: exp.Expression, context: Context, catalog: Catalog) -> Translated:
    if isinstance(tree, exp.Insert):
        _cast_moments(tree, context, catalog)
    inner = tree.args.get("expression") if isinstance(tree, exp.Insert | exp.Create) else None
    translated = None
    if isinstance(inner, exp.Query):
        translated = _query(inner.copy(), context, catalog, outermost=False)
        inner.replace(exp.Var(this="__QUERY__"))
    paths = _complete(tree, context)
    if not isinstance(tree, exp.Create | exp.Drop):
        _check_known(paths, catalog)
    sql = engine_sql(tree, context.zone)
    if translated is None:
        return Translated(tree, sql, paths)
    sql = sql.replace("__QUERY__", translated.sql)
    return Translated(tree, sql, paths + translated.reads, translated.kinds)


def _cast_moments(tree: exp.Insert, context: Context, catalog: Catalog) -> None:
    """Cast text that goes into a column with a zone: DuckDB reads fewer forms of it by itself."""
    path = _complete(exp.select("*").from_(tree.find(exp.Table).copy()), context)[0]
    kinds = catalog.get(path, {})
    named = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    names = [normalize_identifiers(name.copy(), dialect="snowflake").name for name in named] or list(kinds)
    source = tree.expression
    rows = [row.expressions for row in source.expressions] if isinstance(source, exp.Values) else [source.selects]
    for row in rows:
        for name, value in zip(names, row, strict=False):
            kind = kinds.get(name)
            if kind is not None and kind.this in MOMENTS and isinstance(value, exp.Literal):
                value.replace(exp.Cast(this=value.copy(), to=kind.copy()))


def _complete(tree: exp.Expression, context: Context) -> list[Path]:
    """Fold the names and give every table its three parts; return the paths."""
    normalize_identifiers(tree, dialect="snowflake")
    paths = []
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not table.name or (table.name in own and not table.db):
            continue
        database, schema = table.catalog or context.database, table.db or context.schema
        if not database or not schema:
            raise faults.no_database("SELECT")
        table.set("catalog", exp.to_identifier(database, quoted=True))
        table.set("db", exp.to_identifier(schema, quoted=True))
        paths.append((database, schema, table.name))
    if isinstance(tree, exp.Query):
        qualify_tables(tree, dialect="snowflake")
    return paths


def _check_known(paths: list[Path], catalog: Catalog) -> None:
    for path in paths:
        if path not in catalog:
            raise faults.unknown_object(".".join(path))


def _schema(catalog: Catalog, paths: list[Path]) -> MappingSchema:
    tables: dict[str, Any] = {}
    for database, schema, name in paths:
        columns = {column: kind.copy() for column, kind in catalog[(database, schema, name)].items()}
        tables.setdefault(database, {}).setdefault(schema, {})[name] = columns
    return MappingSchema(tables or {"": {"": {"": {}}}}, dialect="snowflake", normalize=False)


def _name_outputs(tree: exp.Query) -> None:
    """Name a column that has no name by its text, as Snowflake does (``COUNT(*)``)."""
    for column in tree.selects if isinstance(tree, exp.Select) else []:
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            column.replace(exp.alias_(column.copy(), column.sql("snowflake").upper(), quoted=True))
