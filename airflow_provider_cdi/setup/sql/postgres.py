"""PostgreSQL: a role that logs in and reads one table or view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_cdi.hooks.sql.dialects import DIALECTS
from airflow_provider_cdi.setup.sql.base import LOOK_AT_PRIVILEGES, WarehouseSetup
from airflow_provider_cdi.setup.sql.names import as_text, inert
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap


class PostgresSetup(WarehouseSetup):
    """A role has no password until somebody sets it, and a server that asks for one refuses it until then."""

    warehouse = "postgres"
    title = "PostgreSQL"
    dialect = DIALECTS["postgres"]
    conn_type = "postgres"
    runs_as = "a role that may create roles and owns the database, connected to that database."
    options_of_its_own = frozenset({"database", "user", "existing_login"})

    place = ("create schema if not exists {schema}",)
    rights = (
        "grant usage on schema {schema} to {user}",
        "grant select on {table} to {user}",
    )
    rights_notes = (
        "A sync reads by a cursor of the server, which needs no further right. A view needs no grant on its tables. A "
        "table that is dropped and made again loses its grants."
    )
    network_notes = (
        "pg_hba.conf lets the login in from the workers' addresses (hostssl … scram-sha-256), and so does the firewall "
        "on port 5432."
    )
    look = LOOK_AT_PRIVILEGES
    taken_back = ("revoke select on {table} from {user}",)

    def own_names(self) -> Mapping[str, str]:
        """Return the role, and the database when it is named."""
        self._user = self.one_name("user", self.usual_user)
        given = self.options.database
        self._database = self.one_name("database", "") if given is not None else None
        names = {"user": self.quoted(self._user), "user_text": as_text(self._user, self.dialect)}
        return names if self._database is None else {**names, "database": self.quoted(self._database)}

    def after_table(self) -> Iterable[str]:
        """Return the index that lets a run skip what lies below the watermark."""
        index = inert(self.quoted(f"{self.path[-1]}_updated_at"))
        return (f"create index if not exists {index} on {{table}} (updated_at)",)

    def login_statements(self) -> Iterable[str]:
        """Return the role; one that is there stays as it is."""
        made = f"""
begin
  create role {self.quoted(self._user)} login;
exception when duplicate_object then
  null;  -- made for another sync
end"""
        yield inert(f"do {as_text(made, self.dialect)}")
        if self._database is not None:
            yield "grant connect on database {database} to {user}"

    def secret(self) -> Iterator[Step]:
        """Give how psql sets a password that no server log shows."""
        if not self.options.existing_login:
            notes = f"In psql, which asks for it and shows it nowhere: \\password {self.names['user']}"
            yield Step("The password", "sql", "", notes)

    def taken_back_last_statements(self) -> Iterable[str]:
        """Take what else was given, and the role, which must hold no other right."""
        yield "revoke usage on schema {schema} from {user}"
        if self._database is not None:
            yield "revoke connect on database {database} from {user}"
        yield "drop role {user}"

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection; Airflow calls the database ``schema``."""
        return {
            "host": Gap("POSTGRES_HOST", "host of the server"),
            "port": 5432,
            "schema": self._database or Gap("POSTGRES_DATABASE", "name of the database"),
            "login": self._user,
        }

    def secret_notes(self) -> str:
        """Say that the password is missing."""
        return "The password is missing here."
