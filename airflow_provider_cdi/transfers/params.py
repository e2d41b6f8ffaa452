"""The trigger form of a sync: Params that the operators read by default."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

#: What a person may choose for a run.
CHOICES = (
    "sync_mode",
    "since",
    "until",
    "dry_run",
    "pass_gates",
    "reject_codes",
    "reject_run_id",
    "reject_older_than",
    "reject_unknown",
    "reject_stored_payload",
)
#: In a Param's schema: it is one of these, and not one of the DAG's own that has the same name. It holds the default,
#: because Airflow writes what a run was given over the Param's own value.
_MARK = "x-cdi-default"


def sync_params(*, sync_mode: str = "auto", dry_run: bool = False) -> dict[str, Param]:
    """Return the Params of a sync, so that a person who triggers the DAG can choose what the run does.

    .. code-block:: python

        with DAG("users", schedule="@hourly", params=sync_params()): ...

    All syncs of the DAG read them: ``sync_mode``, ``since``, ``until``, ``dry_run``, ``pass_gates``, and for rejected
    rows ``reject_codes``, ``reject_run_id``, ``reject_older_than``, ``reject_unknown`` and ``reject_stored_payload``.
    Merge others in with ``sync_params() | {"mine": Param(...)}``. Scheduled runs use the defaults. A Param that the DAG
    declares itself under one of these names is not read. Without any, a run may still be given them as ``conf``.

    :param sync_mode: default of the form: ``auto``, ``incremental``, ``full``, ``window`` or ``rejects``.
    :param dry_run: default of the form.
    """
    return {
        "sync_mode": Param(
            sync_mode,
            type="string",
            enum=list(_MODES),
            values_display=dict(_MODES),
            title="What to send",
            description=(
                "A window, a backfill, rejected rows and a dry run leave the watermark where it is; the others move it."
            ),
            **_marked(sync_mode),
        ),
        "since": _moment(
            "Window: since",
            "First moment of a window. Filled in, a window is sent; with another choice above, the run stops.",
        ),
        "until": _moment(
            "Window: until",
            "The moment after a window. Filled in, a window is sent. Empty: the end of the data interval, else now.",
        ),
        "dry_run": Param(
            dry_run,
            type="boolean",
            title="Dry run",
            description=(
                "Read and check every row and report what would be sent. This run sends nothing and moves no "
                "watermark. It does not start while the DAG is paused, and a DAG that is switched on for it really "
                "sends on its schedule."
            ),
            **_marked(dry_run),
        ),
        # Without a default of one's own: a gate that every run passes is none.
        "pass_gates": Param(
            False,
            type="boolean",
            title="Let this run pass its gates",
            description=(
                "Send however much is due, for this one run: max_rows, max_share_of_source, max_data_points, "
                "max_new_profiles and delete_cap do not stop it. Read first why they stopped the run before."
            ),
            **_marked(False),
        ),
        **_reject_params(),
    }


def _reject_params() -> dict[str, Param]:
    return {
        "reject_codes": _text(
            "Rejected rows: codes",
            "Only rows that were rejected with one of these codes, one a line or with commas. Empty: any code.",
            is_list=True,
        ),
        "reject_run_id": _text("Rejected rows: of the run", "Only rows that this run rejected. Empty: any run."),
        "reject_older_than": _text(
            "Rejected rows: older than",
            "Only rows rejected longer ago than this (90m, 12h, 7d, 2w), or before this time. Empty: all.",
        ),
        "reject_unknown": _box(
            "Rejected rows: unknown ones too",
            "Also events and purchases of which nobody knows whether they arrived. They may count twice.",
        ),
        "reject_stored_payload": _box(
            "Rejected rows: as they were",
            "Send what was rejected, as the reject file keeps it, and not the row as it is now.",
        ),
    }


#: What each mode does, in the words of the form.
_MODES = {
    "auto": "Changes since the last run (a backfill: its data interval)",
    "incremental": "Changes since the last run",
    "full": "Everything again",
    "window": "A window of time",
    "rejects": "Rejected rows again",
}


def _moment(title: str, description: str) -> Param:
    kind = ["null", "string"]
    return Param(None, type=kind, format="date-time", title=title, description=description, **_marked(None))


def _text(title: str, description: str, *, is_list: bool = False) -> Param:
    kind = ["null", "string", "array"] if is_list else ["null", "string"]
    return Param("", type=kind, title=title, description=description, **_marked(""))


def _box(title: str, description: str) -> Param:
    return Param(False, type="boolean", title=title, description=description, **_marked(False))


def _marked(default: Any) -> dict[str, Any]:
    return {_MARK: default}


def is_of_sync(param: object) -> bool:
    """Whether a Param is one of :func:`sync_params`."""
    return _MARK in getattr(param, "schema", {})


def default_of(param: Any) -> Any:
    """Return what a Param of :func:`sync_params` is when nobody touches the form."""
    return param.schema[_MARK]
