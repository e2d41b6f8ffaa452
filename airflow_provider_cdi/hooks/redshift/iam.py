"""Temporary passwords for Redshift from AWS IAM: for a cluster, and for a serverless workgroup.

Airflow's hook asks for one itself, and then hands ``iam`` on to the driver, which asks again and wants the region and
the user in other fields. So the password is fetched here, and the hook gets a plain login.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Fields of the extra that only this module reads; the driver does not know some and misreads others.
FIELDS = frozenset(
    {
        "iam",
        "aws_conn_id",
        "region",
        "cluster_identifier",
        "db_user",
        "db_groups",
        "auto_create",
        "is_serverless",
        "serverless_work_group",
        "serverless_acct_id",
        "serverless_token_duration_seconds",
    }
)
#: With one of these the driver has a way of its own to credentials.
_THE_DRIVERS_OWN = frozenset({"credentials_provider", "auth_profile", "profile", "access_key_id"})
#: A password this close to its end is not used any more.
_MARGIN = timedelta(seconds=60)


def wants_iam(extra: Mapping[str, Any]) -> bool:
    """Whether the password of a connection with this extra is fetched here."""
    return bool(extra.get("iam")) and not _THE_DRIVERS_OWN & extra.keys()


class IamPasswords:
    """Fetches temporary passwords and keeps each until it ends.

    The AWS connection is read here, once; :meth:`login` asks AWS alone and may be called by any thread.

    :param connection: of Redshift. Its extra names ``cluster_identifier`` (else the first part of the host), or with
        ``is_serverless`` the ``serverless_work_group``; ``aws_conn_id`` (default ``aws_default``) and ``region``.
    :raises ConfigurationError: when a name is missing.
    """

    def __init__(self, connection: Connection) -> None:
        extra = connection.extra_dejson
        self._call, self._arguments = _request(connection, extra)
        self._client = _client("redshift-serverless" if extra.get("is_serverless") else "redshift", extra)
        self._login = ("", "")
        self._good_until = datetime.fromtimestamp(0, UTC)

    def login(self) -> tuple[str, str]:
        """Return the login and its password.

        :raises botocore.exceptions.ClientError: when AWS refuses.
        :raises botocore.exceptions.BotoCoreError: when AWS cannot be asked.
        """
        if datetime.now(UTC) >= self._good_until:
            # Two threads may both ask: each gets a password that works.
            answer = getattr(self._client, self._call)(**self._arguments)
            found = {name.lower(): value for name, value in answer.items()}
            self._login = found["dbuser"], found["dbpassword"]
            self._good_until = found["expiration"] - _MARGIN
        return self._login


def _request(connection: Connection, extra: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    named = f"The Redshift connection {connection.conn_id!r} has iam in its extra"
    if extra.get("is_serverless"):
        workgroup = extra.get("serverless_work_group")
        if not workgroup:
            raise ConfigurationError(f"{named} and is_serverless: name serverless_work_group there too.")
        seconds = int(extra.get("serverless_token_duration_seconds") or 3600)
        names = {"workgroupName": workgroup, "durationSeconds": seconds, "dbName": connection.schema}
        return "get_credentials", {name: value for name, value in names.items() if value}
    cluster = extra.get("cluster_identifier") or (connection.host or "").split(".", 1)[0]
    user = extra.get("db_user") or connection.login
    if not cluster or not user:
        raise ConfigurationError(f"{named}: name the database user as its login, and cluster_identifier in the extra.")
    names = {
        "DbUser": user,
        "DbName": connection.schema,
        "ClusterIdentifier": cluster,
        "DbGroups": extra.get("db_groups"),
    }
    found = {name: value for name, value in names.items() if value}
    return "get_cluster_credentials", {**found, "AutoCreate": bool(extra.get("auto_create"))}


def _client(service: str, extra: Mapping[str, Any]) -> Any:
    """Make the client that is asked for passwords.

    :raises ConfigurationError: when Airflow's hook can make nothing of the AWS connection.
    :raises botocore.exceptions.BotoCoreError: when boto3 cannot, for want of a region or credentials.
    """
    from airflow.exceptions import AirflowException  # type: ignore[attr-defined]  # the one place of 3.0 and 3.3
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

    name = extra.get("aws_conn_id", "aws_default")
    hook: Any = AwsBaseHook(aws_conn_id=name, client_type=service, region_name=extra.get("region"))
    try:
        return hook.conn
    except BotoCoreError:
        raise  # some of them are a ValueError too
    except (AirflowException, NotImplementedError, ValueError, TypeError, KeyError) as error:
        # Not chained: its text may hold a field of the AWS connection.
        raise ConfigurationError(
            f"The AWS connection {name!r}, named as aws_conn_id, cannot be used: check its fields and its extra. "
            f"AwsBaseHook raised {type(error).__name__}."
        ) from None
