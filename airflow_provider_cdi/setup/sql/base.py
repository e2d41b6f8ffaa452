"""What the set-up of every warehouse has in common; each says in its own file what is odd about it, mostly as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.sql.dialects import Dialect
from airflow_provider_cdi.setup.sql.airflow_side import check_commands, dag_file
from airflow_provider_cdi.setup.sql.names import (
    KLAVIYO_TMP,
    Blank,
    as_source,
    as_sql,
    as_text,
    inert,
    path_of,
    printable,
    usual_schema,
    usual_table,
)
from airflow_provider_cdi.setup.sql.options import SetupOptions, check_options, option
from airflow_provider_cdi.setup.sql.script import Script, Step
from airflow_provider_cdi.setup.sql.shell import json_word, word
from airflow_provider_cdi.setup.sql.view import view_columns
from airflow_provider_cdi.setup.tables import create_table, written

NO_OTHER_SYNC = "Only when no other sync uses this login"
DESTINATIONS: Mapping[str, str] = {"braze": "Braze", "klaviyo": "Klaviyo"}

#: Statements without the semicolon; ``{schema}`` and the like are names as quoted SQL.
Statements = tuple[str, ...]
#: PostgreSQL and Redshift: what is needed, and what would be too much.
LOOK_AT_PRIVILEGES: Statements = (
    "select has_schema_privilege({user_text}, {schema_text}, 'usage') as may_enter,\n"
    "  has_table_privilege({user_text}, {table_text}, 'select') as may_read,\n"
    "  has_table_privilege({user_text}, {table_text}, 'insert') as must_be_false",
)


class WarehouseSetup:
    """The set-up of one sync.

    A subclass is data first: statements with names in braces. ``{database}``, ``{schema}`` and ``{table}`` are complete
    and quoted, as are ``{user}``, ``{role}``, ``{group}``, ``{compute}``; ``{kind}`` is ``table`` or ``view``.

    :param options: what is asked for.
    :param contract: of the data type.
    :raises ConfigurationError: when an option makes no sense for the warehouse, or a name is none.
    """

    warehouse: ClassVar[str]
    title: ClassVar[str]
    dialect: ClassVar[Dialect]
    conn_type: ClassVar[str]
    #: Who may run the script.
    runs_as: ClassVar[str]
    #: Options that it has beside those of all.
    options_of_its_own: ClassVar[frozenset[str]] = frozenset()
    #: Kind of login -> what it is, the usual one first.
    logins: ClassVar[Mapping[str, str]] = {}
    usual_user: ClassVar[str] = "cdi_reader"
    #: Destination -> the database when none is said; empty where it is no part of a table's name.
    usual_database: ClassVar[Mapping[str, str]] = {}
    #: Whether who reads a view must be allowed to read the table behind it.
    reads_behind_views: ClassVar[bool] = False

    #: Signs that a name may not hold, because the warehouse does not allow them, or reads them otherwise in a text.
    refused_signs: ClassVar[frozenset[str]] = frozenset()

    place: ClassVar[Statements] = ()
    computing: ClassVar[Statements] = ()
    rights: ClassVar[Statements] = ()
    rights_notes: ClassVar[str] = ""
    look: ClassVar[Statements] = ()
    network_notes: ClassVar[str] = ""
    taken_back: ClassVar[Statements] = ()
    #: What other syncs of the same login need too.
    taken_back_last: ClassVar[Statements] = ()
    #: What Klaviyo's own import had and this package does not need; ``{tmp}`` is its schema, ``{klaviyo}`` its login.
    left_by_klaviyo: ClassVar[Statements] = ()

    def __init__(self, options: SetupOptions, contract: TableContract) -> None:
        self.options = options
        self.contract = contract
        check_options(options, self.title, also=self.options_of_its_own, logins=self.logins)
        self.blanks: list[str] = []
        self.login_kind = options.login or next(iter(self.logins), "")
        self.path = self._table_path()
        self.names = self._names()

    # --- the script -------------------------------------------------------------------------------

    def script(self) -> Script:
        """Return the steps in the order in which they are taken."""
        steps = self._steps_back() if self.options.revoke else self._steps()
        told = tuple(step for step in steps if step.text or step.notes)
        does = "Take-back" if self.options.revoke else "Set-up"
        title = (
            f"{does} of one sync: {self.title} to {DESTINATIONS[self.options.destination]}, {self.contract.data_type}."
        )
        return Script(title, self.options.command, self.runs_as, tuple(self.blanks), told)

    def _steps(self) -> Iterator[Step]:
        yield from self.before()
        if not self._is_there:
            yield self.sql("The schema", self.place)
            yield self._object()
        yield self.sql("Compute", self.computing)
        yield self.sql("The login", [] if self.options.existing_login else self.login_statements())
        rights = [*self.rights_statements(), *self._behind_the_view()]
        yield self.sql("The rights, and no more", rights, self.rights_notes)
        yield from self.secret()
        yield Step("Network", "sql", self._sql(self.network_statements()), self.network_notes)
        yield self.sql("Look at what the login may do", self.look_statements())
        if self.options.destination == "klaviyo" and self.left_by_klaviyo:
            yield self._left_by_klaviyo()
        yield Step("The connection in Airflow", "connection", self._connection_command(), self._secret_notes())
        source = as_source(self.path, self.dialect)
        yield Step("Check it, and look at the first rows", "check", check_commands(self.options, self.conn_id, source))
        yield Step("The DAG", "dag", dag_file(self.options, self.conn_id, source))

    def _steps_back(self) -> Iterator[Step]:
        yield self.sql("The right to read", self.taken_back, "The table stays.")
        yield self.sql(NO_OTHER_SYNC, self.taken_back_last_statements(), is_later=True)
        yield from self.after_all()

    def before(self) -> Iterator[Step]:
        """Give what must be done before there is anything to grant to."""
        yield from ()

    def secret(self) -> Iterator[Step]:
        """Give how the login gets its key, password or token."""
        yield from ()

    def after_all(self) -> Iterator[Step]:
        """Give what is taken back at last by other means than SQL."""
        yield from ()

    def rights_statements(self) -> Iterable[str]:
        """Return what a sync needs and no more."""
        return self.rights

    def look_statements(self) -> Iterable[str]:
        """Return what shows the rights of the login."""
        return self.look

    def taken_back_last_statements(self) -> Iterable[str]:
        """Return what takes back what other syncs of the login need too."""
        return self.taken_back_last

    def login_statements(self) -> Iterable[str]:
        """Return what makes the login."""
        return ()

    def network_statements(self) -> Iterable[str]:
        """Return what lets the workers in."""
        return ()

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the Airflow connection without its secret, its type left out."""
        raise NotImplementedError

    def secret_notes(self) -> str:
        """Say which secret is to be entered in Airflow, and where; empty when there is none."""
        return ""

    def _secret_notes(self) -> str:
        said = self.secret_notes()
        return said and (
            f"{said} Enter it in Airflow under Admin > Connections, or keep the connection in a secrets backend: in a "
            "command it would stand in the process list and in the shell's history."
        )

    # --- pieces -----------------------------------------------------------------------------------

    @property
    def conn_id(self) -> str:
        """The id of the Airflow connection."""
        given = self.options.conn_id
        return f"{self.warehouse}_default" if given is None else printable(given, "--conn-id")

    def sql(self, title: str, statements: Iterable[str], notes: str = "", is_later: bool = False) -> Step:
        """Return a step of statements, empty when there are none."""
        text = self._sql(statements)
        return Step(title, "sql", text, notes if text else "", is_later)

    def shell(self, title: str, text: str, notes: str = "", is_later: bool = False) -> Step:
        """Return a step of commands."""
        return Step(title, "shell", text, notes, is_later)

    def blank(self, mark: str, meaning: str) -> str:
        """Return what only a person can fill in, and note for the head of the script what that is."""
        blank, told = Blank(mark), f"{Blank(mark)}, {meaning}"
        if told not in self.blanks:
            self.blanks.append(told)
        return str(blank)

    def one_name(self, name: str, usual: str) -> str:
        """Return the name that an option gives, else the usual one, folded as the warehouse folds names."""
        text = getattr(self.options, name)
        return self.path_of(usual if text is None else text, option(name), parts=1)[0]

    def path_of(self, text: str, option: str, *, parts: int) -> tuple[str, ...]:
        """Take a name apart.

        :raises ConfigurationError: when it is none, or none in this warehouse.
        """
        for sign in sorted(self.refused_signs & set(text)):
            raise ConfigurationError(
                f"{option} holds {sign}, which no name in {self.title} may hold here: take it out."
            )
        return path_of(text, self.dialect, option, parts=parts)

    def quoted(self, name: str) -> str:
        """Return a name as quoted SQL."""
        return self.dialect.quoted(name)

    def database_path(self) -> tuple[str, ...]:
        """Return the database as the beginning of a table's path; nothing where it is no part of that."""
        return (
            (self.one_name("database", self.usual_database[self.options.destination]),) if self.usual_database else ()
        )

    def schema_path(self, schema: str) -> tuple[str, ...]:
        """Return the complete path of a schema."""
        return (*self.database_path(), schema)

    def own_names(self) -> Mapping[str, str]:
        """Return further names for the statements, as quoted SQL."""
        return {}

    def _sql(self, statements: Iterable[str]) -> str:
        return "\n".join(f"{statement.format(**self.names)};" for statement in statements)

    def _table_path(self) -> tuple[str, ...]:
        destination, data_type = self.options.destination, self.options.data_type
        schema = self.one_name("schema", usual_schema(destination))
        table = self.one_name("table", usual_table(destination, data_type))
        return (*self.schema_path(schema), table)

    def _names(self) -> dict[str, str]:
        names = {
            "schema": as_sql(self.path[:-1], self.dialect),
            "table": as_sql(self.path, self.dialect),
            "kind": "view" if self.options.view_of or self.options.existing_view else "table",
            "tmp": as_sql(self.schema_path(self.dialect.folds(KLAVIYO_TMP)), self.dialect),
        }
        if len(self.path) > 2:
            names["database"] = as_sql(self.path[:1], self.dialect)
        # Functions about privileges take a schema's bare name, and a table's path as SQL writes it.
        texts = {
            "schema_text": as_text(self.path[-2], self.dialect),
            "table_text": as_text(names["table"], self.dialect),
        }
        return {**names, **texts, **self.own_names()}

    @property
    def _is_there(self) -> bool:
        return self.options.existing_table or self.options.existing_view

    def _object(self) -> Step:
        if self.options.view_of is None:
            text = create_table(self.warehouse, self.contract, self.names["table"], if_missing=True)
            return self.sql(
                "The table", [inert(text), *self.after_table()], "Leave out the columns that you have no use for."
            )
        columns = view_columns(self.contract, self.options.columns)
        selected = ",\n".join(
            f"  {self.quoted(self._column(column))} as {self._written(name)}" for name, column in columns.items()
        )
        text = f"create view {self.names['table']} as\nselect\n{selected}\nfrom {self._viewed()}"
        return self.sql("The view", [inert(text)])

    def after_table(self) -> Iterable[str]:
        """Return what follows the statement that makes the table."""
        return ()

    def _column(self, text: str) -> str:
        return self.path_of(text, "--column", parts=1)[0]

    def _written(self, name: str) -> str:
        return written(self.warehouse, name) if name in self.contract.names else self.quoted(self._column(name))

    def _viewed(self) -> str:
        viewed = self.path_of(str(self.options.view_of), "--view-of", parts=len(self.path))
        return as_sql((*self.path[: len(self.path) - len(viewed)], *viewed), self.dialect)

    def _behind_the_view(self) -> Sequence[str]:
        if not (self.reads_behind_views and self.options.view_of):
            return ()
        behind = f"table {inert(self._viewed())}"
        return [right.replace("{kind} {table}", behind) for right in self.rights if "{table}" in right]

    def _left_by_klaviyo(self) -> Step:
        notes = (
            "Klaviyo's own import wrote to a second schema. Nothing here needs it: once that import is switched off, "
            "its rights can go, and then the schema."
        )
        names = {**self.names, "klaviyo": str(Blank("login of its import"))}
        text = "\n".join(f"{one.format(**names)};" for one in self.left_by_klaviyo)
        return Step(f"When Klaviyo's own import is off: what of {KLAVIYO_TMP} can be revoked", "sql", text, notes, True)

    def _connection_command(self) -> str:
        fields = json_word({"conn_type": self.conn_type, **self.connection_fields()}, indent=2)
        return f"airflow connections add {word(self.conn_id)} --conn-json {fields}"
