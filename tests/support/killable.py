"""A try of the operator in a process of its own, so that it can be killed.

``python -m support.killable FOLDER [SUBJECT [RUN]]``; each further call on the same folder is the next try. Another run
than run-1 sends rejected rows again.

What Airflow would keep is kept in files of the folder, written the way a database commits: all or nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_cdi.engine.settings import DeliverySettings
from support.airflow_world import AirflowWorld, MemoryStore, make_operator
from support.subjects import SUBJECTS

WINDOW = 2_000


class FileStore(MemoryStore):
    """A folder with a file a key."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def get(self, key: str, default: Any = None) -> Any:
        file = self._folder / key
        return json.loads(file.read_text()) if file.exists() else default

    def delete(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)

    def set(self, key: str, value: Any, **more: Any) -> None:
        new = self._folder / f"{key}.{os.getpid()}.{threading.get_ident()}"
        new.write_text(json.dumps(value))
        os.replace(new, self._folder / key)


def main(folder: Path, subject: str | None = None, run_id: str = "run-1") -> None:
    task = folder / f"task.{run_id}"
    world = AirflowWorld(asset=FileStore(folder / "asset"), runs={run_id: FileStore(task)})
    chosen = SUBJECTS[subject] if subject else None
    operator = make_operator(
        **({"kind": chosen.kind, **chosen.arguments} if chosen else {}),
        rejects_path=str(folder / "rejects" / "run.jsonl"),
        delivery=DeliverySettings(max_in_flight=8, window_rows=WINDOW),
    )
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())  # as Airflow does it
    tries = FileStore(folder / "tries")
    tries.set("number", tries.get("number", 0) + 1)
    context = world.context(run_id, try_number=tries.get("number"))
    if run_id != "run-1":
        context["dag_run"] = SimpleNamespace(run_type="manual", clear_number=0, conf={"sync_mode": "rejects"})
    report = operator.execute(context)
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
