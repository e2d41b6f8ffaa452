"""Redshift: a user with a password, or one that AWS IAM logs in, on a cluster or serverless; alone or in a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_cdi.hooks.redshift.hook import REDSHIFT
from airflow_provider_cdi.setup.sql.base import LOOK_AT_PRIVILEGES, WarehouseSetup
from airflow_provider_cdi.setup.sql.names import as_text, printable
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap, Joined, json_word

_ACCOUNT = Gap("AWS_ACCOUNT_ID", "number of the AWS account")
_ROLE = Gap("AIRFLOW_ROLE", "IAM role of the workers")


class RedshiftSetup(WarehouseSetup):
    """Names in quotes are lower case too, unless ``enable_case_sensitive_identifier`` is on."""

    warehouse = "redshift"
    title = "Amazon Redshift"
    dialect = REDSHIFT
    conn_type = "redshift"
    runs_as = "a superuser, in the database that holds the table."
    options_of_its_own = frozenset({"database", "user", "existing_login", "login", "group", "compute", "region"})
    #: In a text of SQL it hides what follows.
    refused_signs = frozenset("\\")
    logins = {
        "password": "a user with a password",
        "iam": "a temporary password from AWS IAM, for a cluster",
        "serverless": "the same, for a serverless workgroup",
    }

    place = ("create schema if not exists {schema}",)
    rights = (
        "grant usage on schema {schema} to {grantee}",
        "grant select on {table} to {grantee}",
    )
    rights_notes = (
        "A sync reads by a cursor inside a read-only transaction, which needs no further right. A view needs no grant "
        "on its tables. A table that is dropped and made again loses its grants."
    )
    network_notes = (
        "The security group of the cluster or workgroup lets the workers in on port 5439; with IAM they reach the AWS "
        "API of the region too. The caller is the worker: the vendors' addresses need not be let in."
    )
    taken_back = ("revoke select on {table} from {grantee}",)
    left_by_klaviyo = (
        "revoke all on all tables in schema {tmp} from {klaviyo}",
        "revoke usage, create on schema {tmp} from {klaviyo}",
        "revoke temporary on database {database} from {klaviyo}",
        "drop schema {tmp}",
    )

    def own_names(self) -> Mapping[str, str]:
        """Return the database, the user and whom the rights are given to."""
        self._database = self.one_name("database", "dev")
        self._user = self._user_name()
        user = (
            self.quoted(self._user)
            if self._user
            else self.blank("user", 'that of the AWS identity, "IAMR:<role>" in double quotes, or say it with --user')
        )
        names = {"database": self.quoted(self._database), "user": user, "grantee": user}
        names["user_text"] = as_text(self._user or "", self.dialect)
        if self.options.group is not None:
            names["group"] = self.quoted(self.one_name("group", ""))
            names["grantee"] = f"group {names['group']}"
        return names

    def login_statements(self) -> Iterable[str]:
        """Return the user, who cannot log in yet, and the group."""
        yield "create user {user} password disable"
        if self.options.group is not None:
            yield "create group {group} with user {user}"

    def secret(self) -> Iterator[Step]:
        """Give the password, or the policy by which AWS gives one."""
        if self.login_kind != "password":
            yield self.shell("What the workers' IAM role may do", self._policy_command())
        elif not self.options.existing_login:
            password = self.blank("password", "in single quotes")
            yield self.sql("The password", [f"alter user {{user}} password {password}"])

    def _user_name(self) -> str | None:
        given = self.options.user
        if self.login_kind == "serverless":
            return printable(given, "--user") if given else None
        return self.one_name("user", self.usual_user)

    def look_statements(self) -> Iterable[str]:
        """Ask for what is needed and for what would be too much, when the user's name is known."""
        return LOOK_AT_PRIVILEGES if self._user else ()

    def taken_back_last_statements(self) -> Iterable[str]:
        """Take the schema from the user or the group, and then these."""
        yield "revoke usage on schema {schema} from {grantee}"
        if self.options.group is not None:
            yield "drop group {group}"
        yield "drop user {user}"

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection."""
        # Else the driver takes any certificate of an authority that the worker knows, whosever it is.
        extra: dict[str, Any] = {"sslmode": "verify-full"}
        fields: dict[str, Any] = {
            "host": Gap("REDSHIFT_HOST", "endpoint without port and database"),
            "port": 5439,
            "schema": self._database,
            "extra": extra,
        }
        if self.login_kind == "serverless":
            extra |= {"iam": True, "is_serverless": True, "serverless_work_group": self._cluster()}
            extra |= {"region": self._region()}
            return fields
        if self.login_kind == "iam":
            extra |= {"iam": True, "cluster_identifier": self._cluster(), "region": self._region()}
        return {**fields, "login": self._user}

    def secret_notes(self) -> str:
        """Say that there is a password, or none."""
        return "The password is missing here." if self.login_kind == "password" else ""

    def _policy_command(self) -> str:
        region = self._region()
        if self.login_kind == "serverless":
            action = "redshift-serverless:GetCredentials"
            resources = [
                Joined(("arn:aws:redshift-serverless:", region, ":", _ACCOUNT, ":workgroup/", self._workgroup()))
            ]
        else:
            action, cluster = "redshift:GetClusterCredentials", self._cluster()
            resources = [
                Joined(("arn:aws:redshift:", region, ":", _ACCOUNT, f":{kind}:", cluster, "/", name))
                for kind, name in (("dbuser", self._user or ""), ("dbname", self._database))
            ]
        allowed = {"Effect": "Allow", "Action": action, "Resource": resources}
        policy = json_word({"Version": "2012-10-17", "Statement": [allowed]}, indent=2)
        return f"aws iam put-role-policy --role-name {_ROLE} \\\n  --policy-name cdi-reader --policy-document {policy}"

    def _cluster(self) -> str | Gap:
        given = self.options.compute
        return printable(given, "--compute") if given else Gap("REDSHIFT_NAME", "name of the cluster or workgroup")

    def _workgroup(self) -> Gap:
        return Gap("REDSHIFT_WORKGROUP_ID", "id of the workgroup, the end of its ARN")

    def _region(self) -> str | Gap:
        given = self.options.region
        return printable(given, "--region") if given else Gap("AWS_REGION", "region, such as eu-west-1")
