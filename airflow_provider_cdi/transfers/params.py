"""The trigger form of a sync: Params that the operators read by default."""

from __future__ import annotations

from airflow.sdk import Param


def sync_params(*, sync_mode: str = "auto", dry_run: bool = False) -> dict[str, Param]:
    """Return the Params of a sync, so that a person who triggers the DAG can choose what the run does.

    .. code-block:: python

        with DAG("users", schedule="@hourly", params=sync_params()): ...

    All syncs of the DAG read them: ``sync_mode``, ``since``, ``until`` and ``dry_run``. Merge others in with
    ``sync_params() | {"mine": Param(...)}``. Scheduled runs use the defaults.

    :param sync_mode: default of the form: ``auto``, ``incremental``, ``full`` or ``window``.
    :param dry_run: default of the form.
    """
    return {
        "sync_mode": Param(
            sync_mode,
            type="string",
            enum=list(_MODES),
            values_display=dict(_MODES),
            title="What to send",
            description="A window leaves the watermark where it is; the others move it.",
        ),
        "since": _moment("Window: since", "First moment of a window. Empty: the start of the data interval."),
        "until": _moment("Window: until", "The moment after a window. Empty: the end of the data interval."),
        "dry_run": Param(
            dry_run,
            type="boolean",
            title="Dry run",
            description="Read and check every row and report what would be sent. Nothing is sent or saved.",
        ),
    }


#: What each mode does, in the words of the form.
_MODES = {
    "auto": "Changes since the last run (a backfill: its data interval)",
    "incremental": "Changes since the last run",
    "full": "Everything again",
    "window": "A window of time",
}


def _moment(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", title=title, description=description)
