"""Snowflake's functions and casts in DuckDB's words."""

from __future__ import annotations

import re

from sqlglot import exp

from standins.snowflake.column_types import engine_type, is_semi_structured
from standins.snowflake.names import encoded
from standins.snowflake.wire import TZ_OFFSET

Type = exp.DataType.Type
_CLOCKS = {Type.TIMESTAMP, Type.TIMESTAMPNTZ, Type.DATETIME}
MOMENTS = {Type.TIMESTAMPTZ, Type.TIMESTAMPLTZ}
_JSON = {Type.VARIANT, Type.OBJECT, Type.ARRAY, Type.MAP, Type.STRUCT}
#: White space, but not that of a text: JSON without it, numbers as they stand.
_OUTSIDE_TEXT = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')
_OFFSET = re.compile(r"\s+([+-]\d\d:?\d\d|Z)$")


def engine_sql(tree: exp.Expression, zone: str) -> str:
    """Return the statement for DuckDB.

    :param tree: with complete names, and types as far as they are known.
    :param zone: the session's time zone.
    """
    tree = _rewritten(tree.copy(), zone)
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", encoded(identifier.this))
        identifier.set("quoted", True)
    for table in tree.find_all(exp.Table):
        _two_parts(table)
    return str(tree.sql("duckdb"))


def _rewritten(tree: exp.Expression, zone: str) -> exp.Expression:
    """Replace what DuckDB says differently, the inner parts first; a new part keeps the old one's type."""
    for node in reversed(list(tree.walk())):
        new = _types(_functions(node, zone), zone)
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


def _functions(node: exp.Expression, zone: str) -> exp.Expression:
    if isinstance(node, exp.ConvertTimezone):
        return _converted(node, zone)
    if isinstance(node, exp.CurrentTimestamp):
        is_sysdate = bool(node.args.get("sysdate"))
        now = _cast(exp.Anonymous(this="utc_now"), "TIMESTAMP" if is_sysdate else "TIMESTAMPTZ_NS")
        now.type = exp.DataType.build(Type.TIMESTAMPNTZ if is_sysdate else Type.TIMESTAMPLTZ)
        return now
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
        return is_semi_structured(value.type)
    return isinstance(value, exp.Cast) and value.to.args.get("kind") == "JSON"


def _parsed_json(node: exp.ParseJSON) -> exp.Expression:
    value = node.this.copy()
    if isinstance(value, exp.Literal):
        value = exp.Literal.string(_OUTSIDE_TEXT.sub(lambda found: found[1] or "", value.name))
    return _cast(value, "JSON")


def _first(node: exp.Expression) -> exp.Expression:
    found = node.expressions[0] if node.expressions else node.this
    return found.copy()


def _converted(node: exp.ConvertTimezone, zone: str) -> exp.Expression:
    """Give the clock in the wanted zone where the clock is asked for, else the moment."""
    target, source, value = node.args["target_tz"], node.args.get("source_tz"), node.args["timestamp"]
    kind = value.type.this if value.type is not None else None
    if source is None and kind in MOMENTS:
        if isinstance(node.parent, exp.Cast) and node.parent.to.this in _CLOCKS:
            return _timezone(target.copy(), value.copy())
        return value.copy()
    home = source.copy() if source is not None else exp.Literal.string(zone)
    moment = _timezone(home, value.copy())
    return _timezone(target.copy(), moment) if source is not None else moment


def _timezone(zone: exp.Expression, value: exp.Expression) -> exp.Expression:
    """Turn a moment into the clock of a zone, or the clock of a zone into the moment."""
    turned = exp.Anonymous(this="timezone", expressions=[zone, value])
    is_moment = value.type is not None and value.type.this in MOMENTS
    turned.type = exp.DataType.build(Type.TIMESTAMPNTZ if is_moment else Type.TIMESTAMPLTZ)
    return turned


def _types(node: exp.Expression, zone: str) -> exp.Expression:
    if isinstance(node, exp.StrToTime):
        # The format is not looked at: text that does not fit the type is refused all the same.
        kind = node.args.get("target_type") or exp.DataType.build(Type.TIMESTAMPNTZ)
        node = exp.Cast(this=node.this.copy(), to=kind.copy())
    if isinstance(node, exp.Cast) and node.to.this in _CLOCKS | MOMENTS:
        return _time_cast(node, zone)
    if isinstance(node, exp.ColumnDef) and isinstance(node.args.get("kind"), exp.DataType):
        node.set("kind", exp.Var(this=engine_type(node.args["kind"])))
    return node


def _time_cast(node: exp.Cast, zone: str) -> exp.Expression:
    value = node.this.copy()
    if isinstance(value, exp.Literal) and value.is_string:
        text = _OFFSET.sub(r"\1", value.name)
        value = exp.Literal.string(text)
        if node.to.this in _CLOCKS:
            digits = text.partition(".")[2].rstrip("0")
            return _cast(value, "TIMESTAMP_NS" if len(digits) > 6 else "TIMESTAMP")
        return _cast(value, "TIMESTAMPTZ_NS")
    kind = node.this.type.this if node.this.type is not None else None
    if kind in exp.DataType.TEXT_TYPES:
        return _cast(_without_gap(value), engine_type(node.to))
    if kind is Type.DATE and node.to.this in _CLOCKS:
        return _cast(value, engine_type(node.to))
    if node.to.this in MOMENTS:
        return value if kind in MOMENTS else _cast(_timezone(exp.Literal.string(zone), value), "TIMESTAMPTZ_NS")
    if kind is Type.TIMESTAMPTZ:
        # The clock that the value shows is that of the offset it was written with.
        value = _timezone(exp.Literal.string(f"Etc/GMT-{TZ_OFFSET // 60}"), value)
    elif kind is Type.TIMESTAMPLTZ:
        value = _timezone(exp.Literal.string(zone), value)
    return value


def _without_gap(text: exp.Expression) -> exp.Expression:
    """Take away the blank before an offset, which DuckDB would take for a zone's name."""
    pattern, offset = exp.Literal.string(_OFFSET.pattern), exp.Literal.string(r"\1")
    return exp.Anonymous(this="regexp_replace", expressions=[text, pattern, offset])


def _cast(value: exp.Expression, engine_name: str) -> exp.Expression:
    return exp.Cast(this=value, to=exp.DataType(this=Type.USERDEFINED, kind=engine_name))
