"""What ``make demo``, ``make airflow`` and ``make change`` start."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from demo.places import PROJECT, Places


def main() -> int:
    """Run what the command line asks for.

    :return: exit code.
    """
    chosen = _parser().parse_args()
    # Two folders, so that the demonstration can start afresh while an Airflow is up.
    if chosen.what == "tour":
        from demo.tour import Tour

        return 0 if Tour(Places(PROJECT / ".demo")).take() else 1
    places = Places(PROJECT / ".airflow")
    if chosen.what == "change":
        return _change(places)
    from demo.whole_airflow import WholeAirflow

    return WholeAirflow(places, chosen.port, chosen.sandbox_port).serve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("what", nargs="?", default="tour", choices=("tour", "airflow", "change"))
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's UI, for airflow (default: %(default)s)")
    parser.add_argument("--sandbox-port", type=int, default=8125, help="for airflow (default: %(default)s)")
    return parser


def _change(places: Places) -> int:
    from demo.changes import CHANGES, apply_changes
    from demo.screen import say

    if not places.warehouse.exists():
        say("There is no warehouse yet: start `make airflow` first.", indent=0)
        return 1
    apply_changes(places.warehouse, datetime.now(UTC).replace(tzinfo=None))
    for change in CHANGES:
        say(f"- {change.words}", indent=0)
    say("The next runs send these rows and no others.", indent=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
