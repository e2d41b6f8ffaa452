"""BigQuery: a service account, two roles on the project and one on the table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.bigquery.hook import BIGQUERY
from airflow_provider_cdi.setup.sql.base import NO_OTHER_SYNC, WarehouseSetup
from airflow_provider_cdi.setup.sql.names import as_source, as_text, printable
from airflow_provider_cdi.setup.sql.script import Step
from airflow_provider_cdi.setup.sql.shell import Gap

#: Google: "Service account ID" and "Project ID"; the domain before the colon is that of old projects.
_ACCOUNT = re.compile(r"[a-z](?:[a-z0-9-]{4,28}[a-z0-9])")
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_ROLES = ("roles/bigquery.jobUser", "roles/bigquery.readSessionUser")


class BigQuerySetup(WarehouseSetup):
    """The project is asked for, because it is a part of the account's name."""

    warehouse = "bigquery"
    title = "BigQuery"
    dialect = BIGQUERY
    conn_type = "gcpbigquery"
    runs_as = "an owner of the project: the commands of gcloud first, then the SQL."
    options_of_its_own = frozenset({"database", "user", "existing_login", "login", "region"})
    refused_signs = frozenset("`\\")
    logins = {"key": "a service account's key", "default": "the credentials of the worker's machine, without a key"}
    usual_user = "cdi-reader"
    reads_behind_views = True

    place = ("create schema if not exists {schema}{location}",)
    rights = ("grant `roles/bigquery.dataViewer` on {kind} {table} to {member}",)
    rights_notes = (
        "Braze's page asks for four roles on the project, Klaviyo's for a fifth. Job User stays; so does Data Viewer, "
        "on this one table. BigQuery User can go: it may create datasets, and holds Job User and Read Session User, "
        "which are given alone. Connection User can go, unless a view asks another database by EXTERNAL_QUERY. Data "
        "Editor on KLAVIYO_TMP can go. Read Session User is new: it reads results fast. A table that is replaced loses "
        "its grants."
    )
    network_notes = (
        "Workers reach bigquery.googleapis.com, bigquerystorage.googleapis.com (gRPC) and oauth2.googleapis.com on "
        "port 443. Where VPC Service Controls guard the project, an ingress rule lets the workers in, not the vendors."
    )
    taken_back = ("revoke `roles/bigquery.dataViewer` on {kind} {table} from {member}",)
    left_by_klaviyo = (
        'revoke `roles/bigquery.dataEditor` on schema {tmp} from "serviceAccount:{klaviyo}"',
        "drop schema {tmp}",
    )

    def database_path(self) -> tuple[str, ...]:
        """Return the project, whose id is no name of SQL and may hold points.

        :raises ConfigurationError: when it is not said; it is not guessed.
        """
        if self.options.database is None:
            raise ConfigurationError("--database is missing: name the project, which is a part of the account's name.")
        return (printable(self.options.database, "--database"),)

    def own_names(self) -> Mapping[str, str]:
        """Return the account as a member, and where the dataset lies."""
        self._project = self.path[0]
        self._email = self._account()
        region = self.options.region
        location = f" options (location = {as_text(printable(region, '--region'), self.dialect)})" if region else ""
        return {"member": f'"serviceAccount:{self._email}"', "location": location}

    def before(self) -> Iterator[Step]:
        """Give the account and its roles on the project."""
        if not self.options.existing_login:
            yield self.shell("The service account", f"{self._gcloud('create')} {self._short()}{self._on_project()}")
            bind = self._for_each_role("add-iam-policy-binding", " --condition=None")
            yield self.shell("Its roles on the project: to run queries, and to read their results fast", bind)

    def secret(self) -> Iterator[Step]:
        """Give the key, where there is one."""
        if self.login_kind == "key" and not self.options.existing_login:
            text = f"{self._gcloud('keys create')} {self._short()}.json --iam-account={self._email}"
            yield self.shell(
                "The key", text, "A file that is a secret: bring it to every worker, readable by Airflow alone."
            )

    def after_all(self) -> Iterator[Step]:
        """Give the account and its roles."""
        text = self._for_each_role("remove-iam-policy-binding", " --condition=None")
        text += f"\n{self._gcloud('delete')} {self._email}{self._on_project()}"
        yield self.shell(NO_OTHER_SYNC, text, is_later=True)

    def connection_fields(self) -> Mapping[str, Any]:
        """Return the connection."""
        extra: dict[str, Any] = {"project": self._project, "dataset": as_source(self.path[1:2], self.dialect)}
        if self.options.region:
            extra["location"] = self.options.region
        if self.login_kind == "key":
            extra["key_path"] = Gap("BIGQUERY_KEY_FILE", "path of the key on every worker")
        return {"extra": extra}

    def _account(self) -> str:
        account = printable(self.options.user or self.usual_user, "--user")
        name, _, host = account.partition("@")
        if not _PROJECT.fullmatch(self._project):
            raise ConfigurationError(f"--database {self._project!r} is no id of a Google Cloud project.")
        domain, _, project = self._project.rpartition(":")
        usual = f"{project}.{domain}.iam.gserviceaccount.com" if domain else f"{project}.iam.gserviceaccount.com"
        if not _ACCOUNT.fullmatch(name) or not re.fullmatch(r"[a-z0-9.-]*", host):
            raise ConfigurationError(
                f"--user {account!r} is no service account: give 6 to 30 lower-case letters, digits and dashes, or its "
                "whole address."
            )
        return f"{name}@{host or usual}"

    def _short(self) -> str:
        return self._email.partition("@")[0]

    def _on_project(self) -> str:
        return f" --project={shlex.quote(self._project)}"

    @staticmethod
    def _gcloud(verb: str) -> str:
        return f"gcloud iam service-accounts {verb}"

    def _for_each_role(self, verb: str, more: str) -> str:
        return (
            f"for role in {' '.join(_ROLES)}; do\n"
            f"  gcloud projects {verb} {shlex.quote(self._project)}{more} \\\n"
            f'    --role="$role" --member=serviceAccount:{self._email}\n'
            "done"
        )
