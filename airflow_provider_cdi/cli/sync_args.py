"""The options that name a sync: by its DAG, by its id, or by what it reads and where it sends it."""

from __future__ import annotations

from airflow_provider_cdi.cli.command import option

ARG_DAG_FILE = option(
    "-S",
    "--dag-file",
    "--subdir",
    dest="dag_file",
    metavar="PATH",
    help="DAG file, or folder of DAG files. Default: all DAGs that Airflow is configured with",
)

#: For every command that is about one sync; :func:`airflow_provider_cdi.cli.find_sync.find_sync` reads them.
SYNC_ARGS = (
    option("--dag-id", help="The DAG of the sync"),
    option("--task-id", help="The task of the sync; not needed when the DAG has one sync"),
    option("--sync-id", help="The id of the sync, instead of its DAG and task"),
    option("--map-index", type=int, help="Which instance of a mapped task; not needed when there is one"),
    ARG_DAG_FILE,
    option("--warehouse-conn-id", help="Connection of the warehouse, when there is no DAG yet"),
    option("--source", help="Table or view that is read"),
    option("--sql", help="Query that is read, instead of a table"),
    option("--data-type", help="What the rows are, for example attributes"),
    option("--braze-conn-id", help="Connection of type braze: the rows go to Braze"),
    option("--klaviyo-conn-id", help="Connection of type klaviyo: the rows go to Klaviyo"),
    option("--http-conn-id", help="Connection of type http: the rows go to your own service (with --arg endpoint=/…)"),
    option(
        "--arg",
        action="append",
        dest="arguments",
        metavar="NAME=VALUE",
        help="Any other argument of the operator, as JSON or text; also instead of what the DAG says. May be repeated",
    ),
)
