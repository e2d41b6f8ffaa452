"""``airflow cdi setup-sql``: the whole set-up of a sync on a warehouse, as a script. It asks nobody."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import cdi_command, option
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.setup.sql.options import SetupOptions

WAREHOUSES = ("snowflake", "redshift", "bigquery", "databricks", "postgres", "duckdb")
PARTS = ("sql", "shell", "connection", "check", "dag")


def _run(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.cli.output import print_json, print_text
    from airflow_provider_cdi.setup.sql.choice import setup_script

    try:
        script = setup_script(_setup_options(options))
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    if options.output == "json":
        print_json(script.to_json())
    elif options.part is not None:
        print_text(script.only(options.part))
    else:
        print_text(script.as_sql())
    return None


def _setup_options(options: argparse.Namespace) -> SetupOptions:
    from airflow_provider_cdi.setup.sql.options import SetupOptions

    given: dict[str, Any] = {
        one.name: getattr(options, one.name) for one in fields(SetupOptions) if one.name in options
    }
    given["columns"] = _columns(options.columns or [])
    given["addresses"] = tuple(options.addresses or ())
    given["public_key"] = _public_key(options.public_key_file)
    return SetupOptions(**given)


def _columns(given: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in given:
        name, is_pair, column = pair.partition("=")
        if not (name and is_pair and column):
            raise ConfigurationError(
                f"--column {pair!r} is no pair: give NAME=COLUMN, such as EXTERNAL_ID=customer_id."
            )
        if name in columns:
            raise ConfigurationError(f"--column names {name} twice: give each once.")
        columns[name] = column
    return columns


def _public_key(path: str | None) -> str | None:
    from airflow_provider_cdi.setup.sql.options import public_key_body

    if path is None:
        return None
    try:
        with open(path, encoding="ascii") as file:
            return public_key_body(file.read())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"--public-key-file {path!r} cannot be read: {reason}.") from None


COMMAND = cdi_command(
    "setup-sql",
    _run,
    help="Print the SQL that sets up a sync: table, login, least rights",
    description="Print the whole set-up of one sync on one warehouse: schema, table with every column of the data "
    "type, compute, login, the least rights, and then the Airflow connection and the DAG. Nothing is connected to, and "
    "nothing is changed. Names are written as in source=: plain, or in double quotes to be taken as they are.",
    args=(
        option("warehouse", choices=WAREHOUSES, metavar="WAREHOUSE", help=", ".join(WAREHOUSES)),
        option("--destination", required=True, choices=("braze", "klaviyo"), help="Where the rows go"),
        option("--data-type", required=True, help="What the rows are, for example attributes or profiles"),
        option(
            "--database",
            "--project",
            "--catalog",
            help="Database; BigQuery's project, which is needed; Databricks' catalog (hive_metastore: without Unity "
            "Catalog); DuckDB's file",
        ),
        option("--schema", "--dataset", help="Schema; BigQuery's dataset"),
        option("--table", help="Table, or view, that the sync reads"),
        option("--view-of", metavar="TABLE", help="Make a view of a table of yours instead of a table"),
        option(
            "--column",
            action="append",
            dest="columns",
            metavar="NAME=COLUMN",
            help="Of the view: which column plays which part, such as EXTERNAL_ID=customer_id. May be repeated",
        ),
        option("--existing-table", action="store_true", help="The table is there: make none, give the rights"),
        option("--existing-view", action="store_true", help="The same, and it is a view"),
        option("--user", help="The login; BigQuery's service account; Databricks' application id or e-mail address"),
        option("--existing-login", action="store_true", help="The login is there, made for another sync"),
        option(
            "--login",
            help="How it logs in. Snowflake: key, token. Redshift: password, iam, serverless. BigQuery: key, default. "
            "Databricks: oauth, token. The first of each is the default",
        ),
        option("--role", help="Snowflake's role"),
        option("--group", help="Redshift: the rights go to a group; DuckDB: the group that may read the file"),
        option(
            "--compute",
            help="Snowflake's warehouse; the id of Databricks' SQL warehouse; Redshift's cluster or workgroup",
        ),
        option("--region", "--location", help="Redshift's region; where BigQuery's dataset lies"),
        option("--public-key-file", metavar="PATH", help="Snowflake: the public key, in PEM form"),
        option(
            "--worker-address",
            action="append",
            dest="addresses",
            metavar="ADDRESS",
            help="Snowflake: address of a worker, for a network policy of the login. May be repeated",
        ),
        option("--conn-id", help="Id of the Airflow connection. Default: <warehouse>_default"),
        option("--braze-catalog", help="For catalog_items: the catalog's name"),
        option("--revoke", action="store_true", help="Print what takes the rights back"),
        option("--part", choices=PARTS, help="Print this part alone, such as sql for a pipe into psql"),
    ),
    examples=(
        "snowflake --destination braze --data-type attributes --public-key-file cdi_key.pub",
        "bigquery --destination klaviyo --data-type profiles --project my-project --part shell",
        "postgres --destination braze --data-type events --view-of crm.events --column EXTERNAL_ID=customer_id",
        "postgres --destination braze --data-type events --revoke --part sql",
    ),
)
