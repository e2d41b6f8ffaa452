# PYTHON_ARGCOMPLETE_OK
"""``python -m airflow_provider_cdi``: what ``airflow cdi`` is where Airflow is too old for it (before 3.2)."""

from __future__ import annotations

import os
import sys

if not {"-v", "--verbose"} & set(sys.argv):
    # Read when Airflow is imported, which logs to standard output before any command is asked.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

from airflow_provider_cdi.cli.parser import main

if __name__ == "__main__":
    main()
