"""Snowflake: a role that reads one object, a user of the type SERVICE with a key pair or a token, a small warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_cdi.hooks.snowflake.hook import SNOWFLAKE
from airflow_provider_cdi.setup.sql.base import WarehouseSetup
from airflow_provider_cdi.setup.sql.names import as_source, as_text, inert
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap, word


class SnowflakeSetup(WarehouseSetup):
    """Objects are made by SYSADMIN, who then owns them; the login and its rights by SECURITYADMIN."""

    warehouse = "snowflake"
    title = "Snowflake"
    dialect = SNOWFLAKE
    conn_type = "snowflake"
    runs_as = "a user who may use the roles SYSADMIN and SECURITYADMIN, from the first line to the last."
    options_of_its_own = frozenset(
        {"database", "role", "user", "existing_login", "login", "compute", "public_key", "addresses"}
    )
    logins = {"key": "a key pair", "token": "a programmatic access token"}
    usual_user = "CDI_SVC"
    #: The names of Braze's and of Klaviyo's page.
    usual_database = {"braze": "BRAZE_CLOUD_PRODUCTION", "klaviyo": "KLAVIYO_DATABASE"}

    place = (
        "use role sysadmin",
        "create database if not exists {database}",
        "create schema if not exists {schema}",
    )
    computing = (
        "use role sysadmin",
        "create warehouse if not exists {compute}\n"
        "  warehouse_size = xsmall auto_suspend = 60 auto_resume = true initially_suspended = true",
    )
    rights = (
        "use role securityadmin",
        "grant usage on warehouse {compute} to role {role}",
        "grant usage on database {database} to role {role}",
        "grant usage on schema {schema} to role {role}",
        "grant select on {kind} {table} to role {role}",
    )
    rights_notes = (
        "A sync creates no table and no stage, and a user may see and cancel queries of its own. A warehouse that does "
        "not resume by itself needs operate too. A view needs no grant on its tables. A table that is replaced loses "
        "its grants, unless it is replaced with copy grants."
    )
    look = ("show grants to role {role}",)
    network_notes = (
        "Workers reach the account's host and the cloud storage that holds results, both on port 443; "
        "select system$allowlist() names them. The caller is the worker: the vendors' addresses need not be let in."
    )
    taken_back = ("use role securityadmin", "revoke select on {kind} {table} from role {role}")
    taken_back_last = (
        "revoke usage on schema {schema} from role {role}",
        "revoke usage on database {database} from role {role}",
        "revoke usage on warehouse {compute} from role {role}",
        "drop user if exists {user}",
        "drop role if exists {role}",
    )
    left_by_klaviyo = (
        "revoke all privileges on all tables in schema {tmp} from role {klaviyo}",
        "revoke all privileges on future tables in schema {tmp} from role {klaviyo}",
        "revoke all privileges on schema {tmp} from role {klaviyo}",
        "revoke monitor on database {database} from role {klaviyo}",
        "drop schema {tmp}",
    )

    def own_names(self) -> Mapping[str, str]:
        """Return role, user and warehouse."""
        self._role = self.one_name("role", "CDI_READER")
        self._user = self.one_name("user", self.usual_user)
        self._compute = self.one_name("compute", "CDI_WH")
        return {
            "role": self.quoted(self._role),
            "role_text": as_text(as_source((self._role,), self.dialect), self.dialect),
            "user": self.quoted(self._user),
            "compute": self.quoted(self._compute),
        }

    def login_statements(self) -> Iterable[str]:
        """Return role and user. Without secondary roles it has this role's rights and no others."""
        return (
            "use role securityadmin",
            "create role if not exists {role}",
            "create user if not exists {user}\n"
            "  type = service default_role = {role} default_secondary_roles = () default_warehouse = {compute}",
            "grant role {role} to user {user}",
        )

    def secret(self) -> Iterator[Step]:
        """Give the key, unless another sync has brought it already."""
        if self.options.existing_login:
            return
        if self.login_kind == "token":
            yield self.sql(
                "The token",
                [
                    "alter user {user} add programmatic access token CDI\n"
                    "  role_restriction = {role_text} days_to_expiry = 90"
                ],
                "Snowflake shows it once, and wants a network policy for such a user.",
            )
            return
        given = self.options.public_key
        key = (
            as_text(given, self.dialect)
            if given
            else self.blank("public key", "its body in one line, in single quotes")
        )
        yield self.sql("The key", [f"alter user {{user}} set rsa_public_key = {key}"], self._key_notes())

    def network_statements(self) -> Iterable[str]:
        """Return the policy for the addresses that were given."""
        if not self.options.addresses:
            return ()
        policy = inert(self.quoted(f"{self._user}_WORKERS"))
        listed = ", ".join(f"'{address}'" for address in self.options.addresses)
        return (
            "use role securityadmin",
            f"create network policy {policy} allowed_ip_list = ({listed})",
            f"alter user {{user}} set network_policy = {policy}",
        )

    def after_all(self) -> Iterator[Step]:
        """Give the warehouse."""
        yield self.sql(
            "Only when it was made for this", ["use role sysadmin", "drop warehouse {compute}"], is_later=True
        )

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection."""
        token = {"authenticator": "programmatic_access_token"}
        key = {"private_key_file": Gap("SNOWFLAKE_KEY_FILE", "path of the private key on every worker")}
        # Here too a name without quotes is upper case.
        database, schema, role, compute = (
            as_source((name,), self.dialect) for name in (*self.path[:2], self._role, self._compute)
        )
        extra = {"account": Gap("SNOWFLAKE_ACCOUNT", "organization-account")}
        names = {"warehouse": compute, "database": database, "role": role}
        login = token if self.login_kind == "token" else key
        return {"login": self._user, "schema": schema, "extra": {**extra, **names, **login}}

    def secret_notes(self) -> str:
        """Say what the password is."""
        return "The token is the password." if self.login_kind == "token" else "The key's passphrase is the password."

    def _key_notes(self) -> str:
        if self.options.public_key:
            return ""
        return (
            f"airflow cdi keygen snowflake --user {word(self._user)} --out cdi_key.p8 makes the pair and prints this "
            "statement; a public key that is there is put in by --public-key-file."
        )
