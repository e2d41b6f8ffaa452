"""The source: schema, table, columns and their types, rows as records, privileges, layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.checks.findings import Doubt, NotTried, Problem
from airflow_provider_cdi.checks.steps import Step
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile
from airflow_provider_cdi.checks.warehouse.subject import Subject
from airflow_provider_cdi.checks.warehouse.way import COMPUTE
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.reading.selection import Selection, select_columns
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination
    from airflow_provider_cdi.hooks.sql.dialects import Dialect

SCHEMA, TABLE, COLUMNS, TYPES = "source schema", "source table", "source columns", "source types"
PRIVILEGES, IDENTIFIERS, SAMPLE = "source privileges", "source identifiers", "source rows"
#: Rows that are encoded as a run would.
SAMPLE_ROWS = 200


@dataclass
class SourceLook:
    """Looks at the source of a sync.

    :param subject: the warehouse and the source.
    :param profile: what is known of its kind.
    :param destination: encodes rows as a run would; None when it is not known where they go.
    :param counts: whether the whole source may be read by aggregates.
    :param sent_fields: is filled with the names of what the sample would send, on the top level.
    """

    subject: Subject
    profile: WarehouseProfile
    destination: Destination | None
    counts: bool = True
    sent_fields: dict[str, None] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """Return the steps in their order."""
        yield Step(SCHEMA, self.schema, (COMPUTE,))
        yield Step(TABLE, self.table, (SCHEMA, COMPUTE))
        yield Step(COLUMNS, self.columns, (TABLE,))
        yield Step(TYPES, self.types, (COLUMNS,))
        yield Step(PRIVILEGES, self.privileges, (TABLE,))
        yield Step(IDENTIFIERS, self.identifiers, (TYPES,))
        yield Step(SAMPLE, self.sample, (TYPES,))

    def schema(self) -> str:
        """Ask whether the schema is there and may be used."""
        *_, schema, _ = ("", *self.subject.path)
        if not schema or self.profile.schema is None:
            raise NotTried("The next step tells: the name has no schema, or the warehouse tells it of no schema alone.")
        found = self.told(self.profile.schema, "looking for the schema")
        if not found or not found[0][0]:
            raise Problem(
                f"There is no schema {schema!r}, or the login may not know of it.",
                f"Check the name in source= and the database of the connection. {self.profile.grant_usage}",
            )
        if not found[0][1]:
            raise Problem(f"The login may not use the schema {schema!r}.", self.profile.grant_usage)
        return f"The schema {schema!r} is there and may be used."

    def table(self) -> str:
        """Ask for the columns: the table is there and may be read."""
        described = self.subject.described
        return f"{_capital(self.subject.label)} is there and may be read; it has {len(described)} columns."

    def columns(self) -> str:
        """Match the columns with what the data type asks for."""
        contract = self.subject.source.contract
        if contract is None:
            raise NotTried(self.subject.source.no_contract)
        selection = select_columns(
            contract,
            [name for name, _ in self.subject.described],
            columns=self.subject.source.columns,
            payload_columns=self.subject.source.payload_columns,
        )
        parts = [f"{UPDATED_AT} is {selection.updated_at}", *_named(selection)]
        if selection.ignored:
            raise Doubt(
                f"{'; '.join(parts)}. Of no use: {', '.join(selection.ignored)}.",
                "Half of an alias, or a column whose part another one plays, is not sent: add the other half, or leave "
                "the column out in a view.",
            )
        return f"{'; '.join(parts)}."

    def types(self) -> str:
        """Ask what the columns hold, and open the source as a sync does."""
        selection = self.subject.opened.selection
        kinds = {name: self.subject.dialect.kind(code) for name, code in self.subject.described}
        shown = [f"{name} {_spoken(kinds[name])}" for name in (selection.updated_at, *selection.identifiers.values())]
        if selection.payload:
            shown.append(f"{selection.payload} {_spoken(kinds[selection.payload])}")
        return f"{', '.join(shown)}."

    def privileges(self) -> str:
        """Ask which rights the login has beyond those that a sync needs."""
        if self.profile.excess_of is not None:
            excess = list(self.profile.excess_of(self.subject))
        elif self.profile.excess is not None:
            excess = [str(right) for (right,) in self.told(self.profile.excess, "looking at the privileges")]
        else:
            raise NotTried("This warehouse does not tell a login's rights.")
        if excess:
            raise Doubt(
                f"The login may read the source, and more than that: {', '.join(dict.fromkeys(excess))}.",
                f"A sync needs {self.profile.least}: give it a login of its own that may do nothing else.",
            )
        return "The login may read the source; nothing beyond that was found."

    def identifiers(self) -> str:
        """Count the rows that nobody's identifier is in."""
        if not self.counts:
            raise NotTried("Counting was turned off.")
        names = self.subject.opened.selection.identifiers
        tests = " and ".join(f"{self.subject.dialect.quoted(name)} is null" for name in names.values())
        text = f"select count(*) as n, count(case when {tests} then 1 end) as nobodys from {self.subject.relation}"  # noqa: S608 - quoted
        ((total, nobodys),) = self.subject.ask(text, f"counting {self.subject.label}")
        if nobodys:
            told = f"{nobodys:,} of {total:,} rows have no value in {', '.join(names.values())}."
            cure = "They become rejects (identifier_missing): fill the column, or leave the rows out in a view."
            raise (Problem if nobodys == total else Doubt)(told, cure)
        return f"All of {total:,} rows have a value in {' or '.join(names.values())}."

    def sample(self) -> str:
        """Encode a few rows as a run would."""
        if self.destination is None:
            raise NotTried("No destination was named, so no row is encoded.")
        codes, reasons, count = self._encoded(self.destination)
        if not count:
            return f"No row with an {UPDATED_AT} is among the first {SAMPLE_ROWS}, so none was looked at."
        if codes:
            told = ", ".join(f"{code} {number:,} ({reasons[code]})" for code, number in codes.most_common())
            cure = "docs/rejects.md says what each code means, the preview shows the rows."
            problem = Problem if codes.total() == count else Doubt
            raise problem(f"Of {count:,} rows, {codes.total():,} would be rejected: {told}.", cure)
        return f"{count:,} rows were made into what would be sent; none would be rejected."

    def _encoded(self, destination: Destination) -> tuple[Counter[str], dict[str, str], int]:
        codes, reasons, count = Counter[str](), dict[str, str](), 0
        text = f"select * from {self.subject.relation} limit {SAMPLE_ROWS}"  # noqa: S608 - quoted
        try:
            source = self.subject.open(text)
        except CdiError as error:
            raise NotTried(f"A few rows alone could not be asked for. {error}") from None
        with closing(source.read(Bounds())) as batches:
            for batch in batches:
                for entry in destination.encode(batch):
                    count += 1
                    if isinstance(entry, Rejection):
                        codes[entry.code] += 1
                        reasons.setdefault(entry.code, entry.reason)
                    else:
                        self.sent_fields |= dict.fromkeys(json_object(entry.body) or ())
        return codes, reasons, count

    def told(self, text: str, doing: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse about itself.

        :raises NotTried: when it does not tell.
        """
        return told(self.subject, text, doing)


def told(subject: Subject, text: str, doing: str) -> list[tuple[Any, ...]]:
    """Ask a warehouse about itself, with the source's names filled in.

    :raises NotTried: when it does not tell.
    """
    *above, table = subject.path
    names = {
        "schema": above[-1] if above else "",
        "database": above[-2] if len(above) > 1 else "",
        "table": table,
        "relation": subject.relation,
        "time": subject.opened.selection.updated_at if "{time}" in text else "",
    }
    text = re.sub(rf"{{({'|'.join(names)})}}", lambda name: _escaped(names[name[1]], subject.dialect), text)
    try:
        return subject.ask(text, doing)
    except CdiError as error:
        raise NotTried(f"The warehouse does not tell. {(error.parts or (str(error), ''))[0]}") from None


def _escaped(value: str, dialect: Dialect) -> str:
    """Return a name as a part of a text of SQL."""
    if dialect.has_backslashes:
        value = value.replace("\\", "\\\\")
    return value.replace("'", "\\'" if dialect.name == "BigQuery" else "''")


def _named(selection: Selection) -> Iterator[str]:
    yield f"whose row it is: {', '.join(selection.identifiers.values())}"
    if selection.payload:
        yield f"the payload is {selection.payload}"
    if selection.payload_fields:
        yield f"the payload is built of {', '.join(one.column for one in selection.payload_fields)}"
    if selection.optional:
        yield f"besides: {', '.join(selection.optional.values())}"


def _spoken(kind: ColumnType) -> str:
    spoken = {ColumnType.TIMESTAMP_TZ: "timestamp with zone", ColumnType.UNKNOWN: "of a type that the driver keeps"}
    return spoken.get(kind, kind.name.lower().replace("_", " "))


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
