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
from standins.snowflake.column_types import LOGICAL, SEMI_STRUCTURED, engine_type
from standins.snowflake.names import Path, encoded
from standins.snowflake.wire import TZ_OFFSET

Type = exp.DataType.Type
#: Columns of every object: what a statement is checked and typed against.
Catalog = Mapping[Path, Mapping[str, exp.DataType]]
_CLOCKS = {Type.TIMESTAMP, Type.TIMESTAMPNTZ, Type.DATETIME}
_MOMENTS = {Type.TIMESTAMPTZ, Type.TIMESTAMPLTZ}
_JSON = {Type.VARIANT, Type.OBJECT, Type.ARRAY, Type.MAP, Type.STRUCT}
#: White space, but not that of a text: JSON without it, numbers as they stand.
_OUTSIDE_TEXT = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')
_OFFSET = re.compile(r"\s+(?=(?:[+-]\d\d:?\d\d|Z)$)")


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
    sql = _engine_sql(_with_json(tree.copy(), "shown_json" if outermost else "kept_json"), context)
    return Translated(tree, sql, paths, kinds)


def _with_json(tree: exp.Query, function: str) -> exp.Query:
    """Put a function around VARIANT and its kin: they are shown on several lines, as the service does, or kept."""
    for column in tree.selects if isinstance(tree, exp.Select) else []:
        if _is_semi_structured(column.type):
            text = exp.Anonymous(this=function, expressions=[column.unalias().copy()])
            column.replace(exp.alias_(text, column.alias, quoted=True))
    return tree


def _is_semi_structured(kind: exp.DataType | None) -> bool:
    return kind is not None and LOGICAL.get(kind.this) in SEMI_STRUCTURED


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
    sql = _engine_sql(tree, context)
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
            if kind is not None and kind.this in _MOMENTS and isinstance(value, exp.Literal):
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


# --- in DuckDB's words ----------------------------------------------------------------------------------


def _engine_sql(tree: exp.Expression, context: Context) -> str:
    tree = _rewritten(tree.copy(), context)
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", encoded(identifier.this))
        identifier.set("quoted", True)
    for table in tree.find_all(exp.Table):
        _two_parts(table)
    return str(tree.sql("duckdb"))


def _rewritten(tree: exp.Expression, context: Context) -> exp.Expression:
    """Replace what DuckDB says differently, the inner parts first; a new part keeps the old one's type."""
    for node in reversed(list(tree.walk())):
        new = _types(_functions(node, context), context)
        if new is node:
            continue
        if new.type is None:
            new.type = node.type
        if node is tree:
            return new
        node.replace(new)
    return tree


def _two_parts(table: exp.Table) -> None:
    if table.catalog:
        whole = f"{table.catalog}.{table.db}"  # both are encoded already, and a point stays a point
        table.set("catalog", None)
        table.set("db", exp.to_identifier(whole, quoted=True))


def _functions(node: exp.Expression, context: Context) -> exp.Expression:
    if isinstance(node, exp.ConvertTimezone):
        return _converted(node, context)
    if isinstance(node, exp.CurrentTimestamp):
        is_sysdate = bool(node.args.get("sysdate"))
        return _cast(exp.Anonymous(this="utc_now"), "TIMESTAMP" if is_sysdate else "TIMESTAMPTZ_NS")
    if isinstance(node, exp.JSONFormat) or (isinstance(node, exp.Anonymous) and node.name.upper() == "TO_JSON"):
        return _cast(_first(node), "VARCHAR")
    if isinstance(node, exp.Extract) and node.name.upper() == "NANOSECOND":
        return exp.Anonymous(this="nanosecond", expressions=[node.expression.copy()])
    if isinstance(node, exp.ParseJSON):
        return _parsed_json(node)
    if isinstance(node, exp.ToVariant) or (isinstance(node, exp.Cast) and node.to.this in _JSON):
        # DuckDB would write JSON anew, with numbers of sixteen digits.
        value = node.this.copy()
        return value if _is_json(value) else exp.Anonymous(this="to_json", expressions=[value])
    if isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.TEXT_TYPES) and type(node.this) is exp.JSONExtract:
        return exp.JSONExtractScalar(this=node.this.this.copy(), expression=node.this.expression.copy())
    return node


def _is_json(value: exp.Expression) -> bool:
    if isinstance(value, exp.Column):
        return _is_semi_structured(value.type)
    return isinstance(value, exp.Cast) and value.to.args.get("kind") == "JSON"


def _parsed_json(node: exp.ParseJSON) -> exp.Expression:
    value = node.this.copy()
    if isinstance(value, exp.Literal):
        value = exp.Literal.string(_OUTSIDE_TEXT.sub(lambda found: found[1] or "", value.name))
    return _cast(value, "JSON")


def _first(node: exp.Expression) -> exp.Expression:
    found = node.expressions[0] if node.expressions else node.this
    return found.copy()


def _converted(node: exp.ConvertTimezone, context: Context) -> exp.Expression:
    """Give the clock in the wanted zone where the clock is asked for, else the moment."""
    target, source, value = node.args["target_tz"], node.args.get("source_tz"), node.args["timestamp"]
    kind = value.type.this if value.type is not None else None
    if source is None and kind in _MOMENTS:
        if isinstance(node.parent, exp.Cast) and node.parent.to.this in _CLOCKS:
            return _timezone(target.copy(), value.copy())
        return value.copy()
    zone = source.copy() if source is not None else exp.Literal.string(context.zone)
    moment = _timezone(zone, value.copy())
    return _timezone(target.copy(), moment) if source is not None else moment


def _timezone(zone: exp.Expression, value: exp.Expression) -> exp.Expression:
    """Turn a moment into the clock of a zone, or the clock of a zone into the moment."""
    turned = exp.Anonymous(this="timezone", expressions=[zone, value])
    is_moment = value.type is not None and value.type.this in _MOMENTS
    turned.type = exp.DataType.build(Type.TIMESTAMPNTZ if is_moment else Type.TIMESTAMPLTZ)
    return turned


def _types(node: exp.Expression, context: Context) -> exp.Expression:
    if isinstance(node, exp.StrToTime):
        # The format is not looked at: text that does not fit the type is refused all the same.
        kind = node.args.get("target_type") or exp.DataType.build(Type.TIMESTAMPNTZ)
        node = exp.Cast(this=node.this.copy(), to=kind.copy())
    if isinstance(node, exp.Cast) and node.to.this in _CLOCKS | _MOMENTS:
        return _time_cast(node, context)
    if isinstance(node, exp.ColumnDef) and isinstance(node.args.get("kind"), exp.DataType):
        node.set("kind", exp.Var(this=engine_type(node.args["kind"])))
    return node


def _time_cast(node: exp.Cast, context: Context) -> exp.Expression:
    value = node.this.copy()
    if isinstance(value, exp.Literal) and value.is_string:
        text = _OFFSET.sub("", value.name)
        value = exp.Literal.string(text)
        if node.to.this in _CLOCKS:
            digits = text.partition(".")[2].rstrip("0")
            return _cast(value, "TIMESTAMP_NS" if len(digits) > 6 else "TIMESTAMP")
        return _cast(value, "TIMESTAMPTZ_NS")
    kind = node.this.type.this if node.this.type is not None else None
    if node.to.this in _MOMENTS:
        return value if kind in _MOMENTS else _timezone(exp.Literal.string(context.zone), value)
    if kind is Type.TIMESTAMPTZ:
        # The clock that the value shows is that of the offset it was written with.
        value = _timezone(exp.Literal.string(f"Etc/GMT-{TZ_OFFSET // 60}"), value)
    elif kind is Type.TIMESTAMPLTZ:
        value = _timezone(exp.Literal.string(context.zone), value)
    return value


def _cast(value: exp.Expression, engine_name: str) -> exp.Expression:
    return exp.Cast(this=value, to=exp.DataType(this=Type.USERDEFINED, kind=engine_name))
