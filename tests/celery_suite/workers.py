"""Two Celery workers that share nothing but the network, and who of them takes the next try."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
from celery import Celery
from celery_suite.machine import ADDRESS
from scheduler.components import READY_SECONDS, Components, family, free_ports
from scheduler.databases import Databases
from scheduler.waiting import until

TESTS = Path(__file__).parent.parent
QUEUE = "default"
#: Worker -> the name of its machine, an address that is nobody else's.
MACHINES = {"a": "127.0.0.2", "b": "127.0.0.3"}


class CeleryComponents(Components):
    """One Airflow with Redis and two workers; each has a home and a folder for temporary files of its own.

    :param home: Airflow's folder.
    :param databases: Airflow's own database, and the warehouse.
    """

    def __init__(self, home: Path, databases: Databases) -> None:
        redis_port, log_port = free_ports(2)
        self._redis_port = redis_port
        broker = f"redis://127.0.0.1:{redis_port}/0"
        more = {
            "AIRFLOW__API__SECRET_KEY": "of-these-tests-alone",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of-these-tests-alone-and-long-enough-for-a-signature",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://127.0.0.1:{redis_port}/1",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_port),
        }
        super().__init__(home, databases, more)
        self._celery = Celery(broker=broker)
        self._frozen: set[str] = set()

    def start(self) -> None:
        """Start everything, and return when both workers answer."""
        redis = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._redis_port), "--save", ""]
        self._spawn("redis", [*redis, "--appendonly", "no"])
        for worker in MACHINES:
            self.start_worker(worker)
        super().start()
        until(lambda: self._answering() == set(map(_node, MACHINES)), "both workers answer", seconds=READY_SECONDS)

    def stop(self) -> None:
        """End everything that was started, frozen workers too."""
        for worker in MACHINES:
            if f"worker-{worker}" in self._processes:
                self.thaw(worker)
        super().stop()
        self._celery.close()

    # --- workers ----------------------------------------------------------------------------------------

    def home_of(self, worker: str) -> Path:
        """Return the home of a worker."""
        return self.home / f"worker-{worker}"

    def start_worker(self, worker: str) -> None:
        """Start a worker, for the first time or again; it takes nothing before it is told to."""
        home = self.home_of(worker)
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        own = {
            ADDRESS: MACHINES[worker],
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "celery_suite.machine.name",
            "HOME": str(home),
            "PYTHONPATH": str(TESTS),
            "TMPDIR": str(home / "tmp"),
        }
        command = [sys.executable, "-m", "celery_suite.machine", "celery", "worker"]
        name = f"worker-{worker}"
        self._spawn(
            name, [*command, "--celery-hostname", name, "--queues", f"none-{worker}", "--concurrency", "2"], own
        )

    def kill(self, worker: str) -> None:
        """``kill -9`` of a worker and all its tasks: the machine is gone. It is started again."""
        for process in self._family_of(worker):
            process.kill()
        self._processes[f"worker-{worker}"].wait()
        self.start_worker(worker)
        until(lambda: _node(worker) in self._answering(), f"worker {worker} is back", seconds=READY_SECONDS)

    def freeze(self, worker: str) -> None:
        """Stop a worker and all its tasks where they stand, as a machine that is paused.

        It must not be taking new tries: Redis would hand it the next one, and there it would stay.
        """
        self._frozen.add(worker)
        self._signal(worker, signal.SIGSTOP)

    def thaw(self, worker: str) -> None:
        """Let them go on."""
        self._frozen.discard(worker)
        self._signal(worker, signal.SIGCONT)

    def only(self, *workers: str) -> None:
        """Let just these workers take new tries; what they have they keep."""
        for worker in MACHINES.keys() - self._frozen:
            act = self._celery.control.add_consumer if worker in workers else self._celery.control.cancel_consumer
            until(lambda act=act, worker=worker: act(QUEUE, reply=True, destination=[_node(worker)]), f"{worker} obeys")

    def _answering(self) -> set[str]:
        return {name for answer in self._celery.control.ping(timeout=1) for name in answer}

    def _task_parents(self) -> list[psutil.Process]:
        return [process for worker in MACHINES for process in self._family_of(worker)]

    def _family_of(self, worker: str) -> list[psutil.Process]:
        return family(self._processes[f"worker-{worker}"].pid)

    def _signal(self, worker: str, number: int) -> None:
        for process in self._family_of(worker):
            with suppress(ProcessLookupError):  # it ended since it was listed
                os.kill(process.pid, number)


def what_is_missing(databases: Databases) -> str:
    """Say why there can be no Celery here, empty when there can."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed (Debian: apt-get install redis-server)"
    if databases.name.startswith("SQLite"):
        return (
            "Airflow runs no Celery with SQLite, and PostgreSQL is not installed (Debian: apt-get install postgresql)"
        )
    return ""


def _node(worker: str) -> str:
    return f"celery@worker-{worker}"
