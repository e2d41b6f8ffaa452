"""A worker on a machine of its own, as far as one machine can play several: its name is a loopback address.

``python -m celery_suite.machine celery worker …`` is ``airflow celery worker …``, whose log server would otherwise
listen on all addresses of this machine.
"""

from __future__ import annotations

import os
from typing import Any

ADDRESS = "CDI_MACHINE"


def name() -> str:
    """Return the machine's name, for ``[core] hostname_callable``; the API server asks there for the tasks' logs."""
    return os.environ[ADDRESS]


def main() -> None:
    """Run Airflow's command line."""
    import uvicorn
    from airflow.__main__ import main as airflow

    run = uvicorn.run

    def run_here(*arguments: Any, **options: Any) -> None:
        run(*arguments, **{**options, "host": name()})

    uvicorn.run = run_here
    airflow()


if __name__ == "__main__":
    main()
