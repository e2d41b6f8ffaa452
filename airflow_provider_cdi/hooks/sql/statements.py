"""The SQL of a source: names are quoted, values are bound, comparisons happen in the warehouse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.reading.partition import DigestRange, Partition
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.cursor_values import Column
from airflow_provider_cdi.hooks.sql.dialects import Dialect
from airflow_provider_cdi.hooks.sql.keys import Key, key_test
from airflow_provider_cdi.hooks.sql.names import looks_like_sql, single_query
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.timestamp_text import literal, sortable

#: Stands for a placeholder while a statement is put together; no SQL text can hold it.
_HOLE = "\x00"

_COMPARISONS = {"after": ">", "since": ">=", "until": "<", "up_to": "<="}

_PART = r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^".`][^".]*'
_QUOTES = '"`'
_PATH = re.compile(rf"(?:{_PART})(?:\.(?:{_PART})){{0,2}}")
#: ``parquet.`/data```; with a catalog before them, names are names.
_FILE_PARTS = 2
#: No table of a catalog with file formats has it in its name (Databricks, "Names").
_PATH_MARK = "/"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def table_path(name: str, dialect: Dialect) -> tuple[str, ...]:
    """Take a table name of one to three parts apart.

    A plain part is folded as the database folds it, a part in double quotes or backquotes is taken as it is, and so
    is everything else: a text that is no such path is the name of one table, however odd, but no SQL.

    :raises ConfigurationError: when the name is empty, no text, SQL, or the path of a file.
    """
    if not name.strip() or _HOLE in name or _is_no_text(name):
        raise ConfigurationError(f"{name!r} cannot be the name of a table. Name a table or view, or give sql=.")
    parts = re.findall(_PART, name) if _PATH.fullmatch(name) else [name]
    if any(part[0] not in _QUOTES and looks_like_sql(part) for part in parts):
        raise ConfigurationError(
            "source= is SQL and no name of a table or view. Give a query as sql= instead of source=; a table that is "
            "really called so goes into double quotes."
        )
    path = tuple(_part(part, dialect) for part in parts) if _PATH.fullmatch(name) else (name,)
    _refuse_file(path, dialect)
    return path


def _refuse_file(path: tuple[str, ...], dialect: Dialect) -> None:
    is_file = len(path) == _FILE_PARTS and path[0].lower() in dialect.file_formats
    if is_file or (dialect.file_formats and any(_PATH_MARK in part for part in path)):
        raise ConfigurationError(
            "source= is the path of a file and no name of a table or view. Give a query that reads the file as sql=, "
            f"or make a view of it; a schema that is called like a format of {dialect.name} is named with its catalog."
        )


def _part(part: str, dialect: Dialect) -> str:
    if part[0] in _QUOTES:
        return part[1:-1].replace(part[0] * 2, part[0])
    return dialect.folds(part) if _PLAIN.fullmatch(part) else part


def _is_no_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False


def table_relation(name: str, dialect: Dialect) -> str:
    """Return a table name as quoted SQL that can only be a name.

    :raises ConfigurationError: when the name is empty, no text, SQL, or the path of a file.
    """
    return ".".join(dialect.quoted(part) for part in table_path(name, dialect))


def query_relation(sql: str, dialect: Dialect) -> str:
    """Return a query as a derived table.

    :raises ConfigurationError: when there is no query, or more than one statement.
    """
    if _HOLE in sql:
        raise ConfigurationError("sql= holds no query. Give one SELECT statement.")
    query = single_query(sql, line_comments=dialect.line_comments, has_backslashes=dialect.has_backslashes)
    # The line break ends a comment that was taken for a part of the query.
    return f"({query}\n) cdi_source"


def partition_relation(
    relation: str, identifiers: Sequence[str], partition: Partition | DigestRange, dialect: Dialect
) -> str:
    """Return the part of a relation whose identifiers fall into a partition, as a derived table.

    :param relation: a table or derived table, as SQL.
    :param identifiers: the source's names of the columns that say whose row it is, the most telling one first;
        the first that is filled counts, without regard to case, so that one person stays in one partition.
    :param partition: which part.
    """
    texts = (f"nullif({dialect.text.format(dialect.quoted(name))}, '')" for name in identifiers)
    digest = dialect.digest.format(f"lower(coalesce({', '.join(texts)}, ''))")
    tests = [f"{digest} >= '{partition.lower}'"]
    if partition.upper is not None:
        tests.append(f"{digest} < '{partition.upper}'")
    return f"(select * from {relation} where {' and '.join(tests)}) cdi_partition"  # noqa: S608 - names are quoted


class SourceSql:
    """Builds the statements of one source.

    :param relation: the table or derived table, as SQL.
    :param columns: the columns that :meth:`rows` reads, ``UPDATED_AT`` first, then the identifiers.
    :param identifiers: the contract's names of the identifiers; rows are ordered by ``UPDATED_AT`` and these.
    :param dialect: how the database wants it.
    :param placeholder: ``?`` or ``%s``.
    :param zone: whose clock ``UPDATED_AT`` shows, None for UTC.
    """

    def __init__(
        self,
        relation: str,
        columns: Sequence[Column],
        identifiers: Sequence[str],
        dialect: Dialect,
        placeholder: str,
        *,
        zone: str | None = None,
    ) -> None:
        self._relation = relation
        self._columns = columns
        self._identifiers = identifiers
        self._dialect = dialect
        self._placeholder = placeholder
        self._form = dialect.times[columns[0].kind]
        self._clock = dialect.clock.like(columns[0].kind, zone)
        self._alias = _alias_unlike(columns)
        self._time = "cdi_time" if dialect.computed_time else dialect.quoted(columns[0].name)

    def rows(self, bounds: Bounds, *, ordered: bool) -> Statement:
        """Return the statement that reads the rows within the bounds."""
        order = f" order by {', '.join(self._order())}" if ordered else ""
        if ordered and bounds.most is not None and self._dialect.first_rows:
            order += f" {self._dialect.first_rows.format(bounds.most)}"
        where, values = self._within(bounds)
        return self._selecting(where, values, order)

    def keyed(self, keys: Sequence[Key], bounds: Bounds) -> Statement:
        """Return the statement that reads the rows of some keys within the bounds, in no order.

        :param keys: at least one.
        """
        within, values = self._within(bounds)
        named = dict(zip(self._identifiers, self._columns[1:], strict=False))
        test, key_values = key_test(keys, named, self._dialect, _HOLE)
        return replace(self._selecting(f"{within} and ({test})", [*values, *key_values]), texts=len(key_values))

    def _selecting(self, where: str, values: Sequence[str], order: str = "") -> Statement:
        selected = ", ".join(
            f"{self._read(column)} as {self._alias}{place}" for place, column in enumerate(self._columns)
        )
        text = f"select {selected} from {self._from(self._columns[1:])} where {where}{order}"  # noqa: S608 - names are quoted
        return self._statement(text, values)

    def counts(
        self, bounds: Bounds, *, position: str | None, now: str, with_total: bool, recent: str | None = None
    ) -> Statement:
        """Return the aggregate that yields within, at the position, future, without time, and all rows.

        With ``recent`` it goes on with what is compared with the database's clock, and with that clock.
        """
        within, values = self._within(bounds)
        at, at_values = self._compared("=", position) if position is not None else ("1 = 0", [])
        future, future_values = self._compared(">", now)
        within_calendar, calendar_values = self._compared("<=", self._form.latest)
        none, none_values = self._no_time()
        tests = [within, at, f"{future} and {within_calendar}", none]
        values += [*at_values, *future_values, *calendar_values, *none_values]
        if recent is not None:
            from_recent, recent_values = self._compared(">=", recent)
            tests += [f"{test} and {self._time} <= {self._clock}" for test in (future, from_recent)]
            values += [*future_values, *recent_values]
        counted = ", ".join(f"count(case when {test} then 1 end) as n{place}" for place, test in enumerate(tests))
        clock = f", {self._dialect.clock.utc} as cdi_now" if recent is not None else ""
        where, where_values = self._counted_from(_lower(bounds, position, now, recent), with_total=with_total)
        text = f"select {counted}, count(*) as n{clock} from {self._from()}{where}"  # noqa: S608 - names are quoted
        return self._statement(text, [*values, *where_values])

    def _counted_from(self, lower: str | None, *, with_total: bool) -> tuple[str, list[str]]:
        """Return what leaves all rows out that cannot count."""
        if lower is None or with_total:
            return "", []
        since, values = self._compared(">=", lower)
        none, none_values = self._no_time()
        return f" where {since} or {none}", [*values, *none_values]

    def _from(self, others: Sequence[Column] = ()) -> str:
        if self._dialect.computed_time is None:
            return self._relation
        return self._dialect.computed_time.format(
            time=self._dialect.quoted(self._columns[0].name),
            others="".join(f", {self._dialect.quoted(column.name)}" for column in others),
            relation=self._relation,
        )

    def _no_time(self) -> tuple[str, list[str]]:
        """Return the test for rows that no run can ever read: without a time, before the first and after the last.

        A database may hold ``infinity`` and years of any length, which drivers cannot, nor text with a year of four
        digits; and they would drag the watermark with them.
        """
        before, before_values = self._compared("<", self._form.earliest)
        after, after_values = self._compared(">", self._form.latest)
        return f"({self._time} is null or {before} or {after})", [*before_values, *after_values]

    def _within(self, bounds: Bounds) -> tuple[str, list[str]]:
        first, first_values = self._compared(">=", self._form.earliest)
        tests, values = ([], []) if _bounds_below(bounds) else ([first], first_values)
        last, last_values = self._compared("<=", self._form.latest)
        if bounds.until is None and bounds.up_to is None:
            tests.append(last)
            values += last_values
        for name, operator in _COMPARISONS.items():
            position = getattr(bounds, name)
            if position is not None:
                test, bound = self._compared(operator, position)
                tests.append(test)
                values += bound
        return " and ".join(tests), values

    def _compared(self, operator: str, position: str) -> tuple[str, list[str]]:
        bound = literal(position, digits=self._form.digits, zone=self._form.zone)
        return f"{self._time} {operator} {self._form.cast.format(_HOLE)}", [bound]

    def _read(self, column: Column) -> str:
        quoted = self._dialect.quoted(column.name)
        if column is self._columns[0]:
            return (
                self._dialect.zoned_as_utc.format(self._time) if column.kind is ColumnType.TIMESTAMP_TZ else self._time
            )
        return self._dialect.read_as.get(column.kind, "{}").format(quoted)

    def _order(self) -> list[str]:
        identifiers = (self._dialect.quoted(column.name) for column in self._columns[1 : 1 + len(self._identifiers)])
        if self._dialect.reader.sorts:  # it compares texts, and its first rows must be ours
            identifiers = (self._dialect.text.format(name) for name in identifiers)
        return [self._time, *identifiers]

    def _statement(self, text: str, values: Sequence[str]) -> Statement:
        return Statement(finished(text, self._placeholder, bound=bool(values)), tuple(values))


def finished(text: str, placeholder: str, *, bound: bool) -> str:
    """Put the driver's placeholders in; a driver that looks for ``%s`` wants every other ``%`` doubled."""
    if bound and placeholder == "%s":
        text = text.replace("%", "%%")
    return text.replace(_HOLE, placeholder)


def _alias_unlike(columns: Sequence[Column]) -> str:
    """Return what the names of the result begin with: ``order by`` would take such a name for a column's own."""
    alias = "c"
    while any(re.match(rf"{alias}\d", column.name, re.IGNORECASE) for column in columns):
        alias += "_"
    return alias


def _bounds_below(bounds: Bounds) -> bool:
    return bounds.after is not None or bounds.since is not None


def _lower(bounds: Bounds, position: str | None, now: str, recent: str | None) -> str | None:
    """Return the position below which no row is counted; None when all rows may be."""
    starts = [start for start in (bounds.after, bounds.since) if start is not None]
    if not starts:
        return None
    others = [other for other in (position, recent) if other is not None]
    return min([max(starts, key=sortable), now, *others], key=sortable)
