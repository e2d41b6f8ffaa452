"""Databricks: a service principal or a user, with Unity Catalog's rights or those of the old metastore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_cdi.hooks.databricks.hook import DIALECT
from airflow_provider_cdi.setup.sql.base import NO_OTHER_SYNC, Statements, WarehouseSetup
from airflow_provider_cdi.setup.sql.names import printable
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap, json_word, word

#: The catalog of schemas that Unity Catalog does not govern.
HIVE = "hive_metastore"
_PRINCIPAL = Gap("CDI_APPLICATION_ID", "applicationId of the service principal")


class DatabricksSetup(WarehouseSetup):
    """A principal is named by its application id, which is known once it is made; a user by the e-mail address."""

    warehouse = "databricks"
    title = "Databricks"
    dialect = DIALECT
    conn_type = "databricks"
    runs_as = "an admin of the workspace who may manage the catalog: the databricks commands first, then the SQL."
    options_of_its_own = frozenset({"database", "user", "existing_login", "login", "compute"})
    logins = {"oauth": "a service principal with an OAuth secret", "token": "a personal access token"}

    usual_database = {"braze": "main", "klaviyo": "main"}
    place = ("create schema if not exists {schema}",)
    rights = (
        "grant use catalog on catalog {database} to {user}",
        "grant {schema_right} on schema {schema} to {user}",
        "grant select on {kind} {table} to {user}",
    )
    rights_notes = (
        "A view needs no grant on its tables. A table that is replaced keeps its grants. Needed too, and no SQL: Can "
        "use on the SQL warehouse."
    )
    taken_back = ("revoke select on {kind} {table} from {user}",)
    taken_back_last = (
        "revoke {schema_right} on schema {schema} from {user}",
        "revoke use catalog on catalog {database} from {user}",
    )
    look = ("show grants {user} on {kind} {table}",)
    network_notes = (
        "Workers reach the workspace's host and, for Cloud Fetch, its cloud storage, both on port 443. An IP access "
        "list of the workspace holds the workers' addresses; those of the vendors can be taken off it."
    )
    left_by_klaviyo = ("revoke all privileges on schema {tmp} from `{klaviyo}`", "drop schema {tmp}")

    @property
    def has_unity_catalog(self) -> bool:
        """Whether the catalog is one of Unity Catalog."""
        return self.path[0].lower() != HIVE

    def rights_statements(self) -> Statements:
        """Return the rights of the catalog's kind."""
        return self._of_catalog(self.rights)

    def taken_back_last_statements(self) -> Statements:
        """Take the others."""
        return self._of_catalog(self.taken_back_last)

    def _of_catalog(self, statements: Statements) -> Statements:
        """Leave out what the old metastore does not know."""
        return tuple(one for one in statements if self.has_unity_catalog or "on catalog" not in one)

    def own_names(self) -> Mapping[str, str]:
        """Return the principal."""
        given = self.options.user
        self._user = None if given is None else printable(given, "--user")
        return {
            "user": self._unknown() if self._user is None else self.quoted(self._user),
            "schema_right": "use schema" if self.has_unity_catalog else "usage",
        }

    def _unknown(self) -> str:
        return self.blank("application id", "that of the service principal in backquotes, or say it with --user")

    def before(self) -> Iterator[Step]:
        """Give the principal, and the right to compute."""
        if not self.options.existing_login and self._user is None:
            principal = {
                "displayName": "cdi-reader",
                "active": True,
                "entitlements": [{"value": "databricks-sql-access"}],
            }
            yield self.shell(
                "The service principal",
                f"databricks service-principals create --json {json_word(principal)}",
                "It shows the applicationId by which the principal is named from here on. With --user it stands below.",
            )
        kind = "user_name" if self._user and "@" in self._user else "service_principal_name"
        entry = {kind: self._user or _PRINCIPAL, "permission_level": "CAN_USE"}
        grant = json_word({"access_control_list": [entry]})
        compute = word(self._warehouse_id())
        yield self.shell(
            "Compute: Can use on the SQL warehouse",
            f"databricks permissions update warehouses {compute} \\\n  --json {grant}",
        )

    def secret(self) -> Iterator[Step]:
        """Give secret or token."""
        if self.options.existing_login:
            return
        if self.login_kind == "oauth":
            notes = "Settings > Identity and access > Service principals > (yours) > Secrets > Generate secret."
            yield Step("The secret", "sql", "", notes)
        elif self._user and "@" in self._user:
            notes = f"As {self._user}: Settings > Developer > Access tokens. Note when it ends."
            yield Step("The token", "sql", "", notes)
        else:
            principal = word(self._user or _PRINCIPAL)
            text = f"databricks token-management create-obo-token {principal} --lifetime-seconds 7776000 --comment cdi"
            yield self.shell("The token", text, "It is shown once and lives 90 days.")

    def after_all(self) -> Iterator[Step]:
        """Say what is left of the principal."""
        notes = "Can use on the SQL warehouse is taken under SQL Warehouses > (yours) > Permissions."
        yield Step(NO_OTHER_SYNC, "sql", "", notes)

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection."""
        path = Gap("DATABRICKS_HTTP_PATH", "HTTP path of the SQL warehouse") if self.options.compute is None else None
        extra: dict[str, Any] = {
            "http_path": path or f"/sql/1.0/warehouses/{self._warehouse_id()}",
            "catalog": self.path[0],
            "schema": self.path[1],
        }
        fields: dict[str, Any] = {"host": Gap("DATABRICKS_WORKSPACE", "host of the workspace")}
        if self.login_kind == "oauth":
            fields["login"] = self._user or _PRINCIPAL
            extra["service_principal_oauth"] = True
        return {**fields, "extra": extra}

    def secret_notes(self) -> str:
        """Say what the password is."""
        return (
            "The secret is the password."
            if self.login_kind == "oauth"
            else "The token is the password, beside an empty login."
        )

    def _warehouse_id(self) -> str | Gap:
        given = self.options.compute
        return printable(given, "--compute") if given else Gap("DATABRICKS_WAREHOUSE_ID", "id of the SQL warehouse")
