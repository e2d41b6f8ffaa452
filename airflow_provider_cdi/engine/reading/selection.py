"""Which columns of a source play which part of a contract, decided by name before a row is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One column of the source that becomes one field of the payload.

    :param column: the column's name in the source.
    :param path: where it goes; more than one part nests (``("properties", "amount")``).
    """

    column: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """The columns to read, by the part they play. Source names are spelled as the source spells them.

    :param contract: what was asked for.
    :param updated_at: the source's name of ``UPDATED_AT``.
    :param identifiers: contract name -> source name, in the contract's order; never empty.
    :param optional: the columns beside identifiers and payload: contract name -> source name, of those that the
        contract requires and of the optional ones that the source has; other columns that are taken have their
        source name on both sides.
    :param payload: the source's name of ``PAYLOAD``; None when there is none to read.
    :param payload_fields: the columns from which the payload is built; empty when it is read as it is.
    :param ignored: contract names that the source has and that are of no use (half of an alias, a
        column whose part another one plays).
    """

    contract: TableContract
    updated_at: str
    identifiers: Mapping[str, str]
    optional: Mapping[str, str]
    payload: str | None = None
    payload_fields: tuple[PayloadField, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def telling_identifiers(self) -> tuple[str, ...]:
        """Source names of the identifiers that tell people apart: a label, the second half of a pair, does not."""
        labels = {label for _, label in self.contract.pairs}
        return tuple(source for name, source in self.identifiers.items() if name not in labels)


def select_columns(
    contract: TableContract,
    available: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    payload_columns: Sequence[str] | Mapping[str, str] = (),
) -> Selection:
    """Match a contract with the columns that a source has.

    Names match without regard to case, and the contract says what becomes of other columns. Half of an alias
    beside another identifier is ignored; alone it is an error, and so it is when ``columns`` names it.

    :param contract: what the data type asks for.
    :param available: the source's columns, spelled as the source spells them.
    :param columns: contract name -> source name, for columns that are called differently.
    :param payload_columns: columns from which the payload is built when the source has no ``PAYLOAD``:
        names, which become the payload's keys as they are written here, or source name -> path, in which
        a dot nests (``{"amount": "properties.amount"}``).
    :raises ConfigurationError: when ``columns`` or ``payload_columns`` make no sense for the contract, or
        when ``payload_columns`` are given although there is a ``PAYLOAD`` column: which of the two is
        meant is for the author to say.
    :raises SourceError: when the source lacks a column or has one too many.
    """
    match = _Match(contract, tuple(available), _checked_mapping(contract, columns or {}))
    match.refuse_payload()
    updated_at = match.updated_at()
    identifiers, ignored = match.identifiers()
    payload, fields = match.payload(field_paths(payload_columns))
    optional = match.required(updated_at)
    optional |= match.optional(is_built=bool(fields))
    if _takes_others(contract, has_payload=payload is not None or bool(fields), is_built=bool(fields)):
        others, shadowed = match.others({updated_at, payload, *identifiers.values(), *optional.values()})
        optional |= others
        ignored += shadowed
    return Selection(contract, updated_at, identifiers, optional, payload, fields, ignored)


def _takes_others(contract: TableContract, *, has_payload: bool, is_built: bool) -> bool:
    """Who lists ``payload_columns`` wants those and no others."""
    return not is_built and (
        contract.other_columns == "taken" or (contract.other_columns == "without_payload" and not has_payload)
    )


def _checked_mapping(contract: TableContract, columns: Mapping[str, str]) -> dict[str, str]:
    allowed = contract.names
    by_upper = {name.upper(): name for name in allowed}
    unknown = [name for name in columns if name.upper() not in by_upper]
    if unknown:
        raise ConfigurationError(
            f"columns= names {_listed(unknown)}, which {contract.data_type} does not have. "
            f"The keys are the contract's names: {_listed(allowed)}; the values are the source's names."
        )
    if len({name.upper() for name in columns}) < len(columns):
        raise ConfigurationError(f"columns= names a column twice: {_listed(columns)}. Keep one of the two.")
    return {by_upper[name.upper()]: source for name, source in columns.items()}


def field_paths(payload_columns: Sequence[str] | Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return where each column goes in the payload.

    :param payload_columns: names of columns, or column -> path with dots.
    :raises ConfigurationError: when two columns have one place, or a path has an empty part.
    """
    if isinstance(payload_columns, str):
        raise ConfigurationError(
            "payload_columns= is a list of column names (or a mapping of column name to path), not one text."
        )
    if isinstance(payload_columns, Mapping):
        paths = {column: tuple(path.split(".")) for column, path in payload_columns.items()}
    else:
        paths = {column: (column,) for column in payload_columns}
        if len(paths) < len(payload_columns):
            raise ConfigurationError(f"payload_columns= names a column twice: {_listed(payload_columns)}.")
    _check_paths(list(paths.values()))
    return paths


def _check_paths(paths: list[tuple[str, ...]]) -> None:
    for path in paths:
        if not all(path):
            raise ConfigurationError(f"payload_columns= has the path {'.'.join(path)!r} with an empty part.")
    for one, path in enumerate(paths):
        for two, other in enumerate(paths):
            if one != two and other[: len(path)] == path:
                raise ConfigurationError(
                    f"payload_columns= puts a value at {'.'.join(path)!r} and another at or below it "
                    f"({'.'.join(other)!r}). Give each column a place of its own."
                )


@dataclass(frozen=True, slots=True)
class _Match:
    contract: TableContract
    available: tuple[str, ...]
    columns: Mapping[str, str]

    def refuse_payload(self) -> None:
        """Guard against deleting people by pointing at the wrong table, as Braze does too."""
        if self.contract.refuses_payload and self.spellings(PAYLOAD):
            raise SourceError(
                f"The source has a {PAYLOAD} column, so it does not look like a list of "
                f"{self.contract.data_type}: {self.found()}. Point the sync at the right table, or leave "
                f"{PAYLOAD} out in a view if this is the right one."
            )

    def updated_at(self) -> str:
        found = self.find(UPDATED_AT)
        if found is None:
            raise SourceError(
                f"The source has no {UPDATED_AT} column, which says what changed: {self.found()}. Add it to "
                f"the table or view (a timestamp in UTC), or name the column that plays its part: "
                f'columns={{"{UPDATED_AT}": "<column>"}}.'
            ).of_kind("missing")
        return found

    def identifiers(self) -> tuple[dict[str, str], tuple[str, ...]]:
        names = self.contract.identifiers
        found = {name: source for name in names if (source := self.find(name)) is not None}
        lone = [(half, pair) for pair in self.contract.pairs if (half := _lone_half(pair, found)) is not None]
        for half, pair in lone:
            if half in self.columns or len(found) == len(lone):
                raise SourceError(
                    f"The source has {half} without the other half of the alias; an alias is "
                    f"{' and '.join(pair)}: {self.found()}. Add the other column, or name it in columns=."
                ).of_kind("missing")
        halves = tuple(half for half, _ in lone)
        if not found:
            raise SourceError(
                f"The source has no column that says whose row it is: {self.found()}. {self.contract.data_type} "
                f"needs {'one of ' if len(names) > 1 else ''}{_listed(names)}. Add it, or name the column that "
                f'plays its part: columns={{"{names[0]}": "<column>"}}.'
            ).of_kind("missing")
        return {name: source for name, source in found.items() if name not in halves}, halves

    def payload(self, paths: Mapping[str, tuple[str, ...]]) -> tuple[str | None, tuple[PayloadField, ...]]:
        if not self.contract.has_payload:
            if paths:
                raise ConfigurationError(f"{self.contract.data_type} have no payload: leave out payload_columns=.")
            return None, ()
        found = self.find(PAYLOAD)
        if paths and found is not None:
            raise ConfigurationError(
                f"The source has the payload column {found!r} and payload_columns= is given too. Remove "
                f"payload_columns=, or read from a view or sql= that leaves {found!r} out."
            )
        if not paths and found is None and self.contract.needs_payload:
            raise SourceError(
                f"The source has no {PAYLOAD} column: {self.found()}. Add it, name the column that plays its "
                f'part (columns={{"{PAYLOAD}": "<column>"}}), or build it: payload_columns=["<column>", ...].'
            ).of_kind("missing")
        fields = (PayloadField(self.existing(column, "payload_columns="), path) for column, path in paths.items())
        return found, tuple(fields)

    def required(self, updated_at: str) -> dict[str, str]:
        """Find the columns that there must be beside identifiers and payload."""
        found = {name: self.find(name) for name in self.contract.required}
        for name, source in found.items():
            if source is None:
                raise SourceError(
                    f"The source has no {name} column, which {self.contract.data_type} need: {self.found()}. Add it, "
                    f'or name the column that plays its part: columns={{"{name}": "<column>"}}.'
                ).of_kind("missing")
            if source == updated_at:
                raise SourceError(
                    f"The column {source!r} cannot be both {UPDATED_AT} and {name}: {UPDATED_AT} says when the row "
                    "came or changed, and only rows that are newer by it are sent. Add a column with the load time."
                )
        return {name: source for name, source in found.items() if source is not None}

    def optional(self, *, is_built: bool) -> dict[str, str]:
        """Find the columns that there may be; of content only what is named, where the payload is built."""
        names = [
            name
            for name in self.contract.optional
            if not is_built or name not in self.contract.contents or name in self.columns
        ]
        return {name: found for name in names if (found := self.find(name)) is not None}

    def others(self, used: Collection[str | None]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return the columns that play no part yet, and those left out: another column plays the part they name."""
        names = {name.casefold() for part in self.contract.names for name in self.contract.spellings(part)}
        unused = [column for column in self.available if column not in used]
        shadowed = tuple(column for column in unused if column.casefold() in names)
        return {column: column for column in unused if column not in shadowed}, shadowed

    def find(self, name: str) -> str | None:
        """Return the source's name of a column of the contract, None when the source has not got it."""
        if name in self.columns:
            return self.existing(self.columns[name], f"columns= for {name}")
        found = [column for spelling in self.contract.spellings(name) for column in self.spellings(spelling)]
        return self.only(found, name)

    def existing(self, column: str, where: str) -> str:
        """Return the source's spelling of a column that the author named; the exact spelling wins."""
        if column in self.available:
            return column
        found = self.only(self.spellings(column), column)
        if found is None:
            raise SourceError(f"The source has no column {column!r}, named in {where}: {self.found()}.").of_kind(
                "missing"
            )
        return found

    def spellings(self, name: str) -> list[str]:
        return [column for column in self.available if column.casefold() == name.casefold()]

    def only(self, spellings: list[str], name: str) -> str | None:
        if len(spellings) > 1:
            differ = "differ only by case" if len({column.casefold() for column in spellings}) == 1 else "mean the same"
            raise SourceError(
                f"The source has columns that {differ}, {_listed(spellings)}, so {name} could be any "
                f'of them. Say which: columns={{"{name}": "{spellings[0]}"}}, or rename one in a view.'
            )
        return spellings[0] if spellings else None

    def found(self) -> str:
        return f"its columns are {_listed(self.available)}" if self.available else "it has no columns"


def _lone_half(pair: tuple[str, str], found: Mapping[str, str]) -> str | None:
    present = [name for name in pair if name in found]
    return present[0] if len(present) == 1 else None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
