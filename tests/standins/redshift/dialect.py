"""Redshift's SQL as PostgreSQL's."""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

#: Statements that mean the same to both, or that the session answers itself.
_LEFT_ALONE = re.compile(
    r"\s*(begin|start|commit|end|abort|rollback|fetch|close|show|explain|grant|revoke|create\s+(user|role|group|schema"
    r"|function)|drop\s+(user|role|schema|function)|alter\s+(user|role|default|function)|copy|analyze|vacuum)\b",
    re.IGNORECASE,
)
_DECLARE = re.compile(r"(\s*declare\s+\S+\s+(?:no\s+scroll\s+)?cursor\s+for\s)(.*)", re.IGNORECASE | re.DOTALL)
_CANCEL = re.compile(r"\s*cancel\s+(\d+)\b", re.IGNORECASE)
_NO_PASSWORD = re.compile(r"(\s*create\s+user\s.*\spassword\s+)disable\s*;?\s*", re.IGNORECASE | re.DOTALL)
_SET = re.compile(r"\s*set\s+(?:session\s+)?(\w+)\s*(?:to|=)\s*'?([^';]*)'?", re.IGNORECASE)
_TIME_ZONE = re.compile(r"\s*set\s+time\s*zone\s", re.IGNORECASE)
_KEYS = re.compile(
    r"\b(diststyle\s+\w+|(compound\s+|interleaved\s+)?sortkey(\s*\([^)]*\))?|distkey(\s*\([^)]*\))?|encode\s+\w+)",
    re.IGNORECASE,
)
#: Settings of Redshift that PostgreSQL has not; they go under a name of their own.
_OWN_SETTINGS = {"query_group", "enable_case_sensitive_identifier", "enable_result_cache_for_session"}
#: Functions that Redshift has and PostgreSQL has not, or has in another way; in a schema that is always searched.
PRELUDE = (
    "create schema redshift",
    "grant usage on schema redshift to public",
    # Of NULL it makes the text null (Developer Guide, JSON_SERIALIZE).
    "create function redshift.json_serialize(value jsonb) returns varchar immutable language sql "
    "as $$select coalesce(value::text, 'null')$$",
    "create function redshift.json_parse(value varchar) returns jsonb immutable strict language sql "
    "as 'select value::jsonb'",
    "create function redshift.cdi_now() returns timestamp stable language sql as $$select now() at time zone 'UTC'$$",
)


def setting(text: str) -> tuple[str, str] | None:
    """Return the name and the value when the statement sets something."""
    found = None if _TIME_ZONE.match(text) else _SET.match(text)
    return (found[1].lower(), found[2].strip()) if found else None


@lru_cache(maxsize=1000)
def translated(text: str, *, exact_case: bool) -> str:
    """Return a statement as PostgreSQL wants it.

    A statement that the translator cannot read goes on as it is: PostgreSQL says what is wrong with it.

    :param exact_case: whether names in quotes keep their case; as long as ``enable_case_sensitive_identifier`` is off,
        Redshift folds them too.
    """
    if found := setting(text):
        name, value = found
        return f"set redshift.{name} to '{value}'" if name in _OWN_SETTINGS else text
    if found := _CANCEL.match(text):
        return f"select pg_cancel_backend({found[1]})"
    if found := _NO_PASSWORD.match(text):
        return found[1] + "null"
    if found := _DECLARE.match(text):
        return found[1] + translated(found[2], exact_case=exact_case)
    if not text.strip() or _LEFT_ALONE.match(text) or _TIME_ZONE.match(text):
        return text
    try:
        tree = sqlglot.parse_one(_KEYS.sub("", text) if "create" in text.lower() else text, read="redshift")
    except SqlglotError:
        return text
    return tree.transform(_native, exact_case).sql("postgres")


def _native(node: exp.Expression, exact_case: bool) -> exp.Expression:
    if isinstance(node, exp.Identifier) and not exact_case and node.args.get("quoted"):
        node.set("this", node.name.lower())
    elif _is_now(node):
        return exp.Anonymous(this="cdi_now")
    elif isinstance(node, exp.ParseJSON):
        return exp.Anonymous(this="json_parse", expressions=[node.this])
    elif isinstance(node, exp.DataType) and node.is_type(exp.DataType.Type.SUPER):
        return exp.DataType.build("jsonb")
    elif isinstance(node, exp.DataType) and _is_varbyte(node):
        return exp.DataType.build("bytea", dialect="postgres")
    elif isinstance(node, exp.DataType) and node.is_type("varchar") and _is_max(node):
        return exp.DataType.build("varchar(65535)")
    return node


def _is_now(node: exp.Expression) -> bool:
    if isinstance(node, exp.CurrentTimestamp):
        return True
    return isinstance(node, exp.Column) and node.name.lower() == "sysdate" and not node.table


def _is_varbyte(node: exp.DataType) -> bool:
    return node.is_type("varbinary") or str(node.args.get("kind", "")).lower() == "varbyte"


def _is_max(node: exp.DataType) -> bool:
    return any("max" in part.sql().lower() for part in node.expressions)
