"""``python -m airflow_provider_cdi.live_check``: see :mod:`airflow_provider_cdi.live_check.command`."""

from __future__ import annotations

import os
import sys

# Read when Airflow is imported. What its hooks log goes to the output that the report is written to.
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

from airflow_provider_cdi.live_check.command import main

if __name__ == "__main__":
    sys.exit(main())
