"""From BigQuery's SQL to DuckDB's: parameters, names of three parts, and types that DuckDB lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from standins.bigquery.errors import ServiceError
from standins.bigquery.schema import BIGNUMERIC


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as BigQuery names it; tables and datasets are told apart by case, which DuckDB does not."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def physical(self) -> tuple[str, str, str]:
        """The names in DuckDB: an upper-case letter becomes a caret and its lower-case form."""
        return self.project, cased(self.dataset), cased(self.table)


def cased(name: str) -> str:
    """Write a case-sensitive name so that a case-insensitive engine keeps it apart."""
    return re.sub("[A-Z]", lambda letter: f"^{letter[0].lower()}", name)


@dataclass(frozen=True, slots=True)
class Translated:
    """One statement for DuckDB.

    :param text: its SQL.
    :param is_query: whether it has a result.
    :param tables: the tables that it reads or writes.
    :param creates: the tables among them that it makes, or drops if they are there.
    :param columns: how many columns it names, for a rough count of bytes.
    """

    text: str
    is_query: bool
    tables: tuple[TableName, ...]
    creates: tuple[TableName, ...]
    columns: int


def translate(text: str, project: str, dataset: str | None, parameters: Sequence[Mapping[str, Any]] = ()) -> Translated:
    """Translate one statement.

    :param project: where names of two parts are looked for.
    :param dataset: where names of one part are looked for; without it they are refused, as in the service.
    :param parameters: as the REST API has them.
    :raises ServiceError: when the statement cannot be understood.
    """
    try:
        tree = BigQuery().parse(_with_values(text, parameters))[0]
    except SqlglotError as error:
        raise ServiceError("invalidQuery", f"Syntax error: {str(error).splitlines()[0]}") from None
    if tree is None:
        raise ServiceError("invalidQuery", "Syntax error: Unexpected end of statement")
    tables = _place_tables(tree, project, dataset)
    # The first table of a CREATE or DROP is the one that it is about.
    may_lack = isinstance(tree, exp.Create) or (isinstance(tree, exp.Drop) and tree.args.get("exists"))
    created = tree.find(exp.Table) if may_lack else None
    creates = tuple(name for node, name in tables if node is created)
    for number in list(tree.find_all(exp.Literal)):
        if not number.is_string and not number.is_int:  # 0.1 is FLOAT64 in BigQuery, and a decimal in DuckDB
            number.replace(exp.cast(number.copy(), "double"))
    tree = tree.transform(_type)
    _drop_storage_clauses(tree)
    columns = len({column.name.lower() for column in tree.find_all(exp.Column)})
    names = tuple(dict.fromkeys(name for _, name in tables))
    return Translated(tree.sql("duckdb"), isinstance(tree, exp.Query), names, creates, columns)


def _with_values(text: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """Put the parameters in where they stand, as casts of literals to their declared types."""
    literals = [_literal(parameter) for parameter in parameters]
    named = {parameter.get("name"): literal for parameter, literal in zip(parameters, literals, strict=True)}
    tokens = BigQuery().tokenize(text)
    marks = [token for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    if marks and len(marks) != len(literals):
        raise ServiceError("invalidQuery", "Query parameter not found at position " + str(len(literals) + 1))
    for token, literal in reversed(list(zip(marks, literals, strict=False))):
        text = text[: token.start] + literal + text[token.end + 1 :]
    for name, literal in named.items():
        if name:
            text = re.sub(rf"@{re.escape(name)}\b", literal.replace("\\", r"\\"), text)
    return text


def _literal(parameter: Mapping[str, Any]) -> str:
    kind = parameter["parameterType"]["type"]
    value = parameter["parameterValue"].get("value")
    return f"CAST({'NULL' if value is None else exp.Literal.string(value).sql('bigquery')} AS {kind})"


def _place_tables(tree: exp.Expression, project: str, dataset: str | None) -> list[tuple[exp.Table, TableName]]:
    """Give every table its three parts, and an alias that keeps its own name usable in the statement."""
    temporary = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    placed = []
    for table in list(tree.find_all(exp.Table)):
        if not table.name:  # CREATE SCHEMA
            table.set("db", exp.to_identifier(cased(table.db), quoted=True))
            table.set("catalog", exp.to_identifier(table.catalog or project, quoted=True))
            continue
        if not table.db and table.name.lower() in temporary:
            continue
        name = _full_name(table, project, dataset)
        if isinstance(table.parent, exp.From | exp.Join) and not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        for key, part in zip(("catalog", "db", "this"), name.physical, strict=True):
            table.set(key, exp.to_identifier(part, quoted=True))
        placed.append((table, name))
    return placed


def _full_name(table: exp.Table, project: str, dataset: str | None) -> TableName:
    within = table.db or dataset
    if within is None:
        raise ServiceError("invalid", f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')
    return TableName(table.catalog or project, within, table.name)


def _type(node: exp.Expression) -> exp.Expression:
    """Give decimals BigQuery's precision, and BIGNUMERIC a form of its own."""
    if isinstance(node, exp.Cast) and _is_bignumeric(node.to):
        text = exp.cast(node.this, "varchar")
        return exp.Struct(
            expressions=[exp.PropertyEQ(this=exp.to_identifier(BIGNUMERIC, quoted=True), expression=text)]
        )
    if isinstance(node, exp.CurrentDatetime):
        return exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=node.this or exp.Literal.string("UTC"))
    if not isinstance(node, exp.DataType):
        return node
    if _is_bignumeric(node):
        return exp.DataType.build(f'STRUCT("{BIGNUMERIC}" VARCHAR)', dialect="duckdb")
    if node.is_type(exp.DataType.Type.DECIMAL) and not node.expressions:
        return exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb")
    return node


def _is_bignumeric(node: exp.DataType) -> bool:
    return node.this in {exp.DataType.Type.BIGDECIMAL} and not node.expressions


def _drop_storage_clauses(tree: exp.Expression) -> None:
    """Forget how a table is laid out: partitions, clusters and options change no row."""
    if isinstance(tree, exp.Create):
        tree.set("properties", None)
